// Answers of the upstream get our names; one that names what was not asked for is refused.
#include "gateway/rewrite.h"

#include <gmock/gmock.h>

namespace cairn::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;

const Names kNames{.bucket = "ours",
                   .prefix = "p/",
                   .owner_id = "us",
                   .owner_name = "root",
                   .location = "http://here/ours/k"};

std::string rewritten(std::string_view body, std::string_view root = "ListBucketResult") {
  const Result<std::string> done = rewrite_reply(body, root, kNames);
  return done ? *done : "(" + done.error().message + ")";
}

TEST(GatewayRewrite, TakesThePrefixOffKeysAndPutsOurNamesIn) {
  const std::string out = rewritten(
      "\n<?xml version=\"1.0\"?><ListBucketResult "
      "xmlns=\"x\"><Name>theirs</Name><Prefix>p/</Prefix>"
      "<Marker/><Contents><Key>p/a&amp;b</Key><ETag>&quot;e&quot;</ETag><Owner><ID>them</ID>"
      "</Owner></Contents><CommonPrefixes><Prefix>p/d/</Prefix></CommonPrefixes>"
      "</ListBucketResult>");
  EXPECT_THAT(out, HasSubstr("<Name>ours</Name><Prefix></Prefix><Marker></Marker>"));
  EXPECT_THAT(out, HasSubstr("<Key>a&amp;b</Key><ETag>&quot;e&quot;</ETag>"));
  EXPECT_THAT(out, HasSubstr("<Owner><ID>us</ID><DisplayName>root</DisplayName></Owner>"));
  EXPECT_THAT(out, HasSubstr("<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>"));
  EXPECT_THAT(out, Not(HasSubstr("them")));
}

TEST(GatewayRewrite, DecodesAndEncodesUrlCodedKeys) {
  const std::string out = rewritten(
      "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>p%2Fa%20+</Key></Contents>"
      "<Contents><Key>p/%25</Key></Contents></ListBucketResult>");
  EXPECT_THAT(out, HasSubstr("<Key>a%20%20</Key>"));
  EXPECT_THAT(out, HasSubstr("<Key>%25</Key>"));
}

TEST(GatewayRewrite, ThePageAfterBeginsBehindTheLastEntry) {
  const std::string out = rewritten(
      "<ListBucketResult><NextMarker>opaque</NextMarker><Contents><Key>p/a</Key></Contents>"
      "<CommonPrefixes><Prefix>p/b/</Prefix></CommonPrefixes></ListBucketResult>");
  EXPECT_THAT(out, HasSubstr("<NextMarker>b/</NextMarker>"));
}

// Common prefixes may be told that lie behind the page: the marker says where it ended.
TEST(GatewayRewrite, ThePageAfterBeginsWhereTheUpstreamSays) {
  const std::string out = rewritten(
      "<ListBucketResult><NextMarker>p/a</NextMarker><Contents><Key>p/a</Key></Contents>"
      "<CommonPrefixes><Prefix>p/z/</Prefix></CommonPrefixes></ListBucketResult>");
  EXPECT_THAT(out, HasSubstr("<NextMarker>a</NextMarker>"));
  const std::string coded = rewritten(
      "<ListBucketResult><EncodingType>url</EncodingType><NextMarker>p%2Fa+b</NextMarker>"
      "<Contents><Key>p/a%20b</Key></Contents><Contents><Key>p/c</Key></Contents>"
      "</ListBucketResult>");
  EXPECT_THAT(coded, HasSubstr("<NextMarker>a%20b</NextMarker>"));
  // Not where the prefix of the question is told again.
  const std::string echo = rewritten(
      "<ListBucketResult><Marker>p/0</Marker><NextMarker>p/0</NextMarker>"
      "<Contents><Key>p/a</Key></Contents></ListBucketResult>");
  EXPECT_THAT(echo, HasSubstr("<NextMarker>a</NextMarker>"));
}

TEST(GatewayRewrite, TakesTheNameThatOthersGiveAnAnswer) {
  for (const std::string_view root : {"GetObjectAttributesResponse", "GetObjectAttributesOutput"}) {
    const std::string body =
        "<" + std::string(root) + "><ObjectSize>3</ObjectSize></" + std::string(root) + ">";
    const Result<std::string> out = rewrite_reply(body, "GetObjectAttributesResponse", Names());
    ASSERT_TRUE(out.has_value()) << root;
    EXPECT_THAT(*out, HasSubstr("<GetObjectAttributesResponse"));
    EXPECT_THAT(*out, HasSubstr("<ObjectSize>3</ObjectSize>"));
  }
}

TEST(GatewayRewrite, RefusesWhatWasNotAskedFor) {
  EXPECT_THAT(rewritten("<ListBucketResult><Contents><Key>q/a</Key></Contents></ListBucketResult>"),
              HasSubstr("not asked for"));
  EXPECT_THAT(rewritten("<Other/>"), HasSubstr("is no ListBucketResult"));
  EXPECT_THAT(rewritten("not xml"), HasSubstr("is no ListBucketResult"));
  EXPECT_THAT(rewritten("<!DOCTYPE x><ListBucketResult/>"), HasSubstr("is no ListBucketResult"));
}

TEST(GatewayRewrite, TellsWhereACompletedObjectIs) {
  const Result<std::string> out = rewrite_reply(
      "<CompleteResponse><Location>http://there</Location><Bucket>theirs</Bucket><Key>p/k</Key>"
      "</CompleteResponse>",
      "CompleteResult", kNames);
  ASSERT_TRUE(out.has_value());
  EXPECT_THAT(*out, HasSubstr("<Location>http://here/ours/k</Location><Bucket>ours</Bucket>"
                              "<Key>k</Key></CompleteResult>"));
}

}  // namespace
}  // namespace cairn::gateway
