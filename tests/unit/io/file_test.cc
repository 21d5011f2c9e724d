// Properties: files give back what was written, buffered and direct, whole or across short reads
// and writes; allocation, holes and data offsets agree with the bytes; directory calls do what they
// say. Method: a temporary directory on the build's file system; short I/O by a File that shortens.
#include "io/file.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/buffer.h"
#include "base/random.h"
#include "io/scope.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::io {
namespace {

using FilePtr = std::unique_ptr<File>;

class FileTest : public IoTest {
 protected:
  void SetUp() override {
    IoTest::SetUp();
    // Beside the build: /tmp may be a file system without direct I/O.
    std::string pattern = std::filesystem::current_path() / "io_file_test.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  std::string path(std::string_view name) const { return directory_ + "/" + std::string(name); }
  void expect_ok(Task<Status> task) {
    const Status done = run(std::move(task));
    EXPECT_TRUE(done) << done.error().message;
  }
  std::string directory_;
};
INSTANTIATE_ON_BOTH_BACKENDS(FileTest);

Task<Result<FilePtr>> create_file(std::string path, bool direct = false) {
  OpenOptions options;
  options.write = true;
  options.create = true;
  options.exclusive = true;
  options.direct = direct;
  return system_file_system().open(std::move(path), options);
}

Buffer random_buffer(size_t size_bytes, uint64_t seed) {
  Buffer buffer = Buffer::allocate(size_bytes);
  buffer.resize(size_bytes);
  SeededRandom(seed).fill(buffer.span());
  return buffer;
}

Task<Status> write_and_read(std::string path, bool direct) {
  FilePtr file = co_await or_return(create_file(path, direct));
  const Buffer written = random_buffer(1 * MiB, 1);
  co_await or_return(file->allocate(0, 4 * MiB));
  co_await or_return(file->write_all(written.view(), 1 * MiB));
  co_await or_return(file->sync_data());
  const uint64_t size_bytes = co_await or_return(file->size());
  EXPECT_EQ(size_bytes, 4 * MiB);

  Buffer back = Buffer::allocate(1 * MiB);
  back.resize(1 * MiB);
  co_await or_return(file->read_exact(back.span(), 1 * MiB));
  EXPECT_TRUE(std::ranges::equal(back.view(), written.view()));
  // Allocated and never written: zeros.
  co_await or_return(file->read_exact(back.span(), 2 * MiB));
  EXPECT_TRUE(std::ranges::all_of(back.view(), [](uint8_t byte) { return byte == 0; }));
  // Beyond the end: nothing, and an error for who needs it all.
  const size_t none = co_await or_return(file->read_some(back.span(), 4 * MiB));
  EXPECT_EQ(none, 0u);
  const Status beyond = co_await file->read_exact(back.span(), 4 * MiB - 4096);
  EXPECT_FALSE(beyond);
  EXPECT_EQ(beyond ? Code::kInternal : beyond.error().code, Code::kOutOfRange);
  co_await file->close();
  co_return Status();
}

TEST_P(FileTest, ReadsBackWhatWasWritten) {
  expect_ok(write_and_read(path("buffered"), false));
}
TEST_P(FileTest, ReadsBackWhatWasWrittenDirectly) {
  expect_ok(write_and_read(path("direct"), true));
}

Task<Status> read_odd_tail(std::string path) {
  FilePtr plain = co_await or_return(create_file(path));
  const Buffer written = random_buffer(10000, 2);
  co_await or_return(plain->write_all(written.view(), 0));
  co_await plain->close();
  OpenOptions options;
  options.direct = true;
  FilePtr file = co_await or_return(system_file_system().open(path, options));
  Buffer back = Buffer::allocate(16384);
  back.resize(16384);
  const size_t got = co_await or_return(file->read_some(back.span(), 0));
  EXPECT_EQ(got, 10000u);
  EXPECT_TRUE(std::ranges::equal(back.view(0, got), written.view()));
  // The continuation after the short read would not be aligned.
  const Status whole = co_await file->read_exact(back.span(), 0);
  EXPECT_EQ(whole ? Code::kInternal : whole.error().code, Code::kOutOfRange);
  co_await file->close();
  co_return Status();
}

TEST_P(FileTest, ADirectFileMayEndAnywhere) {
  expect_ok(read_odd_tail(path("odd")));
}

Task<Status> write_pieces(std::string path) {
  FilePtr file = co_await or_return(create_file(path));
  const Buffer written = random_buffer(200000, 3);
  std::vector<BytesView> pieces;
  for (size_t at = 0; at < written.size(); at += 1000) {
    pieces.push_back(written.view(at, 1000));
    pieces.push_back({});
  }
  co_await or_return(file->write_all(pieces, 5));
  Buffer back = Buffer::allocate(200000);
  back.resize(200000);
  co_await or_return(file->read_exact(back.span(), 5));
  EXPECT_TRUE(std::ranges::equal(back.view(), written.view()));
  co_await or_return(file->write_all(std::vector<BytesView>{}, 0));
  co_await file->close();
  co_return Status();
}

TEST_P(FileTest, GathersAnyNumberOfPieces) {
  expect_ok(write_pieces(path("pieces")));
}

Task<Status> use_holes(std::string path) {
  FilePtr file = co_await or_return(create_file(path, true));
  co_await or_return(file->allocate(0, 8 * MiB));
  const uint64_t reserved = co_await or_return(file->allocated_bytes());
  EXPECT_GE(reserved, 8 * MiB);
  const Buffer data = random_buffer(1 * MiB, 4);
  co_await or_return(file->write_all(data.view(), 3 * MiB));
  co_await or_return(file->sync_data());
  const uint64_t first = co_await or_return(file->next_data(0));
  EXPECT_EQ(first, 3 * MiB);
  const uint64_t inside = co_await or_return(file->next_data(3 * MiB + 4096));
  EXPECT_EQ(inside, 3 * MiB + 4096);
  const Result<uint64_t> none = co_await file->next_data(4 * MiB);
  EXPECT_EQ(none ? Code::kInternal : none.error().code, Code::kNotFound);

  co_await or_return(file->punch_hole(3 * MiB, 1 * MiB));
  const uint64_t left = co_await or_return(file->allocated_bytes());
  EXPECT_LE(left, reserved - 1 * MiB);
  const Result<uint64_t> nothing = co_await file->next_data(0);
  EXPECT_EQ(nothing ? Code::kInternal : nothing.error().code, Code::kNotFound);
  Buffer back = Buffer::allocate(1 * MiB);
  back.resize(1 * MiB);
  co_await or_return(file->read_exact(back.span(), 3 * MiB));
  EXPECT_TRUE(std::ranges::all_of(back.view(), [](uint8_t byte) { return byte == 0; }));
  const uint64_t size_bytes = co_await or_return(file->size());
  EXPECT_EQ(size_bytes, 8 * MiB);

  co_await or_return(file->truncate(4096));
  const uint64_t cut = co_await or_return(file->size());
  EXPECT_EQ(cut, 4096u);
  co_await file->close();
  co_return Status();
}

TEST_P(FileTest, HolesGiveTheirSpaceBack) {
  expect_ok(use_holes(path("holes")));
}

Task<void> fill_stripe(File& file, size_t stripe, Status& outcome) {
  const Buffer data = random_buffer(64 * KiB, stripe);
  outcome = co_await file.write_all(data.view(), stripe * 64 * KiB);
}

Task<Status> write_side_by_side(std::string path) {
  constexpr size_t kStripes = 64;
  FilePtr file = co_await or_return(create_file(path, true));
  co_await or_return(file->allocate(0, kStripes * 64 * KiB));
  std::vector<Status> outcomes(kStripes);
  Scope scope;
  for (size_t i = 0; i < kStripes; ++i) scope.spawn(fill_stripe(*file, i, outcomes[i]));
  co_await scope.join();
  Buffer back = Buffer::allocate(64 * KiB);
  back.resize(64 * KiB);
  for (size_t i = 0; i < kStripes; ++i) {
    EXPECT_TRUE(outcomes[i]);
    co_await or_return(file->read_exact(back.span(), i * 64 * KiB));
    const Buffer expected = random_buffer(64 * KiB, i);
    EXPECT_TRUE(std::ranges::equal(back.view(), expected.view()));
  }
  co_await file->close();
  co_return Status();
}

TEST_P(FileTest, ManyOperationsRunSideBySide) {
  expect_ok(write_side_by_side(path("stripes")));
}

// A File in memory that carries out at most a few bytes of each request.
class ShortFile final : public File {
 public:
  explicit ShortFile(Bytes& bytes) : bytes_(bytes) {}
  Task<Result<size_t>> read_some(MutableBytes into, uint64_t offset_bytes) override {
    if (offset_bytes >= bytes_.size()) co_return size_t{0};
    const size_t size = std::min({into.size(), bytes_.size() - offset_bytes, next_limit()});
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset_bytes), size, into.begin());
    co_return size;
  }
  Task<Result<size_t>> write_some(std::span<const BytesView> pieces,
                                  uint64_t offset_bytes) override {
    size_t left = next_limit();
    size_t done = 0;
    for (const BytesView piece : pieces) {
      const size_t size = std::min(piece.size(), left);
      if (bytes_.size() < offset_bytes + done + size) bytes_.resize(offset_bytes + done + size);
      std::copy_n(piece.begin(), size,
                  bytes_.begin() + static_cast<ptrdiff_t>(offset_bytes + done));
      done += size;
      left -= size;
    }
    co_return done;
  }
  Task<Status> sync_data() override { co_return Status(); }
  Task<Status> allocate(uint64_t, uint64_t) override { co_return Status(); }
  Task<Status> punch_hole(uint64_t, uint64_t) override { co_return Status(); }
  Task<Status> truncate(uint64_t) override { co_return Status(); }
  Task<Result<uint64_t>> size() override { co_return bytes_.size(); }
  Task<Result<uint64_t>> next_data(uint64_t offset_bytes) override { co_return offset_bytes; }
  Task<Result<uint64_t>> allocated_bytes() override { co_return bytes_.size(); }
  Task<void> close() override { co_return; }

