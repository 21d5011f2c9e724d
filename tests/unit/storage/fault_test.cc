// Properties: no put completes before the flush that covers it; a failed write or flush is never
// retried on its file and loses nothing that was acknowledged; a full disk refuses puts only.
// Method: the decorator of the file system records all calls in order and fails some of them; the
// long loop runs on the simulated disk.
#include <functional>
#include <set>

#include "io/sim_file_system.h"
#include "io/sync.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/store_fixture.h"

namespace cairn::storage {
namespace {

using testing_support::CallRecord;
using testing_support::Fault;
using testing_support::FaultyFileSystem;
using testing_support::FileCall;
using testing_support::sample_chunk;
using testing_support::sample_id;
using testing_support::sample_owner;
using testing_support::StoreFixture;

class FaultTest : public StoreFixture {
 protected:
  FaultTest() { files_ = &faulty_; }
  void fail_beside_an_extension(bool kept);

  FaultyFileSystem faulty_{io::system_file_system()};
};

const Error kEio{Code::kIo, "injected"};
const Error kFull{Code::kNoSpace, "injected"};

bool is_record_write(const CallRecord& record) {
  return record.call == FileCall::kWrite && record.size_bytes > 2 * kBlockBytes;
}
bool is_log_sync(const CallRecord& record) {
  return record.call == FileCall::kSync && record.path.ends_with(".log");
}

// A flush that began after the write's end and ended before the put's completion.
bool flushed_in_time(const std::vector<CallRecord>& calls, const CallRecord& write,
                     uint64_t completed_at) {
  return std::ranges::any_of(calls, [&](const CallRecord& call) {
    return is_log_sync(call) && call.path == write.path && call.done && !call.failed &&
           call.begun_at > write.done_at && call.done_at < completed_at;
  });
}

io::Task<void> put_and_mark(VolumeStore& store, uint64_t number, FaultyFileSystem& files,
                            uint64_t& completed_at) {
  const Status done = co_await store.put(
      sample_id(number), sample_chunk(number, 20000 + number * 4096), sample_owner(0));
  EXPECT_TRUE(done.has_value());
  completed_at = files.mark();
}

TEST_F(FaultTest, NoPutCompletesBeforeItsFlushAndFlushesAreShared) {
  std::unique_ptr<VolumeStore> store = open();
  constexpr uint64_t kPuts = 64;
  std::vector<uint64_t> completed_at(kPuts, 0);
  const auto all = [](VolumeStore& target, FaultyFileSystem& files,
                      std::vector<uint64_t>& completed) -> io::Task<void> {
    io::Scope scope;
    for (uint64_t i = 0; i < kPuts; ++i) {
      scope.spawn(put_and_mark(target, i, files, completed[i]));
    }
    co_await scope.join();
  };
  wait(all(*store, faulty_, completed_at));
  const std::vector<CallRecord> calls = faulty_.calls();
  size_t writes_count = 0;
  for (uint64_t i = 0; i < kPuts; ++i) {
    const uint64_t size = record_bytes(20000 + i * 4096);
    const auto write = std::ranges::find_if(calls, [&](const CallRecord& call) {
      return is_record_write(call) && call.size_bytes == size;
    });
    ASSERT_NE(write, calls.end()) << i;
    ++writes_count;
    EXPECT_TRUE(flushed_in_time(calls, *write, completed_at[i])) << i;
    // The check itself can fail: at the time of the write's own end no flush covered it.
    EXPECT_FALSE(flushed_in_time(calls, *write, write->done_at)) << i;
  }
  EXPECT_EQ(writes_count, kPuts) << "each put is one gathered write";
  EXPECT_LE(store->metrics().flush_groups, kPuts / 4);
  EXPECT_GE(store->metrics().flush_groups, 1U);
  close(std::move(store));
}

TEST_F(FaultTest, AFailedFlushFailsItsPutsAndIsNeverRepeatedOnThatFile) {
  std::unique_ptr<VolumeStore> store = open();
  ASSERT_TRUE(put(*store, 0, 50000).has_value());
  faulty_.fail_nth(1, kEio, is_log_sync);
  std::vector<Status> results(4);
  wait(put_all(*store, 10, 50000, results));
  for (const Status& result : results) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Code::kIo);
  }
  for (uint64_t i = 10; i < 14; ++i) EXPECT_EQ(read_code(*store, i, 10), Code::kNotFound);
  expect_stored(*store, 0, 50000);
  EXPECT_EQ(store->metrics().log_files_condemned, 1U);

