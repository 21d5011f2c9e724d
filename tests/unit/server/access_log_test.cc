#include "server/access_log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/temporary_directory.h"

namespace cairn::server {
namespace {

constexpr WallTime kTime{1'767'323'045'007};

s3::RequestRecord sample() {
  s3::RequestRecord record;
  record.remote = "127.0.0.1:5";
  record.method = "PUT";
  record.target = "/b/k";
  record.route = "PutObject";
  record.request_id = "00000000000000AB";
  record.access_key = "AK";
  record.status = 200;
  record.bytes_in = 5;
  record.bytes_out = 6;
  record.duration = microseconds(1234);
  return record;
}

TEST(AccessLog, OneJsonObjectPerLineWithEveryField) {
  std::string line;
  AccessLog::format(line, sample(), kTime);
  ASSERT_EQ(line.back(), '\n');
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["time"], "2026-01-02T03:04:05.007Z");
  EXPECT_EQ(json["remote"], "127.0.0.1:5");
  EXPECT_EQ(json["method"], "PUT");
  EXPECT_EQ(json["target"], "/b/k");
  EXPECT_EQ(json["route"], "PutObject");
  EXPECT_EQ(json["status"], 200);
  EXPECT_EQ(json["bytes_in"], 5);
  EXPECT_EQ(json["bytes_out"], 6);
  EXPECT_EQ(json["duration_us"], 1234);
  EXPECT_EQ(json["request_id"], "00000000000000AB");
  EXPECT_EQ(json["access_key"], "AK");
}

TEST(AccessLog, NothingInARequestBreaksTheLine) {
  std::string hostile = "\"\\\n\r\t\x01\x1b[31m{}\xff\xc3";
  hostile += '\0';
  s3::RequestRecord record = sample();
  record.target = record.access_key = record.method = hostile;
  std::string line;
  AccessLog::format(line, record, kTime);
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  for (const char c : line.substr(0, line.size() - 1)) {
    EXPECT_GE(static_cast<unsigned char>(c), 0x20);
  }
  EXPECT_NO_THROW(static_cast<void>(nlohmann::json::parse(line)));
}

TEST(AccessLog, EverythingOfAllCoresIsWrittenAtTheEnd) {
  const testing_support::TemporaryDirectory directory;
  const std::string path = directory.sub("access.jsonl");
  {
    Result<std::unique_ptr<AccessLog>> log = AccessLog::open(path, 3);
    ASSERT_TRUE(log);
    std::vector<std::thread> cores;
    for (size_t core = 0; core < 3; ++core) {
      cores.emplace_back([&log, core] {
        for (int i = 0; i < 1000; ++i) (*log)->append(core, sample(), kTime);
      });
    }
    for (std::thread& core : cores) core.join();
    EXPECT_EQ((*log)->dropped_count(), 0U);
  }
  std::ifstream file(path);
  std::string line;
  size_t lines = 0;
  while (std::getline(file, line)) {
    EXPECT_EQ(nlohmann::json::parse(line)["status"], 200);
    ++lines;
  }
  EXPECT_EQ(lines, 3000U);
}

TEST(AccessLog, AFileThatCannotBeOpenedIsAnError) {
  EXPECT_FALSE(AccessLog::open("/nonexistent-directory/log", 1));
}

}  // namespace
}  // namespace cairn::server