 private:
  size_t next_limit() { return 1 + random_.below(7); }
  Bytes& bytes_;
  SeededRandom random_{9};
};

Task<Status> survive_short_operations() {
  Bytes stored;
  ShortFile file(stored);
  Bytes written(5000);
  SeededRandom(5).fill(written);
  std::vector<BytesView> pieces;
  for (size_t at = 0; at < written.size(); at += 50) {
    pieces.push_back(BytesView(written).subspan(at, at % 100 == 0 ? 50 : 50));
  }
  co_await or_return(file.write_all(pieces, 0));
  EXPECT_EQ(stored, written);
  Bytes back(3000);
  co_await or_return(file.read_exact(back, 1000));
  EXPECT_TRUE(std::ranges::equal(back, BytesView(written).subspan(1000, 3000)));
  const Status beyond = co_await file.read_exact(back, 2001);
  EXPECT_EQ(beyond ? Code::kInternal : beyond.error().code, Code::kOutOfRange);
  co_return Status();
}

TEST_P(FileTest, LoopsOverShortReadsAndWrites) {
  expect_ok(survive_short_operations());
}

Task<Code> open_code(std::string path, OpenOptions options) {
  Result<FilePtr> file = co_await system_file_system().open(std::move(path), options);
  if (!file) co_return file.error().code;
  co_await (*file)->close();
  co_return Code::kClosed;
}