  ASSERT_TRUE(put(*store, 20, 50000).has_value()) << "goes on in another log file";
  close(std::move(store));
  const std::vector<CallRecord> calls = faulty_.calls();
  const auto failed = std::ranges::find_if(
      calls, [](const CallRecord& call) { return is_log_sync(call) && call.failed; });
  ASSERT_NE(failed, calls.end());
  for (auto later = failed + 1; later != calls.end(); ++later) {
    const bool touches = later->call == FileCall::kSync || later->call == FileCall::kWrite;
    EXPECT_FALSE(touches && later->path == failed->path) << "call " << later->number;
  }
  faulty_.set_rule({});
  store = open();
  expect_stored(*store, 0, 50000);
  expect_stored(*store, 20, 50000);
  close(std::move(store));
}

TEST_F(FaultTest, TwoFailuresInARowMakeTheVolumeReadOnly) {
  std::unique_ptr<VolumeStore> store = open();
  ASSERT_TRUE(put(*store, 0, 50000).has_value());
  faulty_.fail_nth(1, kEio, is_record_write, true);
  EXPECT_EQ(put(*store, 1, 50000).error().code, Code::kIo);
  EXPECT_EQ(put(*store, 2, 50000).error().code, Code::kIo);
  faulty_.set_rule({});
  EXPECT_EQ(put(*store, 3, 50000).error().code, Code::kUnavailable);
  expect_stored(*store, 0, 50000);
  EXPECT_TRUE(unlink(*store, 0).value());
  close(std::move(store));
}

TEST_F(FaultTest, AServerOutOfFileDescriptorsWritesAgainOnceItHasSome) {
  std::unique_ptr<VolumeStore> store = open();
  faulty_.fail_nth(
      1, {Code::kResourceExhausted, "injected"},
      [](const CallRecord& record) { return record.call == FileCall::kOpen; }, true);
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(put(*store, i, 50000).error().code, Code::kResourceExhausted);
  }
  faulty_.set_rule({});
  EXPECT_TRUE(put(*store, 3, 50000).has_value());
  expect_stored(*store, 3, 50000);
  close(std::move(store));
}

