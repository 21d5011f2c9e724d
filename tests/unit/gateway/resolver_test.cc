// What an object is: one question for all who ask, none within the TTL, a new one after a change,
// and the old answer when the upstream is down and the settings allow it.
#include "gateway/resolver.h"

#include "io/scope.h"
#include "tests/unit/gateway/upstream_case.h"

namespace cairn::gateway {
namespace {

class ResolverTest : public UpstreamTest {};
INSTANTIATE_ON_BOTH_BACKENDS(ResolverTest);

Settings with_ttl(Duration ttl, Duration stale = {}) {
  Settings settings;
  settings.ttl = ttl;
  settings.stale_if_error = stale;
  return settings;
}

io::Task<std::string> etag_of(UpstreamTest& self, std::string key, bool past_cache = false) {
  const auto found = co_await self.resolver.resolve(self.link, {std::move(key), "", past_cache});
  co_return found ? (*found)->etag : std::to_string(found.error().status);
}

io::Task<void> ask_into(UpstreamTest& self, std::vector<std::string>& etags) {
  std::string etag = co_await etag_of(self, "k");
  etags.push_back(std::move(etag));
}

io::Task<void> shares(UpstreamTest& self) {
  self.handler.answer = [](const SeenRequest& request) {
    return UpstreamTest::serve(request, "body", "one");
  };
  std::vector<std::string> etags;
  io::Scope scope;
  for (int i = 0; i < 20; ++i) scope.spawn(ask_into(self, etags));
  co_await scope.join();
  EXPECT_EQ(etags, std::vector<std::string>(20, "one"));
  EXPECT_EQ(self.handler.seen.size(), 1U);
  if (self.handler.seen.empty()) co_return;
  EXPECT_EQ(self.handler.seen[0].method, "HEAD");
  EXPECT_EQ(self.handler.seen[0].target, "/theirs/p/k");
  EXPECT_EQ(co_await etag_of(self, "k"), "one");
  EXPECT_EQ(self.handler.seen.size(), 1U);
}
TEST_P(ResolverTest, ManyWhoAskAtOnceAskOnce) {
  with_link(with_ttl(seconds(60)), shares);
}

io::Task<void> forgets(UpstreamTest& self) {
  std::string etag = "one";
  self.handler.answer = [&etag](const SeenRequest& request) {
    return UpstreamTest::serve(request, "body", etag);
  };
  EXPECT_EQ(co_await etag_of(self, "k"), "one");
  etag = "two";
  EXPECT_EQ(co_await etag_of(self, "k"), "one");
  EXPECT_EQ(co_await etag_of(self, "k", true), "two");
  etag = "three";
  self.resolver.forget(*self.link, "k");
  EXPECT_EQ(co_await etag_of(self, "k"), "three");
}
TEST_P(ResolverTest, AChangeOrANewQuestionIsSeenAtOnce) {
  with_link(with_ttl(seconds(60)), forgets);
}

// The upstream has answered a question and changes the object before who asks for what is true now
// comes: the answer that is still on its way is not his.
io::Task<void> ask_now(UpstreamTest& self, std::string& etag, bool past_cache) {
  std::string got = co_await etag_of(self, "k", past_cache);
  etag = std::move(got);
}
io::Task<void> overtaken(UpstreamTest& self, bool past_cache) {
  io::Scope scope;
  std::string late;
  self.handler.answer = [&](const SeenRequest& request) {
    const bool is_first = self.handler.seen.size() == 1;
    if (is_first) scope.spawn(ask_now(self, late, past_cache));
    return UpstreamTest::serve(request, "body", is_first ? "one" : "two");
  };
  EXPECT_EQ(co_await etag_of(self, "k"), "one");
  co_await scope.join();
  EXPECT_EQ(late, "two");
  EXPECT_EQ(self.handler.seen.size(), 2U);
}
TEST_P(ResolverTest, WhoAsksForWhatIsTrueNowTakesNoOlderAnswer) {
  with_link(with_ttl(seconds(60)), [](UpstreamTest& self) { return overtaken(self, true); });
}
TEST_P(ResolverTest, NorDoesAnybodyWithoutATtl) {
  with_link(with_ttl(Duration{}), [](UpstreamTest& self) { return overtaken(self, false); });
}

// Settings that changed lead elsewhere: what is there is asked for, whatever the TTL.
io::Task<void> moves(UpstreamTest& self) {
  self.handler.answer = [](const SeenRequest& request) {
    const bool is_old = request.target == "/theirs/p/k";
    return UpstreamTest::serve(request, "body", is_old ? "old" : "new");
  };
  EXPECT_EQ(co_await etag_of(self, "k"), "old");
  const std::shared_ptr<Link> before = self.link;
  Settings settings = before->settings();
  settings.prefix = "q/";
  self.link = std::make_shared<Link>(before->place(), settings, std::string(), io::system_network(),
                                     self.random);
  EXPECT_EQ(co_await etag_of(self, "k"), "new");
  EXPECT_EQ(co_await etag_of(self, "k"), "new");
  EXPECT_EQ(self.handler.seen.size(), 2U);
  // A change of either is one of the bucket's key.
  self.resolver.forget(*before, "k");
  EXPECT_EQ(co_await etag_of(self, "k"), "new");
  EXPECT_EQ(self.handler.seen.size(), 3U);
  co_await before->close();
}
TEST_P(ResolverTest, AnotherPlaceIsAskedAnew) {
  with_link(with_ttl(seconds(3600)), moves);
}

io::Task<void> absent(UpstreamTest& self) {
  self.handler.answer = [](const SeenRequest&) { return ScriptedReply{404}; };
  EXPECT_EQ(co_await etag_of(self, "k"), "404");
  EXPECT_EQ(co_await etag_of(self, "k"), "404");
  EXPECT_EQ(self.handler.seen.size(), 1U);
  self.handler.answer = [](const SeenRequest& request) {
    return UpstreamTest::serve(request, "body", "one");
  };
  (void)co_await io::sleep_for(kAbsentTtlMax + milliseconds(100));
  EXPECT_EQ(co_await etag_of(self, "k"), "one");
}
TEST_P(ResolverTest, AnAbsenceIsBelievedForASecondAtMost) {
  with_link(with_ttl(seconds(60)), absent);
}

io::Task<void> incomplete(UpstreamTest& self) {
  self.handler.answer = [](const SeenRequest&) { return ScriptedReply{200, {}, "body"}; };
  EXPECT_EQ(co_await etag_of(self, "k"), "0");
  EXPECT_EQ(self.metadata.entries_count(), 0U);
}
TEST_P(ResolverTest, AnAnswerWithoutAnEtagIsNone) {
  with_link(with_ttl(seconds(60)), incomplete);
}

io::Task<void> stale(UpstreamTest& self) {
  self.handler.answer = [](const SeenRequest& request) {
    return UpstreamTest::serve(request, "body", "one");
  };
  EXPECT_EQ(co_await etag_of(self, "k"), "one");
  self.handler.answer = [](const SeenRequest&) { return ScriptedReply{500}; };
  (void)co_await io::sleep_for(milliseconds(60));
  EXPECT_EQ(co_await etag_of(self, "k"), "one");
  EXPECT_EQ(self.link->counters().stale.load(), 1U);
  EXPECT_EQ(co_await etag_of(self, "other"), "500");
}
TEST_P(ResolverTest, TheOldAnswerStandsInWhileTheUpstreamIsDown) {
  with_link(with_ttl(milliseconds(50), seconds(60)), stale);
}

io::Task<void> not_stale(UpstreamTest& self) {
  self.handler.answer = [](const SeenRequest& request) {
    return UpstreamTest::serve(request, "body", "one");
  };
  EXPECT_EQ(co_await etag_of(self, "k"), "one");
  self.handler.answer = [](const SeenRequest&) { return ScriptedReply{500}; };
  (void)co_await io::sleep_for(milliseconds(60));
  EXPECT_EQ(co_await etag_of(self, "k"), "500");
}
TEST_P(ResolverTest, AndDoesNotWhereNobodyAllowedIt) {
  with_link(with_ttl(milliseconds(50)), not_stale);
}

}  // namespace
}  // namespace cairn::gateway
