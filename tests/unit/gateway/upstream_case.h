// A link to an upstream whose answers a test scripts, over loopback, on both I/O backends.
#pragma once

#include <memory>
#include <string>

#include "gateway/chunk_source.h"
#include "gateway/resolver.h"
#include "storage/memory_store.h"
#include "tests/unit/transfer/scripted_server.h"

namespace cairn::gateway {

using transfer::ScriptedReply;
using transfer::SeenRequest;

class UpstreamTest : public transfer::ScriptedServerTest {
 public:
  UpstreamTest() : ring(crypto::SecretKey::generate(random)) {
    EXPECT_TRUE(ring.create_version(crypto::kRootTenant, random).has_value());
    source.set_keys(ring);
  }

  SeededRandom random{3};
  crypto::KeyRing ring;
  storage::MemoryStore home;
  MetadataCache metadata;
  Resolver resolver{metadata};
  RemoteObjects remotes;
  ChunkSource source{home, remotes, random};
  std::shared_ptr<Link> link;

  // A bucket's object for HEAD and ranges, as S3 answers.
  static ScriptedReply serve(const SeenRequest& request, const std::string& body,
                             const std::string& etag) {
    ScriptedReply reply{
        200,
        {{"ETag", "\"" + etag + "\""}, {"Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT"}},
        body};
    const std::string range = request.get("range");
    if (request.get("if-match") != "(none)" && request.get("if-match") != "\"" + etag + "\"") {
      return {412, {}, "<Error><Code>PreconditionFailed</Code></Error>"};
    }
    if (range == "(none)") return reply;
    const size_t first = std::stoul(range.substr(range.find('=') + 1));
    const size_t last = std::stoul(range.substr(range.find('-') + 1));
    reply.status = 206;
    reply.body = body.substr(first, last - first + 1);
    reply.fields.emplace_back("Content-Range", "bytes " + std::to_string(first) + "-" +
                                                   std::to_string(last) + "/" +
                                                   std::to_string(body.size()));
    return reply;
  }

 protected:
  using Body = io::Task<void> (*)(UpstreamTest&);
  void with_link(Settings settings, Body body) {
    settings_ = std::move(settings);
    body_ = body;
    with_client({}, [](transfer::ScriptedServerTest& base) {
      return drive(static_cast<UpstreamTest&>(base));
    });
  }

 private:
  static io::Task<void> drive(UpstreamTest& self) {
    self.settings_.endpoint = "http://127.0.0.1:" + std::to_string(self.server->local().port);
    self.settings_.bucket = "theirs";
    self.settings_.prefix = "p/";
    LinkPlace place{7, "ours", crypto::kRootTenant};
    self.link = std::make_shared<Link>(std::move(place), self.settings_, std::string(),
                                       io::system_network(), self.random);
    co_await self.body_(self);
    co_await self.link->close();
    self.link.reset();
  }

  Settings settings_;
  Body body_ = nullptr;
};

}  // namespace cairn::gateway