TEST_P(FileTest, OpensAsAsked) {
  EXPECT_EQ(run(open_code(path("new"), {})), Code::kNotFound);
  const OpenOptions exclusive{.write = true, .create = true, .exclusive = true};
  EXPECT_EQ(run(open_code(path("new"), exclusive)), Code::kClosed);
  EXPECT_EQ(run(open_code(path("new"), exclusive)), Code::kAlreadyExists);
  EXPECT_EQ(run(open_code(path("new"), {})), Code::kClosed);
  const auto permissions = std::filesystem::status(path("new")).permissions();
  EXPECT_EQ(permissions, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

Task<Status> use_directories(std::string root) {
  FileSystem& system = system_file_system();
  co_await or_return(system.create_directories(root + "/a/b/c"));
  co_await or_return(system.create_directories(root + "/a/b/c"));
  for (const char* name : {"/a/z", "/a/m", "/a/b/x"}) {
    FilePtr file = co_await or_return(create_file(root + name));
    co_await file->close();
  }
  const auto names = co_await or_return(system.list(root + "/a"));
  EXPECT_EQ(names, (std::vector<std::string>{"b", "m", "z"}));
  co_await or_return(system.rename(root + "/a/z", root + "/a/y"));
  co_await or_return(system.unlink(root + "/a/m"));
  co_await or_return(system.sync_directory(root + "/a"));
  const auto later = co_await or_return(system.list(root + "/a"));
  EXPECT_EQ(later, (std::vector<std::string>{"b", "y"}));
  const SpaceInfo space = co_await or_return(system.space(root));
  EXPECT_GT(space.total_bytes, 0u);
  EXPECT_LE(space.available_bytes, space.total_bytes);

  const Status unlinked = co_await system.unlink(root + "/a/m");
  EXPECT_EQ(unlinked ? Code::kInternal : unlinked.error().code, Code::kNotFound);
  const Status blocked = co_await system.create_directories(root + "/a/y/d");
  EXPECT_FALSE(blocked);
  const auto missing = co_await system.list(root + "/nowhere");
  EXPECT_EQ(missing ? Code::kInternal : missing.error().code, Code::kNotFound);
  co_return Status();
}

TEST_P(FileTest, DirectoryCallsDoWhatTheySay) {
  expect_ok(use_directories(directory_));
  const auto permissions = std::filesystem::status(path("a/b")).permissions();
  EXPECT_EQ(permissions, std::filesystem::perms::owner_all);
}

Task<Status> lock_twice(std::string path) {
  FileSystem& system = system_file_system();
  {
    const auto held = co_await or_return(system.lock(path));
    const auto second = co_await system.lock(path);
    EXPECT_EQ(second ? Code::kInternal : second.error().code, Code::kUnavailable);
  }
  const auto again = co_await or_return(system.lock(path));
  co_return Status();
}

TEST_P(FileTest, ALockHasOneHolder) {
  expect_ok(lock_twice(path("lock")));
}

}  // namespace
}  // namespace cairn::io