TEST_F(FaultTest, ShortReadsAndWritesAreCompleted) {
  faulty_.set_rule([](const CallRecord& record) {
    return Fault{.bytes_max = record.number % 3 == 0 ? std::optional<size_t>(kBlockBytes * 3)
                                                     : std::nullopt};
  });
  std::unique_ptr<VolumeStore> store = open();
  for (uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(put(*store, i, 100000 + i).has_value());
  for (uint64_t i = 0; i < 10; ++i) expect_stored(*store, i, 100000 + i);
  close(std::move(store));
  store = open();
  for (uint64_t i = 0; i < 10; ++i) expect_stored(*store, i, 100000 + i);
  close(std::move(store));
}

TEST_F(FaultTest, AFullDiskRefusesPutsOnlyAndRecovers) {
  std::unique_ptr<VolumeStore> store = open();
  uint64_t stored = 0;
  for (int cycle = 0; cycle < 5; ++cycle) {
    SCOPED_TRACE(cycle);
    faulty_.set_rule([](const CallRecord& record) {
      Fault fault;
      if (record.call == FileCall::kAllocate) fault.error = kFull;
      return fault;
    });
    const uint64_t first = stored;
    while (true) {
      const Status done = put(*store, stored, 3 * MiB);
      if (!done) {
        EXPECT_EQ(done.error().code, Code::kNoSpace);
        break;
      }
      ++stored;
      ASSERT_LT(stored - first, 20U) << "the log file in use must run full";
    }
    for (uint64_t i = 0; i < stored; ++i) expect_stored(*store, i, 3 * MiB);
    if (stored > 0) {
      ASSERT_TRUE(unlink(*store, --stored).value());
    }
    faulty_.set_rule({});
    ASSERT_TRUE(put(*store, stored, 3 * MiB).has_value()) << "space was freed";
    ++stored;
  }
  EXPECT_EQ(store->metrics().log_files_condemned, 0U);
  close(std::move(store));
  store = open();
  for (uint64_t i = 0; i < stored; ++i) expect_stored(*store, i, 3 * MiB);
  close(std::move(store));
}

TEST_F(FaultTest, TheReserveIsNotTouched) {
  faulty_.set_rule([](const CallRecord&) { return Fault{.available_bytes = 20 * MiB}; });
  VolumeStoreOptions options = options_for({directory_.sub("a")});
  options.reserve_bytes = 8 * MiB;
  std::unique_ptr<VolumeStore> store = wait(VolumeStore::open(options)).value();
  EXPECT_EQ(put(*store, 1, 5000).error().code, Code::kNoSpace);
  EXPECT_EQ(faulty_.count(FileCall::kAllocate), 0U);
  EXPECT_EQ(wait(store->usage())->available_bytes, 12 * MiB);
  close(std::move(store));
}

// A disk that runs full under a record hands the chunk on whole to the next volume: with its sealed
// header, without which nothing of it could ever be opened.
TEST_F(FaultTest, AChunkThatOneVolumeHasNoRoomForIsWholeInTheNext) {
  for (const FileCall failing : {FileCall::kWrite, FileCall::kSync}) {
    const std::string tag = failing == FileCall::kWrite ? "write" : "sync";
    SCOPED_TRACE(tag);
    const std::string full = directory_.sub("full-" + tag);
    const std::vector<std::string> both = {full, directory_.sub("empty-" + tag)};
    std::unique_ptr<VolumeStore> store = open(both);
    uint64_t failures = 0;
    std::set<std::string> with_records;  // The first flush of a log file is that of its header.
    faulty_.set_rule([&](const CallRecord& record) {
      if (!record.path.starts_with(full)) return Fault{};
      if (is_record_write(record)) with_records.insert(record.path);
      if (record.call != failing || !with_records.contains(record.path)) return Fault{};
      ++failures;
      return Fault{.error = kFull};
    });
    for (uint64_t i = 0; i < 8; ++i) ASSERT_TRUE(put(*store, i, 50000).has_value()) << i;
    EXPECT_GT(failures, 0U) << "some chunk prefers the volume that is full";
    faulty_.set_rule({});
    for (uint64_t i = 0; i < 8; ++i) expect_stored(*store, i, 50000);
    close(std::move(store));
    store = open(both);
    for (uint64_t i = 0; i < 8; ++i) expect_stored(*store, i, 50000);
    close(std::move(store));
  }
}

// Waits until `count` calls that match have begun.
io::Task<void> await_calls(FaultyFileSystem& files, size_t count,
                           std::function<bool(const CallRecord&)> matches) {
  while (std::ranges::count_if(files.calls(), matches) < static_cast<ptrdiff_t>(count)) {
    co_await io::yield();
  }
}

// A write fails while the next append of the same file waits for more of it to be preallocated.
// `kept` tells whether a record of the file lives on, or the file ends with the failure.
void FaultTest::fail_beside_an_extension(bool kept) {
  constexpr size_t kLarge = 8 * MiB;
  io::SimFileSystem disk({.capacity_bytes = 512 * MiB});
  FaultyFileSystem files{disk};
  files_ = &files;
  VolumeStoreOptions options = options_for({"/volume"});
  options.log_file_bytes = 256 * MiB;
  std::unique_ptr<VolumeStore> store = wait(VolumeStore::open(options)).value();
  for (uint64_t i = 0; i < 7; ++i) ASSERT_TRUE(put(*store, i, kLarge).has_value());
  for (uint64_t i = kept ? 1 : 0; i < 7; ++i) ASSERT_TRUE(unlink(*store, i).value());
  io::Event write_fails;
  io::Event extended;
  const auto is_extension = [](const CallRecord& record) {
    return record.call == FileCall::kAllocate && record.offset_bytes > 0;
  };
  const auto is_failing_write = [](const CallRecord& record) {
    return record.call == FileCall::kWrite && record.size_bytes == record_bytes(7 * MiB);
  };
  files.set_rule([&](const CallRecord& record) {
    if (is_failing_write(record)) return Fault{.error = kEio, .begins = &write_fails};
    return is_extension(record) ? Fault{.begins = &extended} : Fault{};
  });
  Status failed;
  Status stored = fail(Code::kInternal, "not done");
  const auto race = [&]() -> io::Task<void> {
    io::Scope scope;
    io::Scope failing;
    failing.spawn(put_one(*store, 10, 7 * MiB, failed));
    co_await await_calls(files, 1, is_failing_write);
    scope.spawn(put_one(*store, 11, kLarge, stored));
    co_await await_calls(files, 1, is_extension);
    write_fails.set();
    co_await failing.join();
    extended.set();
    co_await scope.join();
  };
  wait(race());
  EXPECT_EQ(failed.error().code, Code::kIo);
  EXPECT_TRUE(stored.has_value()) << stored.error().message;
  if (kept) expect_stored(*store, 0, kLarge);
  expect_stored(*store, 11, kLarge);
  close(std::move(store));
  store = wait(VolumeStore::open(options)).value();
  if (kept) expect_stored(*store, 0, kLarge);
  expect_stored(*store, 11, kLarge);
  close(std::move(store));
}

TEST_F(FaultTest, AFailureBesideAnExtensionLeavesTheOtherRecordsOfTheFile) {
  fail_beside_an_extension(true);
}
TEST_F(FaultTest, AFailureBesideAnExtensionLetsTheOtherAppendGoElsewhere) {
  fail_beside_an_extension(false);
}

// A record that a killed process wrote and did not flush may stand in a cache only. The next one
// finds it, and a put that rests on it is acknowledged: it must be durable by then, whether or not
// a footer could be written behind it.
TEST_F(FaultTest, WhatAKilledProcessLeftUnflushedIsFlushedBeforeAPutRestsOnIt) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    io::SimFileSystem disk({.seed = seed});
    FaultyFileSystem files{disk};
    files_ = &files;
    std::unique_ptr<VolumeStore> store = open({"/volume"});
    ASSERT_TRUE(put(*store, 0, 50000).has_value());
    files.fail_nth(1, kEio, is_log_sync, true);
    ASSERT_FALSE(put(*store, 1, 50000).has_value());
    close(std::move(store));
    files.set_rule([](const CallRecord& record) {
      return record.call == FileCall::kWrite ? Fault{.error = kEio} : Fault{};
    });
    store = open({"/volume"});
    ASSERT_NE(store, nullptr);
    const Status again = put(*store, 1, 50000);
    disk.cut_power();
    (void)wait(store->close());
    store.reset();
    disk.restart();
    files.set_rule({});
    store = open({"/volume"});
    expect_stored(*store, 0, 50000);
    if (again) expect_stored(*store, 1, 50000);
    EXPECT_TRUE(again.has_value()) << "the record that is there counts";
    close(std::move(store));
  }
}

