// Property: the audit log is one chain over restarts, crashes and new files, and every change to
// what was written (altered, removed, inserted, reordered, shortened) is named by its first line.
// Method: real files in a temporary directory; the anchor is what the log said it flushed.
#include "server/audit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "server/audit_log.h"
#include "tests/support/temporary_directory.h"

namespace cairn::server {
namespace {

class AuditLogTest : public testing::Test {
 protected:
  std::unique_ptr<AuditLog> open(uint64_t file_bytes = kAuditFileBytes, uint64_t kept = 0) {
    AuditOptions options;
    options.directory = directory();
    options.shards_count = 2;
    options.file_bytes = file_bytes;
    options.files_kept = kept;
    Result<std::unique_ptr<AuditLog>> log = AuditLog::open(options, key_, anchor_);
    EXPECT_TRUE(log) << log.error().message;
    return std::move(*log);
  }
  // Writes lines "n":first.. and ends the log in order.
  void write(int first, int count, uint64_t file_bytes = kAuditFileBytes) {
    const std::unique_ptr<AuditLog> log = open(file_bytes);
    for (int i = first; i < first + count; ++i) {
      log->append(static_cast<size_t>(i) % 2, "\"n\":" + std::to_string(i));
      if (file_bytes != kAuditFileBytes) EXPECT_TRUE(log->flush());
    }
    EXPECT_TRUE(log->flush());
    anchor_ = log->anchor();
  }
  AuditReport verify() {
    const Result<AuditReport> report = verify_audit(directory(), key_, anchor_);
    EXPECT_TRUE(report) << report.error().message;
    return *report;
  }
  std::string directory() const { return temporary_.path() + "/audit"; }
  std::vector<std::string> files() { return *list_audit_files(directory()); }
  std::string path(size_t file) { return directory() + "/" + files()[file]; }
  std::vector<std::string> lines(size_t file) {
    std::ifstream in(path(file));
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }
  void store(size_t file, const std::vector<std::string>& all, std::string_view tail = {}) {
    std::ofstream out(path(file), std::ios::trunc);
    for (const std::string& line : all) out << line << '\n';
    out << tail;
  }

