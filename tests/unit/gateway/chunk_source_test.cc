// Chunks of objects elsewhere: fetched as ranges of the very version, sealed so that the chunk
// opener opens them, and refused when the upstream gives anything else.
#include "gateway/chunk_source.h"

#include <set>

#include "io/scope.h"
#include "tests/unit/gateway/upstream_case.h"

namespace cairn::gateway {
namespace {

class ChunkSourceTest : public UpstreamTest {};
INSTANTIATE_ON_BOTH_BACKENDS(ChunkSourceTest);

std::string body_of(size_t size_bytes) {
  std::string body(size_bytes, '\0');
  for (size_t i = 0; i < size_bytes; ++i) body[i] = static_cast<char>(i * 7 + i / 251);
  return body;
}

RemoteObjectPointer open(UpstreamTest& self, const std::string& body, std::string etag) {
  auto object = std::make_unique<RemoteObject>();
  object->link = self.link;
  object->key = "p/k";
  object->etag = std::move(etag);
  object->size_bytes = body.size();
  object->name = remote_name(*self.ring.current(crypto::kRootTenant), *object);
  return self.remotes.share(std::move(object));
}

// The plaintext of whole frames of a chunk, or the code of the failure.
io::Task<std::string> read(UpstreamTest& self, storage::ChunkId id, ByteRange range) {
  Result<storage::SealedRead> sealed = co_await self.source.read(id, range);
  if (!sealed) co_return std::string(to_string(sealed.error().code));
  const Result<crypto::ChunkOpener> opener =
      crypto::ChunkOpener::create(self.ring, crypto::kRootTenant, id, sealed->header);
  EXPECT_TRUE(opener.has_value());
  if (!opener) co_return "no opener";
  EXPECT_EQ(opener->plaintext_bytes(), sealed->payload_bytes);
  const Status opened =
      opener->open_frames(range.offset_bytes / crypto::kFrameBytes, sealed->payload.span());
  EXPECT_TRUE(opened.has_value());
  co_return std::string(as_text(sealed->payload.view()));
}

io::Task<void> read_into(UpstreamTest& self, RemoteObjectPointer object, uint64_t number,
                         std::string& into) {
  into = co_await read(self, object->chunk_id(number), {0, MiB});
}

io::Task<void> ranges(UpstreamTest& self) {
  const std::string body = body_of(2 * MiB + 100'000);
  self.handler.answer = [&body](const SeenRequest& request) {
    return UpstreamTest::serve(request, body, "one");
  };
  const RemoteObjectPointer object = open(self, body, "one");
  EXPECT_EQ(co_await read(self, object->chunk_id(0), {0, MiB}), body.substr(0, MiB));
  EXPECT_EQ(self.handler.seen.at(0).get("if-match"), "\"one\"");
  EXPECT_EQ(self.handler.seen.at(0).get("range"), "bytes=0-1048575");
  EXPECT_EQ(co_await read(self, object->chunk_id(1), {128 * KiB, 64 * KiB}),
            body.substr(MiB + 128 * KiB, 64 * KiB));
  EXPECT_EQ(co_await read(self, object->chunk_id(2), {0, MiB}), body.substr(2 * MiB));
  EXPECT_EQ(co_await read(self, object->chunk_id(2), {64 * KiB, MiB}),
            body.substr(2 * MiB + 64 * KiB));
  EXPECT_EQ(co_await read(self, object->chunk_id(3), {0, MiB}), "not found");
}
TEST_P(ChunkSourceTest, GivesAnyFramesOfAnyChunk) {
  with_link({}, ranges);
}

// What is asked for side by side goes in one request; who goes on behind it is served from the same
// answer, as far as somebody said that it is wanted.
io::Task<void> neighbours(UpstreamTest& self) {
  const std::string body = body_of(12 * MiB);
  self.handler.answer = [&body](const SeenRequest& request) {
    return UpstreamTest::serve(request, body, "one");
  };
  const RemoteObjectPointer object = open(self, body, "one");
  std::vector<std::string> got(12);
  const auto read_blocks = [&](io::Scope& scope, size_t first, size_t count) {
    for (size_t i = first; i < first + count; ++i) scope.spawn(read_into(self, object, i, got[i]));
  };
  object->want({0, body.size()});
  io::Scope scope;
  read_blocks(scope, 0, 4);
  co_await scope.join();
  read_blocks(scope, 4, 3);
  co_await scope.join();
  EXPECT_EQ(self.handler.seen.size(), 2u);
  EXPECT_EQ(self.handler.seen.at(0).get("range"), "bytes=0-4194303");
  EXPECT_EQ(self.handler.seen.at(1).get("range"), "bytes=4194304-12582911");
  // Elsewhere, and then on behind.
  read_blocks(scope, 9, 1);
  co_await scope.join();
  EXPECT_EQ(self.handler.seen.at(2).get("range"), "bytes=9437184-10485759");
  read_blocks(scope, 7, 2);
  read_blocks(scope, 10, 1);
  co_await scope.join();
  EXPECT_EQ(self.handler.seen.size(), 4u);
  EXPECT_EQ(self.handler.seen.at(3).get("range"), "bytes=10485760-12582911");
  object->forget_want({0, body.size()});
  read_blocks(scope, 11, 1);
  co_await scope.join();
  EXPECT_EQ(self.handler.seen.size(), 4u);
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], body.substr(i * MiB, MiB)) << i;
}
TEST_P(ChunkSourceTest, ServesReadersWhoGoOnFromOneAnswer) {
  with_link({}, neighbours);
}

io::Task<void> wrong(UpstreamTest& self) {
  const std::string body = body_of(MiB);
  const RemoteObjectPointer object = open(self, body, "one");
  const auto outcome = [&](auto change) -> io::Task<std::string> {
    self.handler.answer = [&body, change](const SeenRequest& request) {
      ScriptedReply reply = UpstreamTest::serve(request, body, "one");
      change(reply);
      return reply;
    };
    return read(self, object->chunk_id(0), {0, 64 * KiB});
  };
  EXPECT_EQ(co_await outcome([](ScriptedReply& reply) { reply.fields[0].second = "\"two\""; }),
            "failed precondition");
  EXPECT_EQ(co_await outcome(
                [](ScriptedReply& reply) { reply.fields.back().second = "bytes 1-65536/1048576"; }),
            "unavailable");
  EXPECT_EQ(co_await outcome(
                [](ScriptedReply& reply) { reply.fields.back().second = "bytes 0-65535/1048577"; }),
            "unavailable");
  EXPECT_EQ(co_await outcome([](ScriptedReply& reply) { reply.body.pop_back(); }), "unavailable");
  EXPECT_EQ(co_await outcome([](ScriptedReply& reply) { reply.body += 'x'; }), "unavailable");
  EXPECT_EQ(co_await outcome([](ScriptedReply& reply) { reply.status = 200; }), "unavailable");
  EXPECT_GE(self.link->counters().wrong_answers.load(), 6U);
}
TEST_P(ChunkSourceTest, RefusesAnotherEtagRangeLengthOrSize) {
  with_link({}, wrong);
}

io::Task<void> changed(UpstreamTest& self) {
  const std::string body = body_of(MiB);
  self.handler.answer = [&body](const SeenRequest& request) {
    return UpstreamTest::serve(request, body, "two");
  };
  const RemoteObjectPointer object = open(self, body, "one");
  EXPECT_EQ(co_await read(self, object->chunk_id(0), {0, MiB}), "failed precondition");
  EXPECT_EQ(object->failure().value_or(transfer::Failure()).status, 412);
  self.handler.answer = [](const SeenRequest&) {
    return ScriptedReply{403, {}, "<Error><Code>AccessDenied</Code></Error>"};
  };
  EXPECT_EQ(co_await read(self, object->chunk_id(0), {0, MiB}), "permission denied");
}
TEST_P(ChunkSourceTest, TellsThatTheObjectIsAnotherOneNow) {
  with_link({}, changed);
}

// Not every server knows If-Match of a GET. One that has another object now is not ill.
io::Task<void> heedless(UpstreamTest& self) {
  const std::string body = body_of(MiB);
  self.handler.answer = [&body](const SeenRequest& request) {
    SeenRequest without = request;
    std::erase_if(without.fields, [](const auto& field) {
      return http::equals_ignoring_case(field.first, "if-match");
    });
    return UpstreamTest::serve(without, body, "two");
  };
  const RemoteObjectPointer object = open(self, body, "one");
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(co_await read(self, object->chunk_id(0), {0, MiB}), "failed precondition");
  }
  EXPECT_EQ(self.handler.seen.size(), 10U);
  EXPECT_EQ(self.link->counters().failures.load(), 0U);
  EXPECT_FALSE(self.link->is_open());
}
TEST_P(ChunkSourceTest, AnotherObjectIsToldByItsEtagToo) {
  with_link({}, heedless);
}

