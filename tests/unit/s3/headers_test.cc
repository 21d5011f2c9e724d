// Ranges, conditions, dates, copy sources and checksum headers, by tables (S3.md 2.1, 2.2).
#include "base/dates.h"
#include "s3/checksum_headers.h"
#include "s3/conditions.h"
#include "s3/copy_source.h"
#include "s3/range_header.h"
#include "test_request.h"

namespace cairn::s3 {
namespace {

using crypto::DigestKind;

TEST(Range, TableOfAws) {
  struct Row {
    const char* header;
    uint64_t size_bytes;
    const char* expected;  // "whole", "416" or the Content-Range.
  };
  const Row rows[] = {
      {"bytes=0-0", 100, "bytes 0-0/100"},
      {"bytes=0-999999", 100, "bytes 0-99/100"},
      {"bytes=0-", 100, "bytes 0-99/100"},
      {"bytes=99-", 100, "bytes 99-99/100"},
      {"bytes=-1", 100, "bytes 99-99/100"},
      {"bytes=-100", 100, "bytes 0-99/100"},
      {"bytes=-101", 100, "bytes 0-99/100"},
      {"bytes=00-01", 100, "bytes 0-1/100"},
      {"Bytes=5-6", 100, "bytes 5-6/100"},
      {"bytes=5-18446744073709551615", 100, "bytes 5-99/100"},
      {"bytes=5-99999999999999999999999", 100, "bytes 5-99/100"},
      {"bytes=100-", 100, "416"},
      {"bytes=100-200", 100, "416"},
      {"bytes=99999999999999999999999-", 100, "416"},
      {"bytes=-0", 100, "416"},
      {"bytes=0-", 0, "416"},
      {"bytes=0-0", 0, "416"},
      {"bytes=-5", 0, "whole"},
      {"bytes=-0", 0, "416"},
      {"bytes=0-1,3-4", 100, "whole"},
      {"items=0-1", 100, "whole"},
      {"bytes 0-1", 100, "whole"},
      {"bytes=1-0", 100, "whole"},
      {"bytes= 0-1", 100, "whole"},
      {"bytes=0 -1", 100, "whole"},
      {"bytes=0-1 ", 100, "whole"},
      {"bytes=-", 100, "whole"},
      {"bytes=", 100, "whole"},
      {"bytes=a-b", 100, "whole"},
      {"bytes=+1-2", 100, "whole"},
      {"bytes=--1", 100, "whole"},
      {"", 100, "whole"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.header);
    const S3Result<ResolvedRange> range =
        resolve_range(parse_range(row.header), row.size_bytes, row.header);
    const std::string_view expected = row.expected;
    if (expected == "416") {
      ASSERT_FALSE(range);
      EXPECT_EQ(range.error().status(), 416);
      EXPECT_EQ(field_of(range.error(), "RangeRequested"), row.header);
      EXPECT_EQ(field_of(range.error(), "ActualObjectSize"), std::to_string(row.size_bytes));
    } else if (expected == "whole") {
      ASSERT_TRUE(range);
      EXPECT_FALSE(range->is_partial);
      EXPECT_EQ(range->range, (ByteRange{0, row.size_bytes}));
    } else {
      ASSERT_TRUE(range);
      EXPECT_TRUE(range->is_partial);
      EXPECT_TRUE(range->range.inside(row.size_bytes));
      EXPECT_EQ(content_range(range->range, row.size_bytes), expected);
    }
  }
  EXPECT_EQ(unsatisfied_content_range(100), "bytes */100");
}

TEST(Range, OfCopySources) {
  EXPECT_EQ(*parse_copy_source_range("bytes=2-5", 10), (ByteRange{2, 4}));
  EXPECT_EQ(*parse_copy_source_range("bytes=0-9", 10), (ByteRange{0, 10}));
  for (const char* bad : {"bytes=0-10", "bytes=0-", "bytes=-1", "bytes=5-4", "0-4", "bytes=0-1,2-3",
                          "bytes=18446744073709551615-18446744073709551615"}) {
    EXPECT_EQ(outcome(parse_copy_source_range(bad, 10)), "InvalidArgument") << bad;
  }
}

TEST(HttpDates, FormsAndFormats) {
  const WallTime time{784111777000};
  for (const char* text :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 +0000", "1994-11-06T08:49:37Z",
        "1994-11-06T08:49:37.000Z", "1994-11-06T09:49:37+01:00", "19941106T084937Z"}) {
    EXPECT_EQ(parse_any_date(text), time) << text;
  }
  for (const char* text : {"", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 PST",
                           "1994-13-06", "1994-11-06T08:49:37Zx", "19941106T084937", "yesterday"}) {
    EXPECT_EQ(parse_any_date(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_iso8601("1994-11-06"), WallTime{784080000000});
  EXPECT_EQ(parse_iso8601("1994-11-06T08:49:37.1239Z"), WallTime{784111777123});
  EXPECT_EQ(format_http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(format_iso8601_ms({784111777045}), "1994-11-06T08:49:37.045Z");
  EXPECT_EQ(format_iso8601(time), "1994-11-06T08:49:37Z");
  EXPECT_EQ(format_amz_date(time), "19941106T084937Z");
  for (int64_t day = -1000; day < 40000; day += 37) {
    const WallTime one{day * 86400000 + 12345000};
    EXPECT_EQ(parse_http_date(format_http_date(one)), one);
    EXPECT_EQ(parse_iso8601(format_iso8601_ms(one)), one);
  }
}

// All 3^4 combinations of {absent, true, false}, against the rule written down once more in plain
// words.
TEST(Conditions, ReadTruthTable) {
  const WallTime modified{1000000};
  const WallTime now{9000000};
  for (int combination = 0; combination < 81; ++combination) {
    const int match = combination % 3, none_match = combination / 3 % 3;
    const int modified_since = combination / 9 % 3, unmodified_since = combination / 27;
    TestRequest request("GET", "/b/k", {});
    if (match) request.add("If-Match", match == 1 ? "\"e\"" : "\"x\"");
    if (none_match) request.add("If-None-Match", none_match == 1 ? "x" : "e");
    if (modified_since) {
      request.add("If-Modified-Since", format_http_date({modified_since == 1 ? 999000 : 1000000}));
    }
    if (unmodified_since) {
      request.add("If-Unmodified-Since",
                  format_http_date({unmodified_since == 1 ? 1000000 : 999000}));
    }
    const object::Conditions conditions = parse_conditions(request.view(), now);
    const Evaluation got = evaluate_read(conditions, "e", modified);
    Verdict want = Verdict::kProceed;
    if (match == 2 || (match == 0 && unmodified_since == 2)) {
      want = Verdict::kFailed;
    } else if (none_match == 2 || (none_match == 0 && modified_since == 2)) {
      want = Verdict::kNotModified;
    }
    EXPECT_EQ(static_cast<int>(got.verdict), static_cast<int>(want)) << combination;
    const Evaluation copy = evaluate_copy_source(conditions, "e", modified);
    EXPECT_EQ(copy.verdict == Verdict::kFailed, want != Verdict::kProceed) << combination;
    if (want != Verdict::kProceed) {
      EXPECT_TRUE(copy.condition.starts_with("x-amz-copy-source-if-"));
    }
  }
}

TEST(Conditions, EtagForms) {
  const auto matches = [](const char* header) {
    TestRequest request("GET", "/", {{"if-match", header}});
    return evaluate_read(parse_conditions(request.view(), {0}), "e,1", {0}).verdict ==
           Verdict::kProceed;
  };
  for (const char* yes : {"\"e,1\"", "*", "\"x\", \"e,1\"", "W/\"e,1\"", " \"e,1\" "}) {
    EXPECT_TRUE(matches(yes)) << yes;
  }
  for (const char* no : {"\"e\"", "", "\"\"", "\"E,1\"", ","}) EXPECT_FALSE(matches(no)) << no;
}

TEST(Conditions, FutureAndMalformedDatesAreIgnored) {
  TestRequest request(
      "GET", "/",
      {{"If-Modified-Since", format_http_date({5000000})}, {"If-Unmodified-Since", "garbage"}});
  EXPECT_FALSE(parse_conditions(request.view(), {4000000}).any());
  EXPECT_TRUE(parse_conditions(request.view(), {5000000}).any());
  // Sub-second parts do not count.
  EXPECT_EQ(evaluate_read(parse_conditions(request.view(), {5000000}), "e", {5000999}).verdict,
            Verdict::kNotModified);
}

TEST(Conditions, Writes) {
  const auto write = [](std::vector<std::string> if_match, std::vector<std::string> if_none_match,
                        std::optional<std::string_view> etag) {
    object::Conditions conditions;
    conditions.if_match = std::move(if_match);
    conditions.if_none_match = std::move(if_none_match);
    return evaluate_write(conditions, etag).verdict;
  };
  EXPECT_EQ(write({}, {"*"}, std::nullopt), WriteVerdict::kProceed);
  EXPECT_EQ(write({}, {"*"}, "e"), WriteVerdict::kFailed);
  EXPECT_EQ(write({}, {"x"}, "e"), WriteVerdict::kProceed);
  EXPECT_EQ(write({}, {"e"}, "e"), WriteVerdict::kFailed);
  EXPECT_EQ(write({"e"}, {}, "e"), WriteVerdict::kProceed);
  EXPECT_EQ(write({"x"}, {}, "e"), WriteVerdict::kFailed);
  EXPECT_EQ(write({"*"}, {}, "e"), WriteVerdict::kProceed);
  EXPECT_EQ(write({"e"}, {}, std::nullopt), WriteVerdict::kMissing);
}

TEST(CopySource, Table) {
  struct Row {
    const char* header;
    const char* bucket;  // Null: refused.
    const char* key;
    const char* version;
  };
  const Row rows[] = {
      {"bucket/key", "bucket", "key", nullptr},
      {"/bucket/key", "bucket", "key", nullptr},
      {"bucket%2Fkey", "bucket", "key", nullptr},
      {"%2Fbucket%2Fa%2Fb", "bucket", "a/b", nullptr},
      {"bucket/a+b%2Bc", "bucket", "a b+c", nullptr},
      {"bucket/a%252Fb", "bucket", "a%2Fb", nullptr},
      {"bucket//a", "bucket", "/a", nullptr},
      {"bucket/%2e%2e/x", "bucket", "../x", nullptr},
      {"bucket/a?versionId=v%2F1", "bucket", "a", "v/1"},
      {"bucket/a%3FversionId=v", "bucket", "a?versionId=v", nullptr},
      {"bucket/a?b", "bucket", "a?b", nullptr},
      {"bucket/a?versionId=", nullptr, nullptr, nullptr},
      {"bucket", nullptr, nullptr, nullptr},
      {"bucket/", nullptr, nullptr, nullptr},
      {"/", nullptr, nullptr, nullptr},
      {"", nullptr, nullptr, nullptr},
      {"//key", nullptr, nullptr, nullptr},
      {"bucket/%zz", nullptr, nullptr, nullptr},
      {"bucket/%00", nullptr, nullptr, nullptr},
      {"bucket/%ff", nullptr, nullptr, nullptr},
      {"Bucket/key", nullptr, nullptr, nullptr},
      {"../bucket/key", nullptr, nullptr, nullptr},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.header);
    const S3Result<CopySource> source = parse_copy_source(row.header);
    if (row.bucket == nullptr) {
      EXPECT_EQ(outcome(source), "InvalidArgument");
      continue;
    }
    ASSERT_TRUE(source);
    EXPECT_EQ(source->bucket, row.bucket);
    EXPECT_EQ(source->key, row.key);
    EXPECT_EQ(source->version_id.has_value(), row.version != nullptr);
    if (row.version != nullptr) EXPECT_EQ(*source->version_id, row.version);
  }
}

S3Result<BodyChecksums> body_checksums(std::vector<std::pair<std::string, std::string>> headers) {
  TestRequest request("PUT", "/b/k", std::move(headers));
  return parse_body_checksums(request.view());
}

TEST(Checksums, EveryAlgorithmParsesItsSizeOnly) {
  const DigestKind kinds[] = {DigestKind::kCrc32,   DigestKind::kCrc32c, DigestKind::kCrc64Nvme,
                              DigestKind::kSha1,    DigestKind::kSha256, DigestKind::kSha512,
                              DigestKind::kMd5,     DigestKind::kXxh64,  DigestKind::kXxh3_64,
                              DigestKind::kXxh3_128};
  for (const DigestKind kind : kinds) {
    const std::string suffix(checksum_header_suffix(kind));
    SCOPED_TRACE(suffix);
    const crypto::DigestValue value = crypto::digest_of(kind, as_bytes("x"));
    const S3Result<BodyChecksums> good =
        body_checksums({{"X-Amz-Checksum-" + suffix, encode_checksum(value)},
                        {"x-amz-sdk-checksum-algorithm", std::string(checksum_name(kind))}});
    ASSERT_TRUE(good);
    EXPECT_EQ(good->header->kind, kind);
    EXPECT_TRUE(good->header->value == value);
    const S3Result<BodyChecksums> bad =
        body_checksums({{"x-amz-checksum-" + suffix, encode_checksum(value).substr(4)}});
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().text(), "Value for x-amz-checksum-" + suffix + " header is invalid.");
    EXPECT_EQ(checksum_kind(checksum_element(kind).substr(8)), kind);
  }
}

TEST(Checksums, Errors) {
  const S3Result<BodyChecksums> two =
      body_checksums({{"x-amz-checksum-crc32", "AAAAAA=="}, {"x-amz-checksum-crc32c", "AAAAAA=="}});
  EXPECT_EQ(two.error().text(),
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
  EXPECT_EQ(outcome(body_checksums({{"x-amz-checksum-adler", "AAAA"}})), "InvalidRequest");
  EXPECT_EQ(outcome(body_checksums({{"x-amz-sdk-checksum-algorithm", "CRC32"}})), "InvalidRequest");
  EXPECT_EQ(outcome(body_checksums({{"x-amz-sdk-checksum-algorithm", "CRC32"},
                                    {"x-amz-checksum-crc32c", "AAAAAA=="}})),
            "InvalidRequest");
  EXPECT_EQ(outcome(body_checksums({{"x-amz-trailer", "x-amz-meta-a"}})), "InvalidRequest");
  EXPECT_EQ(outcome(body_checksums({{"Content-MD5", "AAAA"}})), "InvalidDigest");
  EXPECT_EQ(outcome(body_checksums({{"Content-MD5", ""}})), "InvalidDigest");
  const S3Result<BodyChecksums> trailer =
      body_checksums({{"x-amz-trailer", "x-amz-checksum-crc64nvme"},
                      {"x-amz-sdk-checksum-algorithm", "CRC64NVME"}});
  ASSERT_TRUE(trailer);
  EXPECT_EQ(trailer->trailer, DigestKind::kCrc64Nvme);
  // Headers of the same prefix that are no values.
  EXPECT_EQ(outcome(body_checksums({{"x-amz-checksum-mode", "ENABLED"},
                                    {"x-amz-checksum-type", "FULL_OBJECT"},
                                    {"x-amz-checksum-algorithm", "CRC32"}})),
            "ok");
  EXPECT_EQ(checksum_mismatch(DigestKind::kCrc32, "a", "b").text(),
            "The CRC32 you specified did not match the calculated checksum.");
}

TEST(Checksums, Trailers) {
  BodyChecksums claimed;
  EXPECT_FALSE(*trailer_checksum(claimed, {}));
  claimed.trailer = DigestKind::kCrc32;
  EXPECT_EQ(outcome(trailer_checksum(claimed, {})), "MalformedTrailerError");
  EXPECT_EQ(outcome(trailer_checksum(claimed, {{"x-amz-checksum-crc32c", "AAAAAA=="}})),
            "MalformedTrailerError");
  EXPECT_EQ(outcome(trailer_checksum(claimed, {{"x-amz-checksum-crc32", "AAAA"}})),
            "InvalidRequest");
  EXPECT_EQ((*trailer_checksum(claimed, {{"x-amz-checksum-crc32", "AAAAAA=="}}))->kind,
            DigestKind::kCrc32);
}

TEST(Checksums, OfMultipartUploads) {
  const auto create = [](std::vector<std::pair<std::string, std::string>> headers) {
    TestRequest request("POST", "/b/k?uploads", std::move(headers));
    return parse_upload_checksum(request.view());
  };
  EXPECT_FALSE(create({})->kind);
  EXPECT_EQ(create({{"x-amz-checksum-algorithm", "sha256"}, {"x-amz-checksum-type", "FULL_OBJECT"}})
                ->type,
            object::ChecksumType::kFullObject);
  EXPECT_EQ(outcome(create(
                {{"x-amz-checksum-algorithm", "CRC64NVME"}, {"x-amz-checksum-type", "COMPOSITE"}})),
            "InvalidRequest");
  EXPECT_EQ(outcome(create({{"x-amz-checksum-type", "COMPOSITE"}})), "InvalidRequest");
  EXPECT_EQ(outcome(create({{"x-amz-checksum-algorithm", "ADLER"}})), "InvalidRequest");
  const auto complete = [](std::string value) {
    TestRequest request("POST", "/b/k?uploadId=1", {{"x-amz-checksum-crc32", std::move(value)}});
    return parse_complete_checksum(request.view());
  };
  EXPECT_EQ(complete("AAAAAA==-2")->parts_count, 2U);
  EXPECT_FALSE(complete("AAAAAA==")->parts_count);
  for (const char* bad : {"AAAAAA==-", "AAAAAA==-x", "-2", "AAAA-2"}) {
    EXPECT_EQ(outcome(complete(bad)), "InvalidRequest") << bad;
  }
}

}  // namespace
}  // namespace cairn::s3
