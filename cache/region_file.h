// RegionFile: the one file of a disk tier, `regions` in the tier's directory, and the directory's
// lock. It knows where things are (region_format.h), not what they mean.
//
// Thread rule: any reactor after open(); operations on disjoint ranges are independent.
// REQUIRES: close() is awaited before destruction.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "cache/region_format.h"
#include "io/file.h"

namespace cairn::cache {

struct RegionFileOptions {
  std::string directory;
  uint64_t size_bytes = 0;          // Of disk, at most, all included.
  io::FileSystem* files = nullptr;  // Null: the operating system's.
  Random* random = nullptr;         // Null: the operating system's. For the tier's id.
};

class RegionFile {
 public:
  // Makes the directory and the file when absent; a file of another size is laid out anew. Fails
  // with kInvalidArgument (the size), kUnavailable (another process has the directory),
  // kUnsupported (a newer format), kCorruption (no superblock), kNoSpace, kIo; every message names
  // the directory.
  static io::Task<Result<std::unique_ptr<RegionFile>>> open(RegionFileOptions options);
  ~RegionFile();
  RegionFile(const RegionFile&) = delete;
  RegionFile& operator=(const RegionFile&) = delete;

  const CacheGeometry& geometry() const { return superblock_.geometry; }
  const TierId& tier_id() const { return superblock_.tier_id; }
  // True when open() laid the file out: there is nothing to recover.
  bool is_new() const { return is_new_; }

  // Memory, offsets and sizes are of whole disk blocks, and inside one region.
  io::Task<Status> read(MutableBytes into, uint32_t region, uint64_t offset_bytes);
  io::Task<Status> write(std::vector<BytesView> pieces, uint32_t region, uint64_t offset_bytes);
  io::Task<Status> sync();
  // kNotFound when the region has no footer of this tier, kCorruption when it is damaged, kIo.
  io::Task<Result<RegionFooter>> read_footer(uint32_t region);
  io::Task<Status> write_footer(const RegionFooter& footer);

  io::Task<void> close();

 private:
  RegionFile(io::FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}
  io::Task<Status> open_file(CacheGeometry wanted, Random& random);
  io::Task<Status> lay_out(CacheGeometry geometry, Random& random);

  io::FileSystem& files_;
  const std::string directory_;
  std::unique_ptr<io::FileLock> lock_;
  std::unique_ptr<io::File> file_;
  CacheSuperblock superblock_;
  bool is_new_ = false;
};

}  // namespace cairn::cache
