// Property: what was acknowledged is there after a reopen, a power cut and a failed sync; a full
// disk refuses puts, lets deletes through and recovers; a damaged log is refused, a torn one is
// cut. Method: faults come from a decorator of RocksDB's file system; a power cut is a copy of the
// directory without the unsynced writes. The negative control turns syncing off and must lose data.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "catalog/rocksdb_catalog.h"
#include "io/reactor.h"
#include "tests/support/faulty_rocksdb_file_system.h"

namespace cairn::catalog {
namespace {

using testing_support::FaultyRocksdbFileSystem;

class RocksdbFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "cairn-faults-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    reactor_ = std::move(io::Reactor::create({}).value());
  }
  void TearDown() override {
    close();
    reactor_.reset();
    std::filesystem::remove_all(directory_);
  }

  Status open(const std::string& name) {
    RocksdbOptions options{.block_cache_bytes = 8 * MiB,
                           .write_buffer_bytes = 2 * MiB,
                           .ballast_bytes = 1 * MiB,
                           .file_system = disk_,
                           .prewritten_wal = true,  // The log file that the fault model knows.
                           .sync_writes = sync_writes_};
    Result<std::unique_ptr<Catalog>> opened =
        reactor_->run(open_rocksdb_catalog(directory_ + "/" + name, std::move(options)));
    if (!opened) return std::unexpected(opened.error());
    catalog_ = std::move(*opened);
    return {};
  }
  void close() {
    if (catalog_) EXPECT_TRUE(reactor_->run(catalog_->close()).has_value());
    catalog_.reset();
  }
  Result<Version> put(int i) {
    return reactor_->run(
        catalog_->commit({.puts = {{"k" + std::to_string(i), std::string(3000, 'v')}}}));
  }
  Result<Version> erase(int i) {
    return reactor_->run(catalog_->commit({.deletes = {"k" + std::to_string(i)}}));
  }
  int count_present(int end) {
    int count = 0;
    for (int i = 0; i < end; ++i) {
      const auto entry = reactor_->run(catalog_->get("k" + std::to_string(i)));
      if (entry && *entry && (*entry)->value == std::string(3000, 'v')) ++count;
    }
    return count;
  }
  // The newest log of a copy that nobody has open.
  std::string newest_log(const std::string& name) {
    std::string newest;
    for (const auto& file : std::filesystem::directory_iterator(directory_ + "/" + name)) {
      if (file.path().extension() == ".log") newest = std::max(newest, file.path().string());
    }
    return newest;
  }

  std::shared_ptr<FaultyRocksdbFileSystem> disk_ = std::make_shared<FaultyRocksdbFileSystem>();
  bool sync_writes_ = true;
  std::string directory_;
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(RocksdbFaults, EverythingIsThereAfterAReopen) {
  ASSERT_TRUE(open("db"));
  Version last = 0;
  for (int i = 0; i < 50; ++i) last = put(i).value();
  close();
  ASSERT_TRUE(open("db"));
  EXPECT_EQ(count_present(50), 50);
  EXPECT_GT(put(50).value(), last);
}

TEST_F(RocksdbFaults, AcknowledgedCommitsSurviveAPowerCut) {
  ASSERT_TRUE(open("db"));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(put(i));
  disk_->cut_power(directory_ + "/db", directory_ + "/cut");
  close();
  const Status opened = open("cut");
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(count_present(50), 50);
}

TEST_F(RocksdbFaults, WithoutSyncAPowerCutLosesThem) {
  sync_writes_ = false;
  ASSERT_TRUE(open("db"));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(put(i));
  disk_->cut_power(directory_ + "/db", directory_ + "/cut");
  close();
  ASSERT_TRUE(open("cut"));
  EXPECT_LT(count_present(50), 50) << "the power cut of this test forgets nothing";
}

TEST_F(RocksdbFaults, AFailedSyncEndsAllCommitsUntilReopenAndLosesNothingAcknowledged) {
  for (int fail_at = 0; fail_at < 6; ++fail_at) {
    const std::string name = "db" + std::to_string(fail_at);
    disk_->fail_sync_after = -1;
    ASSERT_TRUE(open(name));
    disk_->fail_sync_after = fail_at;
    for (int i = 0; i < fail_at; ++i) ASSERT_TRUE(put(i)) << fail_at;
    EXPECT_EQ(put(fail_at).error().code, Code::kIo);
    disk_->fail_sync_after = -1;
    EXPECT_EQ(put(fail_at + 1).error().code, Code::kUnavailable) << "a sync was believed again";
    EXPECT_EQ(count_present(fail_at), fail_at) << "reads go on";
    disk_->cut_power(directory_ + "/" + name, directory_ + "/cut" + name);
    close();
    ASSERT_TRUE(open("cut" + name));
    EXPECT_EQ(count_present(fail_at), fail_at);
    EXPECT_TRUE(put(100));
    close();
  }
}

TEST_F(RocksdbFaults, AFullDiskRefusesPutsAndLetsDeletesThrough) {
  ASSERT_TRUE(open("db"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(i));
  close();
  disk_->free_bytes = 0;
  ASSERT_TRUE(open("db"));
  EXPECT_EQ(put(5).error().code, Code::kNoSpace);
  EXPECT_TRUE(erase(0));
  EXPECT_EQ(count_present(6), 4);
  disk_->free_bytes = 1ULL << 40;
  close();
  ASSERT_TRUE(open("db"));
  EXPECT_TRUE(put(5));
}

TEST_F(RocksdbFaults, AnUnexpectedFullDiskGivesTheBallastBackAndLosesNothing) {
  ASSERT_TRUE(open("db"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(i));
  ASSERT_TRUE(std::filesystem::exists(directory_ + "/db/BALLAST"));
  disk_->fail_writes_count = 1;
  const Result<Version> during = put(5);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/db/BALLAST"));
  if (!during) EXPECT_EQ(during.error().code, Code::kNoSpace) << during.error().message;
  EXPECT_EQ(count_present(5), 5);
  close();
  ASSERT_TRUE(open("db"));
  EXPECT_EQ(count_present(5), 5);
  EXPECT_EQ(count_present(6), during ? 6 : 5);
}

TEST_F(RocksdbFaults, ATornLastRecordIsCutAndADamagedOneIsRefused) {
  ASSERT_TRUE(open("db"));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(put(i));
  for (const char* name : {"torn", "flipped"}) {
    disk_->cut_power(directory_ + "/db", directory_ + "/" + name);
  }
  close();
  const auto damage = [this](const std::string& name, std::streamoff at, size_t zeros) {
    std::fstream file(newest_log(name), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    const std::string bytes = zeros > 0 ? std::string(zeros, '\0') : std::string("\x55");
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  };
  // A commit takes about 3 KB of log: the second to last 4 KiB lie in the last two records.
  damage("torn", 20 * 3035 - 1500, 1 << 16);
  const Status torn = open("torn");
  ASSERT_TRUE(torn) << torn.error().message;
  EXPECT_EQ(count_present(20), 19);
  close();
  damage("flipped", 30000, 0);
  const Status flipped = open("flipped");
  ASSERT_FALSE(flipped);
  EXPECT_EQ(flipped.error().code, Code::kCorruption);
}

}  // namespace
}  // namespace cairn::catalog