  testing_support::TemporaryDirectory temporary_;
  crypto::SecretKey key_{BytesView(Bytes(32, 7))};
  AuditAnchor anchor_;
};

TEST_F(AuditLogTest, IsIntactOverRestarts) {
  write(1, 10);
  write(11, 5);
  const AuditReport report = verify();
  EXPECT_TRUE(report.intact) << report.problem;
  EXPECT_EQ(report.lines_count, 16u);  // One head.
  EXPECT_EQ(report.last_sequence, anchor_.end.sequence);
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(AuditLogTest, CarriesTheChainIntoNewFiles) {
  write(1, 20, 400);
  EXPECT_GT(files().size(), 3u);
  EXPECT_TRUE(verify().intact) << verify().problem;
}

TEST_F(AuditLogTest, NamesTheFirstAlteredLine) {
  write(1, 10);
  std::vector<std::string> all = lines(0);
  const size_t at = all[4].find("\"n\":");
  all[4][at + 4] = all[4][at + 4] == '9' ? '8' : '9';
  store(0, all);
  const AuditReport report = verify();
  EXPECT_FALSE(report.intact);
  EXPECT_EQ(report.line, 5u);
  EXPECT_EQ(report.file, files()[0]);
}

TEST_F(AuditLogTest, NoticesRemovedInsertedAndSwappedLines) {
  write(1, 10);
  const std::vector<std::string> good = lines(0);
  std::vector<std::string> all = good;
  all.erase(all.begin() + 3);
  store(0, all);
  EXPECT_EQ(verify().line, 4u);
  all = good;
  all.insert(all.begin() + 3, all[3]);
  store(0, all);
  EXPECT_EQ(verify().line, 5u);
  all = good;
  std::swap(all[2], all[3]);
  store(0, all);
  EXPECT_EQ(verify().line, 3u);
  store(0, good);
  EXPECT_TRUE(verify().intact);
}

TEST_F(AuditLogTest, NoticesAShortenedTailAndItStaysNoticed) {
  write(1, 10);
  std::vector<std::string> all = lines(0);
  all.resize(all.size() - 2);
  store(0, all);
  EXPECT_FALSE(verify().intact);
  // A server that starts on it goes on behind the gap and does not hide it.
  write(11, 3);
  EXPECT_FALSE(verify().intact);
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(AuditLogTest, NoticesRemovedFiles) {
  write(1, 20, 400);
  const size_t count = files().size();
  ASSERT_GT(count, 3u);
  const std::string saved = path(1);
  std::filesystem::rename(saved, saved + ".away");
  EXPECT_FALSE(verify().intact);
  std::filesystem::rename(saved + ".away", saved);
  EXPECT_TRUE(verify().intact);
  std::filesystem::remove(path(0));
  EXPECT_FALSE(verify().intact);
}

TEST_F(AuditLogTest, AForgerWithoutTheKeyCannotContinueTheChain) {
  write(1, 3);
  const crypto::SecretKey other{BytesView(Bytes(32, 8))};
  AuditChain forged(other, anchor_.end);
  std::string line;
  forged.append("\"n\":99", line);
  std::ofstream(path(0), std::ios::app) << line;
  const AuditReport report = verify();
  EXPECT_FALSE(report.intact);
  EXPECT_EQ(report.line, 5u);
}

TEST_F(AuditLogTest, ALineThatACrashCutIsRemovedAndTheChainGoesOn) {
  write(1, 5);
  const std::vector<std::string> good = lines(0);
  for (size_t cut = 1; cut < 40; cut += 13) {
    SCOPED_TRACE(cut);
    store(0, good,
          std::string_view("{\"seq\":7,\"n\":6,\"mac\":\"0123456789012345").substr(0, cut));
    EXPECT_TRUE(verify().intact);
    EXPECT_EQ(verify().torn_bytes, cut > 0 ? std::min<size_t>(cut, 38) : 0);
    const AuditAnchor before = anchor_;
    write(6, 1);
    EXPECT_TRUE(verify().intact) << verify().problem;
    anchor_ = before;
  }
}

TEST_F(AuditLogTest, AFileThatACrashLeftWithoutItsHeadIsBegunAgain) {
  write(1, 5);
  std::ofstream(directory() + "/" + audit_file_name(anchor_.end.sequence + 1)) << "{\"seq\":7,";
  write(6, 2);
  EXPECT_TRUE(verify().intact) << verify().problem;
}

TEST_F(AuditLogTest, KeepsAsManyFilesAsAsked) {
  {
    const std::unique_ptr<AuditLog> log = open(400, 2);
    for (int i = 0; i < 20; ++i) {
      log->append(0, "\"n\":" + std::to_string(i));
      EXPECT_TRUE(log->flush());
    }
    anchor_ = log->anchor();
    log->remove_before(anchor_);
  }
  EXPECT_LE(files().size(), 3u);
  EXPECT_GT(verify().first_sequence, 1u);
  EXPECT_TRUE(verify().intact) << verify().problem;
}

TEST_F(AuditLogTest, IsWithoutRoomWhileAShardIsFullAndLosesNothing) {
  const std::unique_ptr<AuditLog> log = open();
  const std::string fields = "\"n\":\"" + std::string(1000, 'x') + '"';
  bool was_full = false;
  uint64_t count = 0;
  for (; !was_full && count < 200'000; ++count) {
    log->append(1, fields);
    was_full = !log->has_room();
  }
  EXPECT_TRUE(was_full);
  EXPECT_TRUE(log->flush());
  EXPECT_TRUE(log->has_room());
  EXPECT_EQ(log->counters().lines, count);
}

TEST_F(AuditLogTest, CoresAppendSideBySide) {
  const std::unique_ptr<AuditLog> log = open(4096);
  std::vector<std::thread> threads;
  for (size_t shard = 0; shard < 2; ++shard) {
    threads.emplace_back([&log, shard] {
      for (int i = 0; i < 2000; ++i) log->append(shard, "\"n\":" + std::to_string(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(log->flush());
  EXPECT_EQ(log->counters().lines, 4000u);
  anchor_ = log->anchor();
  EXPECT_TRUE(verify().intact) << verify().problem;
}

TEST(AuditAnchorTest, IsAuthenticated) {
  const Bytes key(32, 1);
  AuditAnchor anchor;
  anchor.first_sequence = 3;
  anchor.end.sequence = 77;
  anchor.end.mac.fill(9);
  const std::string value = encode_anchor(key, anchor);
  EXPECT_EQ(*decode_anchor(key, value), anchor);
  for (size_t i = 0; i < value.size(); ++i) {
    std::string bad = value;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(decode_anchor(key, bad)) << i;
  }
  EXPECT_FALSE(decode_anchor(key, value.substr(1)));
}

TEST(AuditLine, NamesWhoWhatAndResultAndHoldsHostileText) {
  s3::RequestRecord record;
  record.method = "PUT";
  record.route = "PutObject";
  record.action = "s3:PutObject";
  record.may_change = true;
  record.remote = "10.0.0.1:5";
  record.access_key = "AK\"\n";
  record.bucket = "b";
  record.key = "k\r\n{\"seq\":1}";
  record.version_id = "v";
  record.request_id = "R";
  record.status = 403;
  record.error_code = "AccessDenied";
  record.detail = R"([{"key":"x"}])";
  EXPECT_TRUE(Audit::wants(record));
  std::string fields;
  Audit::format(fields, record, WallTime{1'767'323'045'007});
  EXPECT_EQ(fields.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse("{" + fields + "}");
  EXPECT_EQ(json["time"], "2026-01-02T03:04:05.007Z");
  EXPECT_EQ(json["key"], "k\r\n{\"seq\":1}");
  EXPECT_EQ(json["access_key"], "AK\"\n");
  EXPECT_EQ(json["status"], 403);
  EXPECT_EQ(json["error"], "AccessDenied");
  EXPECT_EQ(json["action"], "s3:PutObject");
  EXPECT_EQ(json["objects"][0]["key"], "x");
}

TEST(AuditLine, ReadsAreOnlyThereWhenDenied) {
  s3::RequestRecord record;
  record.method = "GET";
  record.status = 200;
  EXPECT_FALSE(Audit::wants(record));
  record.status = 404;
  EXPECT_FALSE(Audit::wants(record));
  record.status = 403;
  EXPECT_TRUE(Audit::wants(record));
}

}  // namespace
}  // namespace cairn::server
