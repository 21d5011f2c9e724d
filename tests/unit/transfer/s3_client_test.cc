// Property: requests are signed and carry checksums as s3_client.h says; answers and failures come
// back as values; a bucket's region and the server's clock are learnt once; no answer makes the
// client talk to another origin.
// Method: scripted answers over loopback, on both I/O backends.
#include "transfer/s3_client.h"

#include <gmock/gmock.h>

#include "crypto/digest.h"
#include "tests/unit/transfer/scripted_server.h"

namespace cairn::transfer {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

S3ClientOptions signer() {
  S3ClientOptions options;
  options.identity.access_key = "AKIDEXAMPLE";
  options.identity.secret = "secret";
  options.identity.session_token = "token";
  return options;
}

class S3ClientTest : public ScriptedServerTest {};
INSTANTIATE_ON_BOTH_BACKENDS(S3ClientTest);

io::Task<void> put_is_signed(ScriptedServerTest& self) {
  self.handler.answer = [](const SeenRequest&) {
    return ScriptedReply{200, {{"ETag", "\"abc\""}, {"x-amz-version-id", "v1"}}};
  };
  const std::string text = "123456789";
  const auto put = co_await self.client->put("bucket", "a b/../c+d", {.bytes = as_bytes(text)},
                                             {.conditions = {.if_none_match = "*"}}, io::soon());
  EXPECT_TRUE(put.has_value());
  if (!put) co_return;
  EXPECT_EQ(put->etag, "abc");
  EXPECT_EQ(put->version_id, "v1");
  EXPECT_FALSE(put->was_instant);
  const SeenRequest& seen = self.handler.seen.at(0);
  EXPECT_EQ(seen.target, "/bucket/a%20b/../c%2Bd");
  EXPECT_EQ(seen.body, text);
  EXPECT_EQ(seen.get("if-none-match"), "*");
  // SHA-256 and CRC-64/NVME of "123456789".
  EXPECT_EQ(seen.get("x-amz-content-sha256"),
            "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
  EXPECT_EQ(seen.get("x-amz-checksum-crc64nvme"), "rosUhgp5mIg=");
  EXPECT_EQ(seen.get("x-amz-security-token"), "token");
  EXPECT_THAT(seen.get("authorization"),
              HasSubstr("SignedHeaders=host;if-none-match;x-amz-checksum-crc64nvme;"
                        "x-amz-content-sha256;x-amz-date;x-amz-security-token"));
}
TEST_P(S3ClientTest, APutIsSignedWithItsChecksums) {
  with_client(signer(), put_is_signed);
}

io::Task<void> failures(ScriptedServerTest& self) {
  self.handler.answer = [](const SeenRequest& request) {
    if (request.method == "HEAD") return ScriptedReply{404};
    return ScriptedReply{404,
                         {},
                         "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>It is not "
                         "here.</Message><RequestId>R1</RequestId></Error>"};
  };
  const auto got = co_await self.client->get("b", "k", "", std::nullopt, "", io::soon());
  EXPECT_FALSE(got.has_value());
  if (got) co_return;
  EXPECT_EQ(got.error().code, "NoSuchKey");
  EXPECT_EQ(got.error().status, 404);
  EXPECT_EQ(got.error().request_id, "R1");
  EXPECT_EQ(got.error().error.code, Code::kNotFound);
  EXPECT_FALSE(got.error().is_retryable);
  EXPECT_THAT(got.error().error.message, HasSubstr("It is not here."));
  const auto head = co_await self.client->head("b", "k", "", io::soon());
  EXPECT_FALSE(head.has_value());
  if (!head) EXPECT_EQ(head.error().error.code, Code::kNotFound);
}
TEST_P(S3ClientTest, FailuresTellCodeStatusAndRequest) {
  with_client(signer(), failures);
}

io::Task<void> slow_down(ScriptedServerTest& self) {
  int left = 2;
  self.handler.answer = [&left](const SeenRequest&) {
    return ScriptedReply{left-- > 0 ? 503 : 200, {{"Retry-After", "0"}, {"ETag", "\"e\""}}};
  };
  const std::string text = "x";
  const auto put = co_await self.client->put("b", "k", {.bytes = as_bytes(text)}, {}, io::soon());
  EXPECT_TRUE(put.has_value());
  EXPECT_EQ(self.handler.seen.size(), 3U);
  EXPECT_EQ(self.client->counters().retries, 2U);
  self.handler.answer = [](const SeenRequest&) { return ScriptedReply{503}; };
  const auto never = co_await self.client->put("b", "k", {.bytes = as_bytes(text)}, {}, io::soon());
  EXPECT_FALSE(never.has_value());
  if (!never) {
    EXPECT_TRUE(never.error().is_retryable);
    EXPECT_EQ(never.error().error.code, Code::kUnavailable);
  }
}
TEST_P(S3ClientTest, RepeatsWhatIsRefusedForAWhile) {
  with_client(signer(), slow_down);
}

io::Task<void> learns_region(ScriptedServerTest& self) {
  self.handler.answer = [](const SeenRequest& request) {
    if (request.get("authorization").find("/eu-west-9/") != std::string::npos) {
      return ScriptedReply{200, {{"ETag", "\"e\""}}};
    }
    return ScriptedReply{
        301,
        {{"Location", "http://127.0.0.1:1/elsewhere"}, {"x-amz-bucket-region", "eu-west-9"}},
        "<Error><Code>PermanentRedirect</Code><Endpoint>evil.example</Endpoint>"
        "</Error>"};
  };
  const std::string text = "x";
  for (int i = 0; i < 2; ++i) {
    const auto put = co_await self.client->put("b", "k", {.bytes = as_bytes(text)}, {}, io::soon());
    EXPECT_TRUE(put.has_value());
  }
  // The wrong region was tried once.
  EXPECT_EQ(self.handler.seen.size(), 3U);
}
TEST_P(S3ClientTest, LearnsARegionOnceAndStaysAtItsOrigin) {
  with_client(signer(), learns_region);
}

io::Task<void> follows_nobody(ScriptedServerTest& self) {
  self.handler.answer = [](const SeenRequest&) {
    return ScriptedReply{307, {{"Location", "http://127.0.0.1:1/elsewhere"}}};
  };
  const auto got = co_await self.client->get("b", "k", "", std::nullopt, "", io::soon());
  EXPECT_FALSE(got.has_value());
  if (!got) EXPECT_THAT(got.error().error.message, HasSubstr("elsewhere: give its region"));
  EXPECT_EQ(self.handler.seen.size(), 1U);
}
TEST_P(S3ClientTest, ARedirectWithoutARegionIsAnError) {
  with_client(signer(), follows_nobody);
}

io::Task<void> learns_clock(ScriptedServerTest& self) {
  int refused = 0;
  self.handler.answer = [&refused](const SeenRequest&) {
    if (++refused > 1) return ScriptedReply{200};
    return ScriptedReply{
        403, {}, "<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>"};
  };
  const auto head = co_await self.client->get("b", "k", "", std::nullopt, "", io::soon());
  EXPECT_TRUE(head.has_value());
  EXPECT_EQ(refused, 2);
}
TEST_P(S3ClientTest, SignsByTheServersClockAfterASkew) {
  with_client(signer(), learns_clock);
}

io::Task<void> old_server(ScriptedServerTest& self) {
  self.handler.answer = [](const SeenRequest& request) {
    if (request.get("x-amz-checksum-crc64nvme") != "(none)" ||
        request.get("x-amz-checksum-algorithm") != "(none)") {
      return ScriptedReply{400, {}, "<Error><Code>InvalidRequest</Code></Error>"};
    }
    return ScriptedReply{200, {{"ETag", "\"e\""}}};
  };
  const std::string text = "x";
  for (int i = 0; i < 2; ++i) {
    const auto put = co_await self.client->put("b", "k", {.bytes = as_bytes(text)}, {}, io::soon());
    EXPECT_TRUE(put.has_value());
  }
  EXPECT_EQ(self.handler.seen.size(), 3U) << "asked with it once";
}
TEST_P(S3ClientTest, LeavesTheCrcOutWhereItIsUnknown) {
  with_client(signer(), old_server);
}

io::Task<void> checks_ranges(ScriptedServerTest& self) {
  self.handler.answer = [](const SeenRequest& request) {
    if (request.target == "/b/good") {
      return ScriptedReply{206, {{"Content-Range", "bytes 2-4/10"}, {"ETag", "\"e\""}}, "cde"};
    }
    if (request.target == "/b/other") {
      return ScriptedReply{206, {{"Content-Range", "bytes 3-5/10"}}, "def"};
    }
    return ScriptedReply{200, {}, "abcdefghij"};
  };
  auto good = co_await self.client->get("b", "good", "", ByteRange{2, 3}, "e", io::soon());
  EXPECT_TRUE(good.has_value());
  if (!good) co_return;
  EXPECT_EQ(self.handler.seen.at(0).get("range"), "bytes=2-4");
  EXPECT_EQ(self.handler.seen.at(0).get("if-match"), "\"e\"");
  EXPECT_EQ(good->info.size_bytes, 10U);
  const auto text = co_await good->response.receive_all(100);
  EXPECT_EQ(text.value_or(""), "cde");
  for (const std::string key : {"other", "ignores"}) {
    const auto bad = co_await self.client->get("b", key, "", ByteRange{2, 3}, "", io::soon());
    EXPECT_FALSE(bad.has_value()) << key;
  }
}
TEST_P(S3ClientTest, ARangeIsTheOneThatWasAskedFor) {
  with_client(signer(), checks_ranges);
}

io::Task<void> lists(ScriptedServerTest& self) {
  self.handler.answer = [](const SeenRequest& request) {
    const bool second = request.target.find("continuation-token=t%2F1") != std::string::npos;
    return ScriptedReply{
        200,
        {},
        std::string("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                    "<EncodingType>url</EncodingType><IsTruncated>") +
            (second ? "false</IsTruncated>"
                    : "true</IsTruncated><NextContinuationToken>t/1</NextContinuationToken>") +
            "<Contents><Key>a%20b%2Bc</Key><Size>7</Size><ETag>&quot;e&quot;</ETag>"
            "<LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>"
            "<CommonPrefixes><Prefix>p%2F</Prefix></CommonPrefixes></ListBucketResult>"};
  };
  auto page = co_await self.client->list_objects("b", {.prefix = "x y"}, "", io::soon());
  EXPECT_TRUE(page.has_value());
  if (!page) co_return;
  EXPECT_THAT(self.handler.seen.at(0).target, HasSubstr("prefix=x%20y"));
  EXPECT_EQ(page->objects.at(0).key, "a b+c");
  EXPECT_EQ(page->objects.at(0).etag, "e");
  EXPECT_EQ(page->objects.at(0).modified.unix_ms, 1767323045000);
  EXPECT_EQ(page->prefixes.at(0), "p/");
  page = co_await self.client->list_objects("b", {}, page->next_token, io::soon());
  EXPECT_TRUE(page.has_value() && page->next_token.empty());
}
TEST_P(S3ClientTest, ListsInPages) {
  with_client(signer(), lists);
}

io::Task<void> error_in_success(ScriptedServerTest& self) {
  int asked = 0;
  self.handler.answer = [&asked](const SeenRequest&) {
    if (++asked == 1) return ScriptedReply{200, {}, "<Error><Code>InternalError</Code></Error>"};
    return ScriptedReply{200,
                         {},
                         "<CompleteMultipartUploadResult><ETag>\"z-1\"</ETag>"
                         "</CompleteMultipartUploadResult>"};
  };
  const std::vector<PartEntry> parts{{.number = 1, .etag = "p", .size_bytes = 1}};
  const auto done = co_await self.client->complete_upload("b", "k", "u", parts, 5, {}, io::soon());
  EXPECT_TRUE(done.has_value());
  if (done) EXPECT_EQ(done->etag, "z-1");
  EXPECT_EQ(asked, 2);
  self.handler.answer = [](const SeenRequest&) {
    return ScriptedReply{200, {}, "<Error><Code>InvalidPart</Code></Error>"};
  };
  const auto bad = co_await self.client->complete_upload("b", "k", "u", parts, 5, {}, io::soon());
  EXPECT_FALSE(bad.has_value());
  if (!bad) EXPECT_EQ(bad.error().code, "InvalidPart");
}
TEST_P(S3ClientTest, AnErrorInsideASuccessIsAnError) {
  with_client(signer(), error_in_success);
}

TEST(S3Endpoint, ChoosesTheAddressingStyle) {
  const auto custom = S3Endpoint::create("http://10.0.0.1:9000", "r", Addressing::kAutomatic);
  ASSERT_TRUE(custom.has_value());
  EXPECT_EQ(custom->url("b", "k", "").target, "/b/k");
  EXPECT_EQ(custom->url("b", "", "x=1").target, "/b?x=1");
  const auto amazon = S3Endpoint::create("", "eu-central-1", Addressing::kAutomatic);
  ASSERT_TRUE(amazon.has_value());
  EXPECT_EQ(amazon->url("b", "k", "").host, "b.s3.eu-central-1.amazonaws.com");
  EXPECT_EQ(amazon->url("b.c", "k", "").host, "s3.eu-central-1.amazonaws.com");
  EXPECT_EQ(amazon->in_region("us-west-2").url("", "", "").host, "s3.us-west-2.amazonaws.com");
  EXPECT_EQ(amazon->in_region("evil.example/").url("", "", "").host,
            "s3.eu-central-1.amazonaws.com");
  EXPECT_EQ(custom->in_region("us-west-2").url("", "", "").host, "10.0.0.1");
  EXPECT_FALSE(S3Endpoint::create("http://a/path", "r", Addressing::kAutomatic).has_value());
  EXPECT_FALSE(S3Endpoint::create("", "a.b/", Addressing::kAutomatic).has_value());
}

}  // namespace
}  // namespace cairn::transfer
