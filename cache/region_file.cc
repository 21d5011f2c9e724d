#include "cache/region_file.h"

#include <algorithm>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/log.h"

namespace cairn::cache {
namespace {

constexpr std::string_view kFileName = "/regions";
constexpr std::string_view kLockName = "/LOCK";

// Small and rare: from the heap, so that nothing of the tier waits for the pool of the data path.
Buffer blocks(uint64_t size_bytes) {
  Buffer buffer = Buffer::allocate(size_bytes);
  buffer.resize(size_bytes);
  return buffer;
}

bool all_zero(BytesView bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

}  // namespace

RegionFile::~RegionFile() {
  ASSERT(file_ == nullptr);
}

io::Task<Result<std::unique_ptr<RegionFile>>> RegionFile::open(RegionFileOptions options) {
  const std::string& directory = options.directory;
  const Result<CacheGeometry> geometry = CacheGeometry::of_size(options.size_bytes);
  if (!geometry) co_return std::unexpected(geometry.error().with_context(directory));
  io::FileSystem& files = options.files != nullptr ? *options.files : io::system_file_system();
  std::unique_ptr<RegionFile> opened(new RegionFile(files, directory));
  const Status made = co_await files.create_directories(directory);
  if (!made) co_return std::unexpected(made.error().with_context(directory));
  Result<std::unique_ptr<io::FileLock>> lock =
      co_await files.lock(directory + std::string(kLockName));
  if (!lock) {
    if (lock.error().code != Code::kUnavailable) {
      co_return std::unexpected(lock.error().with_context(directory));
    }
    co_return fail(Code::kUnavailable, "the cache directory " + directory +
                                           " is in use by another server: give each its own");
  }
  opened->lock_ = std::move(*lock);
  Random& random = options.random != nullptr ? *options.random : system_random();
  const Status done = co_await opened->open_file(*geometry, random);
  if (!done) {
    co_await opened->close();
    co_return std::unexpected(done.error().with_context("the cache directory " + directory));
  }
  co_return opened;
}

io::Task<Status> RegionFile::open_file(CacheGeometry wanted, Random& random) {
  const std::string path = directory_ + std::string(kFileName);
  file_ =
      co_await io::or_return(files_.open(path, {.write = true, .create = true, .direct = true}));
  const uint64_t size_bytes = co_await io::or_return(file_->size());
  if (size_bytes < kDiskBlockBytes) co_return co_await lay_out(wanted, random);
  Buffer block = blocks(kDiskBlockBytes);
  co_await io::or_return(file_->read_exact(block.span(), 0));
  // The superblock is written last: without one the file was never finished.
  if (all_zero(block.view())) co_return co_await lay_out(wanted, random);
  Result<CacheSuperblock> superblock = decode_superblock(block.view());
  if (!superblock) {
    const std::string advice = superblock.error().code == Code::kCorruption
                                   ? ": remove " + path + " to begin with an empty cache"
                                   : "";
    co_return fail(superblock.error().code, superblock.error().message + advice);
  }
  if (superblock->geometry != wanted || size_bytes < wanted.file_bytes()) {
    log::info("cache-disk-resized",
              {{"directory", std::string_view(directory_)}, {"bytes", wanted.file_bytes()}});
    co_return co_await lay_out(wanted, random);
  }
  superblock_ = *superblock;
  co_return Status();
}

io::Task<Status> RegionFile::lay_out(CacheGeometry geometry, Random& random) {
  is_new_ = true;
  co_await io::or_return(file_->truncate(0));
  const Status allocated = co_await file_->allocate(0, geometry.file_bytes());
  if (!allocated) {
    if (allocated.error().code == Code::kNoSpace) co_return allocated;
    // A file system that cannot preallocate may still hold the file.
    co_await io::or_return(file_->truncate(geometry.file_bytes()));
  }
  superblock_.geometry = geometry;
  random.fill(superblock_.tier_id);
  Buffer block = blocks(kDiskBlockBytes);
  encode(superblock_, block.span());
  co_await io::or_return(file_->sync_data());
  co_await io::or_return(file_->write_all(block.view(), 0));
  co_await io::or_return(file_->sync_data());
  co_return co_await files_.sync_directory(directory_);
}

io::Task<Status> RegionFile::read(MutableBytes into, uint32_t region, uint64_t offset_bytes) {
  ASSERT(offset_bytes + into.size() <= geometry().region_bytes);
  return file_->read_exact(into, geometry().region_offset(region) + offset_bytes);
}

io::Task<Status> RegionFile::write(std::vector<BytesView> pieces, uint32_t region,
                                   uint64_t offset_bytes) {
  uint64_t size_bytes = 0;
  for (const BytesView& piece : pieces) size_bytes += piece.size();
  ASSERT(offset_bytes + size_bytes <= geometry().region_bytes);
  return file_->write_all(std::move(pieces), geometry().region_offset(region) + offset_bytes);
}

io::Task<Status> RegionFile::sync() {
  return file_->sync_data();
}

io::Task<Result<RegionFooter>> RegionFile::read_footer(uint32_t region) {
  const uint64_t offset = geometry().footer_offset(region);
  Buffer bytes = blocks(geometry().footer_bytes());
  bytes.resize(kDiskBlockBytes);
  co_await io::or_return(file_->read_exact(bytes.span(), offset));
  const size_t used_bytes = footer_bytes_used(geometry(), bytes.view());
  if (used_bytes == 0) co_return fail(Code::kNotFound, "the region has no footer");
  if (used_bytes > kDiskBlockBytes) {
    bytes.resize(round_up(used_bytes, kDiskBlockBytes));
    co_await io::or_return(
        file_->read_exact(bytes.span().subspan(kDiskBlockBytes), offset + kDiskBlockBytes));
  }
  RegionFooter footer = co_await io::or_return(decode_footer(geometry(), bytes.view()));
  if (footer.tier_id != tier_id() || footer.region != region) {
    co_return fail(Code::kNotFound, "the footer is of an earlier tier");
  }
  co_return footer;
}

io::Task<Status> RegionFile::write_footer(const RegionFooter& footer) {
  const uint64_t used_bytes = kFooterHeadBytes + footer.rows.size() * kFooterRowBytes;
  Buffer bytes = blocks(round_up(used_bytes, kDiskBlockBytes));
  encode(footer, bytes.span());
  co_return co_await file_->write_all(bytes.view(), geometry().footer_offset(footer.region));
}

io::Task<void> RegionFile::close() {
  if (file_ != nullptr) co_await file_->close();
  file_.reset();
  lock_.reset();
}

}  // namespace cairn::cache
