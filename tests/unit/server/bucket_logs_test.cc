// Property: a line has the 26 fields of S3's format whatever a request holds, and keys of log
// objects sort by time. Method: literals.
#include "server/bucket_logs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

namespace cairn::server {
namespace {

constexpr WallTime kTime{1'767'323'045'007};

s3::RequestRecord sample(const object::BucketInfo& bucket) {
  s3::RequestRecord record;
  record.remote = "10.0.0.1:5";
  record.method = "PUT";
  record.target = "/photos/a%20b";
  record.route = "PutObject";
  record.route_index = ~size_t{0};
  record.request_id = "00AB";
  record.principal = "alice";
  record.bucket = "photos";
  record.key = "a b";
  record.status = 200;
  record.bytes_in = 5;
  record.duration = milliseconds(12);
  record.bucket_info = &bucket;
  record.host_id = "host";
  record.auth = s3::AuthKind::kV4Query;
  return record;
}

object::BucketInfo photos() {
  object::BucketInfo bucket;
  bucket.name = "photos";
  bucket.id = 7;
  bucket.tenant = crypto::kRootTenant;
  return bucket;
}

size_t fields_count(const std::string& line) {
  static const std::regex field(R"re("[^"]*"|\[[^\]]*\]|\S+)re");
  return static_cast<size_t>(
      std::distance(std::sregex_iterator(line.begin(), line.end(), field), std::sregex_iterator()));
}

TEST(BucketLogs, LinesHaveTheFieldsOfS3) {
  const object::BucketInfo bucket = photos();
  const std::string line = BucketLogs::format(sample(bucket), kTime);
  EXPECT_EQ(fields_count(line), 26u);
  EXPECT_NE(line.find(" photos [02/Jan/2026:03:04:05 +0000] 10.0.0.1 alice 00AB REST.PUT.OBJECT "
                      "a%20b \"PUT /photos/a%20b HTTP/1.1\" 200 - - 5 12 - \"-\" \"-\" - host "
                      "SigV4 - QueryString - - - -\n"),
            std::string::npos)
      << line;
}

TEST(BucketLogs, NothingInARequestBreaksTheLine) {
  const object::BucketInfo bucket = photos();
  s3::RequestRecord record = sample(bucket);
  const std::string hostile = "x\"] [\r\n\x01\xff\\ y";
  record.key = record.target = record.principal = record.version_id = record.error_code = hostile;
  const std::string line = BucketLogs::format(record, kTime);
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  EXPECT_EQ(fields_count(line), 26u) << line;
}

TEST(BucketLogs, KeysOfObjects) {
  s3::LoggingTarget target;
  target.prefix = "p/";
  EXPECT_EQ(BucketLogs::object_key(target, photos(), "eu", kTime, 0xAB),
            "p/2026-01-02-03-04-05-00000000000000AB");
  target.key_format = s3::LogKeyFormat::kPartitionedEventTime;
  EXPECT_EQ(BucketLogs::object_key(target, photos(), "eu", kTime, 0xAB),
            "p/000000000001/eu/photos/2026/01/02/2026-01-02-03-04-05-00000000000000AB");
}

}  // namespace
}  // namespace cairn::server