// ZFS and file systems with large blocks keep zeros where a small hole was punched. A dropped
// record must not come back there as one that is live: a put would rest on zeros.
TEST_F(FaultTest, ADroppedRecordIsKnownWhereHolesAreZeros) {
  faulty_.set_punches_zeros(true);
  std::unique_ptr<VolumeStore> store = open();
  for (uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(put(*store, i, 50000).has_value());
  close(std::move(store));
  store = open();
  ASSERT_TRUE(unlink(*store, 1).value());
  close(std::move(store));
  store = open();
  EXPECT_EQ(read_code(*store, 1, 10), Code::kNotFound);
  ASSERT_TRUE(put(*store, 1, 50000).has_value());
  for (uint64_t i = 0; i < 4; ++i) expect_stored(*store, i, 50000);
  close(std::move(store));
  store = open();
  for (uint64_t i = 0; i < 4; ++i) expect_stored(*store, i, 50000);
  close(std::move(store));
}

// One workload; every call of it fails once, with EIO and then with ENOSPC. Whatever was
// acknowledged is served, before and after a restart, and nothing wrong ever is.
TEST_F(FaultTest, AnyFailingCallLosesNothingAcknowledged) {
  uint64_t calls_count = 0;
  for (uint64_t nth = 0; nth == 0 || nth <= 2 * calls_count; ++nth) {
    SCOPED_TRACE(testing::Message() << "failing call " << nth);
    const std::string folder = "/volume";
    io::SimFileSystem disk({.seed = nth});
    FaultyFileSystem files{disk};
    files_ = &files;
    if (nth != 0) files.fail_nth((nth + 1) / 2, nth % 2 == 1 ? kEio : kFull);
    Result<std::unique_ptr<VolumeStore>> opened = try_open({folder});
    std::vector<uint64_t> acknowledged;
    std::vector<uint64_t> dropped;
    if (opened) {
      VolumeStore& store = **opened;
      for (uint64_t i = 0; i < 6; ++i) {
        if (put(store, i, 3 * MiB).has_value()) acknowledged.push_back(i);
      }
      if (!acknowledged.empty()) {
        const Result<bool> gone = unlink(store, acknowledged.front());
        if (gone && *gone) {
          dropped.push_back(acknowledged.front());
          acknowledged.erase(acknowledged.begin());
        }
      }
      if (nth == 0) calls_count = files.calls().size();
      files.set_rule({});
      for (const uint64_t i : acknowledged) expect_stored(store, i, 3 * MiB);
      for (const uint64_t i : dropped) EXPECT_EQ(read_code(store, i, 9), Code::kNotFound);
      (void)wait(store.close());
      opened->reset();
    }
    files.set_rule({});
    std::unique_ptr<VolumeStore> again = open({folder});
    ASSERT_NE(again, nullptr);
    for (const uint64_t i : acknowledged) expect_stored(*again, i, 3 * MiB);
    close(std::move(again));
  }
  EXPECT_GT(calls_count, 30U);
}

}  // namespace
}  // namespace cairn::storage