io::Task<void> salted(UpstreamTest& self) {
  const std::string body = body_of(64 * KiB);
  self.handler.answer = [&body](const SeenRequest& request) {
    return UpstreamTest::serve(request, body, "one");
  };
  const RemoteObjectPointer object = open(self, body, "one");
  std::set<Bytes> headers;
  for (int i = 0; i < 3; ++i) {
    const Result<storage::SealedRead> sealed =
        co_await self.source.read(object->chunk_id(0), {0, MiB});
    EXPECT_TRUE(sealed.has_value());
    if (sealed) headers.insert(sealed->header);
  }
  EXPECT_EQ(headers.size(), 3U);
}
TEST_P(ChunkSourceTest, NeverSealsTwiceUnderOneKey) {
  with_link({}, salted);
}

io::Task<void> names(UpstreamTest& self) {
  const std::string body = body_of(3 * MiB);
  const RemoteObjectPointer one = open(self, body, "one");
  const RemoteObjectPointer two = open(self, body, "two");
  EXPECT_EQ(open(self, body, "one"), one);
  EXPECT_NE(one->name, two->name);
  std::set<std::array<uint8_t, 32>> ids;
  for (const RemoteObjectPointer& object : {one, two}) {
    for (uint64_t number = 0; number < 3; ++number) {
      const storage::ChunkId id = object->chunk_id(number);
      ids.insert(id.bytes);
      const std::optional<RemoteChunk> parsed = parse_chunk_id(id);
      EXPECT_TRUE(parsed && parsed->name == object->name && parsed->number == number);
    }
  }
  EXPECT_EQ(ids.size(), 6U);
  EXPECT_FALSE(parse_chunk_id(storage::ChunkId{}));
  const storage::ChunkId gone = open(self, body, "gone")->chunk_id(0);
  EXPECT_EQ(self.remotes.find(parse_chunk_id(gone)->name), nullptr);
  EXPECT_EQ(co_await read(self, gone, {0, MiB}), "not found");
}
TEST_P(ChunkSourceTest, NamesFollowFromWhatAVersionIs) {
  with_link({}, names);
}

}  // namespace
}  // namespace cairn::gateway
