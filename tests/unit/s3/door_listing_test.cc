// Goal: the XML of listings is what clients search for, byte by byte. Method: goldens of small
// pages, and the request that reaches the object layer for every parameter.
#include "door_fixture.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kHead =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";

object::ObjectInfo make_object(std::string key) {
  object::ObjectInfo info;
  info.key = std::move(key);
  info.size_bytes = 5;
  info.etag = "0123";
  info.modified = WallTime{1'767'323'045'678};
  return info;
}

std::string contents(const std::string& key, const std::string& owner = {}) {
  return "<Contents><Key>" + key +
         "</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;0123&quot;</ETag>"
         "<Size>5</Size>" +
         owner + "<StorageClass>STANDARD</StorageClass></Contents>";
}

using DoorListing = DoorFixture;

TEST_F(DoorListing, VersionTwo) {
  objects.page.objects = {make_object("a b"), make_object("c&d")};
  objects.page.common_prefixes = {"e/"};
  objects.page.truncated = true;
  objects.page.next = "e/";
  const auto exchange =
      call("GET", "/bucket?list-type=2&delimiter=%2F&max-keys=3&start-after=A&prefix=");
  EXPECT_EQ(exchange->status, 200);
  EXPECT_EQ(exchange->reply,
            std::string(kHead) +
                "<Name>bucket</Name><Prefix></Prefix>"
                "<NextContinuationToken>Y2Fpcm4xOmUv</NextContinuationToken>"
                "<StartAfter>A</StartAfter><KeyCount>3</KeyCount><MaxKeys>3</MaxKeys>"
                "<Delimiter>/</Delimiter><IsTruncated>true</IsTruncated>" +
                contents("a b") + contents("c&amp;d") +
                "<CommonPrefixes><Prefix>e/</Prefix></CommonPrefixes></ListBucketResult>");
  EXPECT_EQ(objects.last_list.start_after, "A");
  EXPECT_EQ(objects.last_list.delimiter, "/");
  EXPECT_EQ(objects.last_list.limit, 3U);
}

TEST_F(DoorListing, TokenBeatsStartAfter) {
  call("GET", "/bucket?list-type=2&start-after=zzz&continuation-token=Y2Fpcm4xOmUv");
  EXPECT_EQ(objects.last_list.start_after, "e/");
}

TEST_F(DoorListing, ForeignTokensAreRefused) {
  for (const std::string token : {"", "zzz", "ZS8=", "Y2Fpcm4xOmUv%20"}) {
    const auto exchange = call("GET", "/bucket?list-type=2&continuation-token=" + token);
    EXPECT_EQ(exchange->status, 400) << token;
    EXPECT_NE(exchange->reply.find("<Code>InvalidArgument</Code>"), std::string::npos);
  }
}

TEST_F(DoorListing, VersionOneWithUrlEncoding) {
  objects.page.objects = {make_object("ä +/~")};
  objects.page.truncated = true;
  objects.page.next = "ä +/~";
  const auto exchange =
      call("GET", "/bucket?encoding-type=url&marker=m%20m&prefix=%C3%A4&delimiter=%20");
  const std::string owner_id = exchange->reply.substr(exchange->reply.find("<ID>") + 4, 64);
  EXPECT_EQ(exchange->reply,
            std::string(kHead) +
                "<Name>bucket</Name><Prefix>%C3%A4</Prefix><Marker>m%20m</Marker>"
                "<NextMarker>%C3%A4%20%2B/~</NextMarker><MaxKeys>1000</MaxKeys>"
                "<Delimiter>%20</Delimiter><EncodingType>url</EncodingType>"
                "<IsTruncated>true</IsTruncated>" +
                contents("%C3%A4%20%2B/~", "<Owner><ID>" + owner_id +
                                               "</ID><DisplayName>root</DisplayName></Owner>") +
                "</ListBucketResult>");
}

TEST_F(DoorListing, VersionOneNamesNoMarkerWithoutDelimiter) {
  objects.page.objects = {make_object("k")};
  objects.page.truncated = true;
  objects.page.next = "k";
  const auto exchange = call("GET", "/bucket/");
  EXPECT_EQ(exchange->reply.find("NextMarker"), std::string::npos);
  EXPECT_NE(exchange->reply.find("<Marker></Marker>"), std::string::npos);
}

TEST_F(DoorListing, LimitsAreCappedOrRefused) {
  call("GET", "/bucket?max-keys=5000");
  EXPECT_EQ(objects.last_list.limit, 1000U);
  const size_t calls = objects.calls;
  const auto none = call("GET", "/bucket?list-type=2&max-keys=0");
  EXPECT_EQ(objects.calls, calls + 1);  // The bucket, but no listing.
  EXPECT_NE(none->reply.find("<KeyCount>0</KeyCount><MaxKeys>0</MaxKeys>"), std::string::npos);
  EXPECT_NE(none->reply.find("<IsTruncated>false</IsTruncated>"), std::string::npos);
  for (const std::string limit : {"-1", "x", "99999999999", "1%200"}) {
    EXPECT_EQ(call("GET", "/bucket?max-keys=" + limit)->status, 400) << limit;
  }
  EXPECT_EQ(call("GET", "/bucket?encoding-type=base64")->status, 400);
}

TEST_F(DoorListing, OwnerOnlyWhenAskedForInVersionTwo) {
  objects.page.objects = {make_object("k")};
  EXPECT_EQ(call("GET", "/bucket?list-type=2")->reply.find("<Owner>"), std::string::npos);
  EXPECT_NE(call("GET", "/bucket?list-type=2&fetch-owner=true")->reply.find("<Owner>"),
            std::string::npos);
}

TEST_F(DoorListing, Buckets) {
  object::BucketInfo bucket = objects.the_bucket();
  bucket.created = WallTime{1'767'323'045'000};
  objects.buckets = {bucket};
  const auto exchange = call("GET", "/");
  const std::string owner_id = exchange->reply.substr(exchange->reply.find("<ID>") + 4, 64);
  EXPECT_EQ(
      exchange->reply,
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>" +
          owner_id +
          "</ID><DisplayName>root</DisplayName></Owner><Buckets><Bucket><Name>bucket</Name>"
          "<CreationDate>2026-01-02T03:04:05.000Z</CreationDate></Bucket></Buckets>"
          "</ListAllMyBucketsResult>");
}

TEST_F(DoorListing, LocationOfTheClassicRegionIsEmpty) {
  EXPECT_EQ(call("GET", "/bucket?location")->reply,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "</LocationConstraint>");
}

}  // namespace
}  // namespace cairn::s3
