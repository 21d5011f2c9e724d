// Properties: what was acknowledged is there after any end of the process; damage is found and
// named; unknown files are kept; space comes back. Method: real files; a crash is a copy of the
// open store's directory, damage is done to the files by hand.
#include "storage/volume_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "io/reactor_group.h"
#include "tests/support/store_fixture.h"

namespace cairn::storage {
namespace {

using testing_support::sample_chunk;
using testing_support::sample_id;
using testing_support::sample_owner;
using testing_support::StoreFixture;

class VolumeStoreTest : public StoreFixture {
 protected:
  // Offsets of the records of a log file, found by their magic.
  static std::vector<uint64_t> record_offsets(const std::string& path) {
    const Bytes bytes = read_file(path);
    std::vector<uint64_t> offsets;
    for (size_t at = 0; at + kBlockBytes <= bytes.size(); at += kBlockBytes) {
      if (has_record_magic(BytesView(bytes).subspan(at, kBlockBytes))) offsets.push_back(at);
    }
    return offsets;
  }
  static Bytes read_file(const std::string& path) {
    Bytes bytes(std::filesystem::file_size(path));
    std::ifstream(path, std::ios::binary)
        .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return bytes;
  }
  static void flip(const std::string& path, uint64_t offset) {
    const int fd = ::open(path.c_str(), O_RDWR);
    ASSERT_GE(fd, 0);
    uint8_t byte = 0;
    EXPECT_EQ(::pread(fd, &byte, 1, static_cast<off_t>(offset)), 1);
    byte ^= 0x10;
    EXPECT_EQ(::pwrite(fd, &byte, 1, static_cast<off_t>(offset)), 1);
    ::close(fd);
  }
};

TEST_F(VolumeStoreTest, AClosedStoreOpensWithAllItsChunks) {
  std::unique_ptr<VolumeStore> store = open();
  for (uint64_t i = 0; i < 40; ++i) ASSERT_TRUE(put(*store, i, 1000000 + i).has_value());
  EXPECT_GT(store->metrics().log_files_created, 1U) << "the puts must fill log files";
  for (uint64_t i = 0; i < 40; i += 4) ASSERT_TRUE(unlink(*store, i).value());
  close(std::move(store));
  store = open();
  EXPECT_EQ(wait(store->usage())->chunks_count, 30U);
  for (uint64_t i = 0; i < 40; ++i) {
    if (i % 4 == 0) {
      EXPECT_EQ(read_code(*store, i, 10), Code::kNotFound);
    } else {
      expect_stored(*store, i, 1000000 + i);
    }
  }
  EXPECT_EQ(store->metrics().quarantined_files, 0U);
  close(std::move(store));
}

TEST_F(VolumeStoreTest, ACrashedStoreOpensWithAllItsChunks) {
  std::unique_ptr<VolumeStore> store = open();
  for (uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(put(*store, i, 1500000 + i).has_value());
  for (uint64_t i = 0; i < 20; i += 5) ASSERT_TRUE(unlink(*store, i).value());
  const std::string image = crash_image(directory_.sub("a"), "image");
  close(std::move(store));
  // Twice: the first opening seals what it scanned, the second reads those footers.
  for (int round = 0; round < 2; ++round) {
    store = open({image});
    EXPECT_EQ(wait(store->usage())->chunks_count, 16U) << "round " << round;
    for (uint64_t i = 0; i < 20; ++i) {
      if (i % 5 != 0) expect_stored(*store, i, 1500000 + i);
    }
    EXPECT_EQ(store->metrics().checksum_failures, 0U);
    close(std::move(store));
  }
}

TEST_F(VolumeStoreTest, ATornTailIsLeftBehindAndTheRestServed) {
  std::unique_ptr<VolumeStore> store = open();
  for (uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(put(*store, i, 100000).has_value());
  const std::string image = crash_image(directory_.sub("a"), "image");
  close(std::move(store));
  const std::string file = log_files(image).at(0);
  const std::vector<uint64_t> offsets = record_offsets(file);
  ASSERT_EQ(offsets.size(), 5U);
  flip(file, offsets[4] + kBlockBytes + 50000);  // The last payload.
  flip(file, offsets[1] + 100);                  // A header in the midst.
  store = open({image});
  EXPECT_EQ(wait(store->usage())->chunks_count, 3U);
  expect_stored(*store, 0, 100000);
  expect_stored(*store, 2, 100000);
  expect_stored(*store, 3, 100000);
  EXPECT_EQ(read_code(*store, 1, 10), Code::kNotFound);
  EXPECT_FALSE(wait(store->link(sample_id(4), sample_owner(1))).value());
  // The id can be stored anew, behind the old tail.
  ASSERT_TRUE(put(*store, 4, 100000).has_value());
  expect_stored(*store, 4, 100000);
  close(std::move(store));
}

TEST_F(VolumeStoreTest, ATruncatedFileServesItsWholeRecords) {
  std::unique_ptr<VolumeStore> store = open();
  for (uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(put(*store, i, 100000).has_value());
  const std::string image = crash_image(directory_.sub("a"), "image");
  close(std::move(store));
  const std::string file = log_files(image).at(0);
  const uint64_t last = record_offsets(file).at(4);
  for (const uint64_t size : {last + kBlockBytes + 100, last + 10, last}) {
    std::filesystem::resize_file(file, size);
    store = open({image});
    EXPECT_EQ(wait(store->usage())->chunks_count, 4U);
    for (uint64_t i = 0; i < 4; ++i) expect_stored(*store, i, 100000);
    close(std::move(store));
  }
}

TEST_F(VolumeStoreTest, ADamagedFooterFallsBackToAScan) {
  std::unique_ptr<VolumeStore> store = open();
  for (uint64_t i = 0; i < 6; ++i) ASSERT_TRUE(put(*store, i, 70000).has_value());
  ASSERT_TRUE(unlink(*store, 2).value());
  close(std::move(store));
  for (const uint64_t from_end : {uint64_t{100}, kBlockBytes + 4000}) {
    const std::string file = log_files(directory_.sub("a")).at(0);
    flip(file, std::filesystem::file_size(file) - from_end);
    store = open();
    EXPECT_EQ(wait(store->usage())->chunks_count, 5U);
    for (uint64_t i = 0; i < 6; ++i) {
      if (i != 2) expect_stored(*store, i, 70000);
    }
    close(std::move(store));
  }
}

TEST_F(VolumeStoreTest, FlippedBitsAreFoundByVerifyAndHeadersByEveryRead) {
  std::unique_ptr<VolumeStore> store = open();
  for (uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(put(*store, i, 200000).has_value());
  close(std::move(store));
  const std::string file = log_files(directory_.sub("a")).at(0);
  const std::vector<uint64_t> offsets = record_offsets(file);
  flip(file, offsets.at(0) + kBlockBytes + 150000);
  flip(file, offsets.at(1) + 600);
  store = open();
  EXPECT_EQ(wait(store->verify(sample_id(0))).error().code, Code::kCorruption);
  EXPECT_EQ(wait(store->verify(sample_id(1))).error().code, Code::kCorruption);
  EXPECT_EQ(read_code(*store, 1, 10), Code::kCorruption);
  EXPECT_EQ(read_code(*store, 1, 200000), Code::kCorruption);
  EXPECT_EQ(store->metrics().checksum_failures, 4U);
  expect_stored(*store, 2, 200000);
  close(std::move(store));
}

TEST_F(VolumeStoreTest, AMisplacedRecordIsNotServed) {
  std::unique_ptr<VolumeStore> store = open();
  for (uint64_t i = 0; i < 2; ++i) ASSERT_TRUE(put(*store, i, 50000).has_value());
  close(std::move(store));
  const std::string file = log_files(directory_.sub("a")).at(0);
  const std::vector<uint64_t> offsets = record_offsets(file);
  const Bytes bytes = read_file(file);
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(static_cast<std::streamoff>(offsets.at(0)));
  stream.write(reinterpret_cast<const char*>(bytes.data() + offsets.at(1)), kBlockBytes);
  stream.close();
  store = open();
  EXPECT_EQ(read_code(*store, 0, 50000), Code::kCorruption);
  expect_stored(*store, 1, 50000);
  close(std::move(store));
}

TEST_F(VolumeStoreTest, DropsGiveSpaceBackAndEmptyLogFilesVanish) {
  std::unique_ptr<VolumeStore> store = open();
  for (uint64_t i = 0; i < 12; ++i) ASSERT_TRUE(put(*store, i, 4 * MiB).has_value());
  const uint64_t before = wait(store->usage())->allocated_bytes;
  for (uint64_t i = 0; i < 12; i += 2) ASSERT_TRUE(unlink(*store, i).value());
  const StoreUsage half = wait(store->usage()).value();
  EXPECT_LE(half.allocated_bytes, before - 6 * 4 * MiB);
  EXPECT_EQ(half.live_bytes, 6 * (4 * MiB + kBlockBytes));
  EXPECT_EQ(store->metrics().punched_bytes, 6 * (4 * MiB + kBlockBytes));
  for (uint64_t i = 1; i < 12; i += 2) ASSERT_TRUE(unlink(*store, i).value());
  EXPECT_EQ(log_files(directory_.sub("a")).size(), 1U) << "only the one in use remains";
  close(std::move(store));
  EXPECT_TRUE(log_files(directory_.sub("a")).empty());
}

TEST_F(VolumeStoreTest, UnknownAndUndecodableFilesAreQuarantined) {
  std::unique_ptr<VolumeStore> store = open();
  ASSERT_TRUE(put(*store, 1, 5000).has_value());
  close(std::move(store));
  const std::string a = directory_.sub("a");
  std::ofstream(a + "/notes.txt") << "mine";
  std::ofstream(a + "/0000000000000009-abababababababababababababababab.log")
      << std::string(9000, 'x');
  store = open();
  expect_stored(*store, 1, 5000);
  EXPECT_EQ(store->metrics().quarantined_files, 2U);
  EXPECT_FALSE(std::filesystem::exists(a + "/notes.txt"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(a + "/quarantine"), {}), 2);
  close(std::move(store));
}

TEST_F(VolumeStoreTest, ADamagedHeaderBlockCostsNoChunk) {
  std::unique_ptr<VolumeStore> store = open();
  for (uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(put(*store, i, 50000).has_value());
  ASSERT_TRUE(unlink(*store, 0).value());
  close(std::move(store));
  const std::string file = log_files(directory_.sub("a")).at(0);
  for (const uint64_t at : {0, 8, 20, 40, 60}) flip(file, at);
  store = open();
  EXPECT_EQ(store->metrics().quarantined_files, 0U);
  EXPECT_EQ(store->metrics().checksum_failures, 1U);
  for (uint64_t i = 1; i < 3; ++i) expect_stored(*store, i, 50000);
  close(std::move(store));
}

TEST_F(VolumeStoreTest, OfTwoCopiesOfAnIdOneIsKept) {
  std::unique_ptr<VolumeStore> store = open();
  ASSERT_TRUE(put(*store, 1, 500000).has_value());
  ASSERT_TRUE(put(*store, 2, 5000).has_value());
  const std::string image = crash_image(directory_.sub("a"), "image");
  ASSERT_TRUE(unlink(*store, 1).value());
  close(std::move(store));
  store = open();
  ASSERT_TRUE(put(*store, 1, 500000).has_value());
  close(std::move(store));
  // The lost hole: the old log file comes back as it was before the drop.
  for (const std::string& file : log_files(image)) {
    std::filesystem::copy(file, directory_.sub("a"),
                          std::filesystem::copy_options::overwrite_existing);
  }
  store = open();
  EXPECT_EQ(wait(store->usage())->chunks_count, 2U);
  EXPECT_GT(store->metrics().punched_bytes, 500000U);
  expect_stored(*store, 1, 500000);
  expect_stored(*store, 2, 5000);
  close(std::move(store));
}

TEST_F(VolumeStoreTest, SeveralVolumesShareTheChunksAndAMissingOneIsNamed) {
  const std::string a = directory_.sub("a");
  const std::string b = directory_.sub("b");
  std::unique_ptr<VolumeStore> store = open({a, b});
  for (uint64_t i = 0; i < 60; ++i) ASSERT_TRUE(put(*store, i, 1000).has_value());
  close(std::move(store));
  EXPECT_FALSE(log_files(a).empty());
  EXPECT_FALSE(log_files(b).empty());
  EXPECT_EQ(try_open({a}).error().code, Code::kUnavailable);
  std::filesystem::rename(b, directory_.sub("elsewhere"));
  const Result<std::unique_ptr<VolumeStore>> missing = try_open({a, b});
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, Code::kUnavailable);
  EXPECT_NE(missing.error().message.find(b), std::string::npos) << missing.error().message;
  std::filesystem::remove_all(b);
  std::filesystem::rename(directory_.sub("elsewhere"), b);
  store = open({b, a, directory_.sub("c")});  // A third one joins.
  for (uint64_t i = 0; i < 60; ++i) expect_stored(*store, i, 1000);
  close(std::move(store));
  EXPECT_EQ(try_open({a, b}).error().code, Code::kUnavailable);
}

TEST_F(VolumeStoreTest, ADamagedOrNewerOrForeignOrLockedVolumeIsRefusedByName) {
  const std::string a = directory_.sub("a");
  std::unique_ptr<VolumeStore> store = open();
  const Result<std::unique_ptr<VolumeStore>> locked = try_open({a});
  ASSERT_FALSE(locked.has_value());
  EXPECT_EQ(locked.error().code, Code::kUnavailable);
  EXPECT_NE(locked.error().message.find(a), std::string::npos);
  close(std::move(store));

  Bytes format = read_file(a + "/FORMAT");
  const auto rewrite = [&] {
    std::ofstream(a + "/FORMAT", std::ios::binary)
        .write(reinterpret_cast<const char*>(format.data()), static_cast<long>(format.size()));
  };
  flip(a + "/FORMAT", 30);
  EXPECT_EQ(try_open({a}).error().code, Code::kCorruption);
  store_le(format.data() + 16, kVolumeFormatVersion + 1);
  store_le(format.data() + 8, checksum_of(BytesView(format).subspan(16)));
  rewrite();
  const Result<std::unique_ptr<VolumeStore>> newer = try_open({a});
  EXPECT_EQ(newer.error().code, Code::kUnsupported);
  EXPECT_NE(newer.error().message.find(a), std::string::npos);

  const std::string b = directory_.sub("b");
  const std::string c = directory_.sub("c");
  close(open({b}));
  close(open({c}));
  EXPECT_EQ(try_open({b, c}).error().code, Code::kInvalidArgument);
  std::filesystem::create_directories(directory_.sub("d"));
  std::ofstream(directory_.sub("d") + "/thesis.doc") << "precious";
  EXPECT_EQ(try_open({directory_.sub("d")}).error().code, Code::kFailedPrecondition);
}

TEST_F(VolumeStoreTest, WithoutAReferenceSourceNothingIsDropped) {
  std::unique_ptr<VolumeStore> store = open();
  ASSERT_TRUE(put(*store, 1, 5000).has_value());
  store->set_references(nullptr);
  EXPECT_EQ(unlink(*store, 1).error().code, Code::kFailedPrecondition);
  store->set_references(&references_);
  EXPECT_TRUE(unlink(*store, 1).value());
  close(std::move(store));
}

TEST_F(VolumeStoreTest, BadArgumentsAreRefused) {
  EXPECT_EQ(try_open({}).error().code, Code::kInvalidArgument);
  std::unique_ptr<VolumeStore> store = open();
  EXPECT_EQ(put(*store, 1, 0).error().code, Code::kInvalidArgument);
  SealedChunk chunk = sample_chunk(1, 100);
  chunk.header.resize(crypto::kSealedHeaderBytesMax + 1);
  EXPECT_EQ(wait(store->put(sample_id(1), std::move(chunk), sample_owner(0))).error().code,
            Code::kInvalidArgument);
  close(std::move(store));
}

io::Task<void> work_on_core(VolumeStore& store, uint64_t core) {
  for (uint64_t i = 0; i < 60; ++i) {
    const uint64_t number = i % 20;  // Both cores want the same chunks.
    const OwnerId owner = sample_owner(core * 1000 + i);
    const Status done = co_await store.put(sample_id(number), sample_chunk(number, 30000), owner);
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
    const Result<SealedRead> got = co_await store.read(sample_id(number), {0, 30000});
    EXPECT_TRUE(got.has_value());
    const Result<bool> dropped = co_await store.unlink(sample_id(number), owner);
    EXPECT_TRUE(dropped.has_value());
  }
}

TEST_F(VolumeStoreTest, TwoCoresPutReadAndDropTheSameChunks) {
  class NoReferences final : public ReferenceSource {
    io::Task<Result<bool>> is_referenced(ChunkId) override { co_return false; }
  } none;
  std::unique_ptr<VolumeStore> store = open();
  store->set_references(&none);
  io::ReactorGroupOptions options;
  options.reactors_count = 2;
  auto group = io::ReactorGroup::start(options).value();
  group->run_on_each([&](size_t core) { return work_on_core(*store, core); });
  group->join();
  group.reset();
  EXPECT_EQ(wait(store->usage())->chunks_count, 0U);
  close(std::move(store));
}

}  // namespace
}  // namespace cairn::storage
