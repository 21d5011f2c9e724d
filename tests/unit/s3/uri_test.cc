// Canonical paths and queries with all traps of S3.md 1.2; bucket names, keys, targets.
#include "s3/uri.h"

#include "test_request.h"

namespace cairn::s3 {
namespace {

std::string canonical_path(std::string_view raw) {
  std::string out;
  return append_canonical_path(out, raw) ? out : "(bad)";
}
std::string canonical_query(std::string_view raw, std::string_view without = {}) {
  const S3Result<Query> query = parse_query(raw);
  if (!query) return "(bad)";
  std::string out;
  append_canonical_query(out, *query, without);
  return out;
}

TEST(CanonicalPath, Table) {
  const std::pair<const char*, const char*> rows[] = {
      {"/", "/"},
      {"", "/"},
      {"/b/k", "/b/k"},
      {"/b//k", "/b//k"},
      {"/b/./x/../y/", "/b/./x/../y/"},
      {"/b/a%20b", "/b/a%20b"},
      {"/b/a b", "/b/a%20b"},
      {"/b/a+b", "/b/a%2Bb"},
      {"/b/a%2Bb", "/b/a%2Bb"},
      {"/b/a%2bb", "/b/a%2Bb"},
      {"/b/a%2Fb", "/b/a/b"},
      {"/b/%7e~", "/b/~~"},
      {"/b/%41", "/b/A"},
      {"/b/%2520", "/b/%2520"},
      {"/b/!$&'()*,;=:@", "/b/%21%24%26%27%28%29%2A%2C%3B%3D%3A%40"},
      {"/b/\xC3\xA9", "/b/%C3%A9"},
      {"/b/%c3%a9", "/b/%C3%A9"},
      {"/b/%00%0a", "/b/%00%0A"},
      {"/b/%", "(bad)"},
      {"/b/%2", "(bad)"},
      {"/b/%2x", "(bad)"},
      {"/b/%%41", "(bad)"},
  };
  for (const auto& [raw, expected] : rows) EXPECT_EQ(canonical_path(raw), expected) << raw;
}

TEST(CanonicalQuery, Table) {
  const std::pair<const char*, const char*> rows[] = {
      {"", ""},
      {"uploads", "uploads="},
      {"uploads=", "uploads="},
      {"b=2&a=1", "a=1&b=2"},
      {"a=2&a=1&a=1", "a=1&a=1&a=2"},
      {"A=1&a=1&B=1", "A=1&B=1&a=1"},
      {"a-b=1&a=2", "a=2&a-b=1"},
      {"prefix=a/b", "prefix=a%2Fb"},
      {"prefix=a+b", "prefix=a%20b"},
      {"prefix=a%2Bb", "prefix=a%2Bb"},
      {"prefix=%c3%a9~", "prefix=%C3%A9~"},
      {"a=b=c", "a=b%3Dc"},
      {"=x", "=x"},
      {"&&a=1&", "a=1"},
      {"a=1;b=2", "a=1%3Bb%3D2"},
      {"x-id=PutObject&metadata=true", "metadata=true&x-id=PutObject"},
      // Sorted by the encoded name: '%' before letters.
      {"\xC3\xA9=1&a=2", "%C3%A9=1&a=2"},
      {"a=%zz", "(bad)"},
      {"%=1", "(bad)"},
  };
  for (const auto& [raw, expected] : rows) EXPECT_EQ(canonical_query(raw), expected) << raw;
  EXPECT_EQ(canonical_query("X-Amz-Signature=1&a=2&x-amz-signature=3", "X-Amz-Signature"), "a=2");
}

TEST(Query, BoundAndMove) {
  std::string many = "a=%41";
  for (size_t i = 1; i < kQueryParamsMax; ++i) many += "&a";
  S3Result<Query> query = parse_query(many);
  ASSERT_TRUE(query);
  const Query moved = std::move(*query);
  EXPECT_EQ(moved.find("a"), "A");
  EXPECT_EQ(moved.params().size(), kQueryParamsMax);
  EXPECT_EQ(outcome(parse_query(many + "&a")), "InvalidURI");
  const Query cases = *parse_query("x-AMZ-date=1");
  EXPECT_FALSE(cases.has("x-amz-date"));
  EXPECT_EQ(cases.find_ignoring_case("X-Amz-Date"), "1");
}

TEST(Names, Buckets) {
  for (const char* good :
       {"abc", "a-b", "a.b.c", "123", "1.2.3", "1.2.3.4a", "my-bucket.localhost"}) {
    EXPECT_TRUE(check_bucket_name(good)) << good;
  }
  EXPECT_TRUE(check_bucket_name(std::string(63, 'a')));
  const std::string long_name(64, 'a');
  for (const std::string_view bad : {std::string_view(""),
                                     std::string_view("ab"),
                                     std::string_view(long_name),
                                     std::string_view("Abc"),
                                     std::string_view("a_b"),
                                     std::string_view("-ab"),
                                     std::string_view("ab-"),
                                     std::string_view(".ab"),
                                     std::string_view("a..b"),
                                     std::string_view("a.-b"),
                                     std::string_view("a-.b"),
                                     std::string_view("192.168.1.1"),
                                     std::string_view("xn--abc"),
                                     std::string_view("sthree-abc"),
                                     std::string_view("abc-s3alias"),
                                     std::string_view("abc--ol-s3"),
                                     std::string_view("abc.mrap"),
                                     std::string_view("abc--x-s3"),
                                     std::string_view("abc--table-s3"),
                                     std::string_view("amzn-s3-demo-x"),
                                     std::string_view("a b"),
                                     std::string_view("a/b"),
                                     std::string_view("a\r\nb")}) {
    EXPECT_EQ(outcome(check_bucket_name(bad)), "InvalidBucketName") << bad;
  }
}

TEST(Names, Keys) {
  EXPECT_TRUE(check_key(std::string(1024, 'k')));
  const S3Status long_key = check_key(std::string(1025, 'k'));
  EXPECT_EQ(outcome(long_key), "KeyTooLongError");
  EXPECT_EQ(field_of(long_key.error(), "Size"), "1025");
  for (const std::string_view bad :
       {std::string_view(""), std::string_view("a\0b", 3), std::string_view("\xff"),
        std::string_view("\xC0\x80"), std::string_view("\xED\xA0\x80"),
        std::string_view("\xE2\x82"), std::string_view("\xF4\x90\x80\x80")}) {
    EXPECT_EQ(outcome(check_key(bad)), "InvalidURI");
  }
  EXPECT_TRUE(check_key("\x01\xF0\x9F\x98\x80../"));
}

TEST(Targets, PathAndVirtualHostStyle) {
  const std::vector<std::string> domains = {"s3.example.com", "localhost"};
  struct Row {
    const char* host;
    const char* path;
    const char* bucket;
    const char* key;
    bool virtual_host;
  };
  const Row rows[] = {
      {"s3.example.com", "/", "", "", false},
      {"s3.example.com", "/bucket", "bucket", "", false},
      {"s3.example.com", "/bucket/", "bucket", "", false},
      {"s3.example.com", "/bucket/k", "bucket", "k", false},
      {"s3.example.com:9000", "/bucket//a/../b/", "bucket", "/a/../b/", false},
      {"127.0.0.1:9000", "/bucket/a%2Fb%20c+d", "bucket", "a/b c+d", false},
      {"[::1]:9000", "/bucket/k", "bucket", "k", false},
      {"buck.et.s3.example.com", "/k", "buck.et", "k", true},
      {"Bucket.S3.Example.com:80", "/bucket/k", "bucket", "bucket/k", true},
      {"bucket.localhost:9000", "/", "bucket", "", true},
      {"xs3.example.com", "/bucket/k", "bucket", "k", false},
      {"other.net", "/bucket/%25", "bucket", "%", false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.host) + row.path);
    const S3Result<Target> target = split_target(row.host, row.path, domains);
    ASSERT_TRUE(target);
    EXPECT_EQ(target->bucket, row.bucket);
    EXPECT_EQ(target->key, row.key);
    EXPECT_EQ(target->virtual_host, row.virtual_host);
  }
  EXPECT_EQ(outcome(split_target("h", "/bucket/%", domains)), "InvalidURI");
  EXPECT_EQ(outcome(split_target("h", "bucket", domains)), "InvalidURI");
  EXPECT_EQ(outcome(split_target("h", "/Bucket/k", domains)), "InvalidBucketName");
  EXPECT_EQ(outcome(split_target("h", "//k", domains)), "InvalidBucketName");
  EXPECT_EQ(outcome(split_target("h", "/bucket/%00", domains)), "InvalidURI");
}

}  // namespace
}  // namespace cairn::s3
