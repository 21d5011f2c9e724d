// The simulated twin of FileSystem: a disk in memory with a fault model and a power switch.
//
// Fault model. A write, punch, allocate or truncate is volatile until the file's sync_data()
// completes; a created, renamed or unlinked entry is volatile until its directory is synced. At a
// power cut every volatile change of data is, by the seed, kept whole, dropped, or torn at a sector
// of 512 bytes, independently of the others; volatile directory changes are kept up to a random
// point of their order and dropped after it. What was synced stays. Reads and writes may be short;
// single operations may fail by a rule; the disk may be full.
//
// Used on one thread (any backend); operations yield a seeded number of times, so that concurrent
// tasks interleave differently for every seed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/units.h"
#include "io/file.h"

namespace cairn::io {

enum class SimOperation : unsigned char {
  kOpen,
  kRead,
  kWrite,
  kSync,
  kAllocate,
  kPunch,
  kTruncate,
  kRename,
  kUnlink,
  kSyncDirectory,
};

struct SimDiskOptions {
  uint64_t seed = 1;
  uint64_t capacity_bytes = 256 * MiB;
  // Power is cut when this many operations that change the disk have begun; the one that reaches
  // the number is itself cut in the middle. Unset = never.
  std::optional<uint64_t> cut_after_changes = {};
  // One in this many reads and writes is short; 0 = none.
  uint64_t short_io_one_in = 0;
  // Asked before each operation with its kind, path and running number (from 1, over all kinds);
  // an error makes the operation fail without effect.
  std::function<Status(SimOperation, const std::string& path, uint64_t number)> fault = {};
};

class SimFileSystem final : public FileSystem {
 public:
  explicit SimFileSystem(SimDiskOptions options);
  ~SimFileSystem() override;

  // Cuts the power now: every later operation fails with kIo until restart().
  void cut_power();
  bool is_cut() const;
  // Decides the fate of volatile changes and gives power back, with no further planned cut. Files
  // that are still open stay dead. REQUIRES: is_cut().
  void restart();
  // Makes sync_data() and sync_directory() lie: the negative control of crash tests.
  void set_syncs_ignored(bool ignored);
  void set_fault(
      std::function<Status(SimOperation, const std::string& path, uint64_t number)> fault);
  void set_capacity(uint64_t capacity_bytes);

  // Operations begun so far, for "cut at every point" and "fail the n-th call" loops.
  uint64_t changes_count() const;
  uint64_t operations_count() const;
  // Rot: changes one stored byte, durable and current. False when there is no such byte.
  bool flip_bit(const std::string& path, uint64_t offset_bytes, unsigned bit);
  // Every path with its size, in order.
  std::vector<std::pair<std::string, uint64_t>> files() const;

  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) override;
  Task<Status> create_directories(std::string path) override;
  Task<Result<std::vector<std::string>>> list(std::string directory) override;
  Task<Status> rename(std::string from, std::string to) override;
  Task<Status> unlink(std::string path) override;
  Task<Status> sync_directory(std::string directory) override;
  Task<Result<SpaceInfo>> space(std::string path) override;
  Task<Result<std::unique_ptr<FileLock>>> lock(std::string path) override;

 private:
  friend class SimFile;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace cairn::io
