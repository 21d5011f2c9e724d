#include "io/sim_file_system.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/assert.h"
#include "io/reactor.h"

namespace cairn::io {
namespace {

constexpr uint64_t kBlockBytes = 4096;
constexpr uint64_t kSectorBytes = 512;

// Sparse contents: a block that is absent is a hole, an empty one is reserved but never written.
using Blocks = std::map<uint64_t, Bytes>;

struct Change {
  enum class Kind : unsigned char { kWrite, kReserve, kPunch, kResize };
  Kind kind = Kind::kWrite;
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;
  Bytes data;  // kWrite only.
};

struct Image {
  Blocks blocks;
  uint64_t size_bytes = 0;

  void write(uint64_t offset_bytes, BytesView data) {
    size_bytes = std::max(size_bytes, offset_bytes + data.size());
    while (!data.empty()) {
      Bytes& block = blocks[offset_bytes / kBlockBytes];
      if (block.empty()) block.resize(kBlockBytes);
      const uint64_t within = offset_bytes % kBlockBytes;
      const size_t taken = std::min<size_t>(data.size(), kBlockBytes - within);
      std::copy_n(data.begin(), taken, block.begin() + static_cast<ptrdiff_t>(within));
      data = data.subspan(taken);
      offset_bytes += taken;
    }
  }

  void read(uint64_t offset_bytes, MutableBytes into) const {
    std::fill(into.begin(), into.end(), uint8_t{0});
    size_t done = 0;
    while (done < into.size()) {
      const uint64_t at = offset_bytes + done;
      const uint64_t within = at % kBlockBytes;
      const size_t taken = std::min<size_t>(into.size() - done, kBlockBytes - within);
      const auto found = blocks.find(at / kBlockBytes);
      if (found != blocks.end() && !found->second.empty()) {
        std::copy_n(found->second.begin() + static_cast<ptrdiff_t>(within), taken,
                    into.begin() + static_cast<ptrdiff_t>(done));
      }
      done += taken;
    }
  }

  void apply(const Change& change) {
    const uint64_t first = change.offset_bytes / kBlockBytes;
    const uint64_t end = (change.offset_bytes + change.size_bytes + kBlockBytes - 1) / kBlockBytes;
    switch (change.kind) {
      case Change::Kind::kWrite: write(change.offset_bytes, change.data); break;
      case Change::Kind::kReserve:
        for (uint64_t block = first; block < end; ++block) blocks.try_emplace(block);
        size_bytes = std::max(size_bytes, change.offset_bytes + change.size_bytes);
        break;
      case Change::Kind::kPunch: punch(change); break;
      case Change::Kind::kResize:
        blocks.erase(blocks.lower_bound((change.size_bytes + kBlockBytes - 1) / kBlockBytes),
                     blocks.end());
        size_bytes = change.size_bytes;
        break;
    }
  }

  // Whole blocks inside the range become holes; the rest of it is zeroed.
  void punch(const Change& change) {
    const uint64_t end_bytes = std::min(change.offset_bytes + change.size_bytes, size_bytes);
    uint64_t at = change.offset_bytes;
    while (at < end_bytes) {
      const uint64_t block = at / kBlockBytes;
      const uint64_t next = std::min(end_bytes, (block + 1) * kBlockBytes);
      const auto found = blocks.find(block);
      if (found != blocks.end()) {
        if (next - at == kBlockBytes) {
          blocks.erase(found);
        } else if (!found->second.empty()) {
          const auto begin = found->second.begin();
          std::fill(begin + static_cast<ptrdiff_t>(at - block * kBlockBytes),
                    begin + static_cast<ptrdiff_t>(next - block * kBlockBytes), uint8_t{0});
        }
      }
      at = next;
    }
  }
};

struct Inode {
  Image durable;
  Image current;
  std::vector<Change> pending;  // In `current`, not yet in `durable`.

  void change(Change change) {
    current.apply(change);
    pending.push_back(std::move(change));
  }
  void sync() {
    for (const Change& change : pending) durable.apply(change);
    pending.clear();
  }
  void lose_power(SeededRandom& random) {
    for (Change& change : pending) {
      const uint64_t fate = random.below(3);
      if (fate == 0) continue;
      if (fate == 1 && change.kind == Change::Kind::kWrite) {
        const uint64_t sectors = (change.data.size() + kSectorBytes - 1) / kSectorBytes;
        const uint64_t kept = random.below(sectors + 1) * kSectorBytes;
        change.data.resize(std::min<size_t>(change.data.size(), kept));
      }
      durable.apply(change);
    }
    pending.clear();
    current = durable;
  }
};

using Entries = std::map<std::string, std::shared_ptr<Inode>>;

// One volatile change of the name space.
struct EntryChange {
  std::string directory;
  std::string remove;  // Path, empty = none.
  std::string add;     // Path, empty = none.
  std::shared_ptr<Inode> inode;
};

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string trimmed(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

void apply_entry(Entries& entries, const EntryChange& change) {
  if (!change.remove.empty()) entries.erase(change.remove);
  if (!change.add.empty()) entries[change.add] = change.inode;
}

}  // namespace

struct SimFileSystem::State {
  explicit State(SimDiskOptions given) : options(std::move(given)), random(options.seed) {}

  SimDiskOptions options;
  SeededRandom random;
  Entries durable_entries;
  Entries entries;
  std::vector<EntryChange> pending_entries;
  std::set<std::string> directories;
  std::set<std::string> locked;
  uint64_t operations_count = 0;
  uint64_t changes_count = 0;
  uint64_t boot = 1;  // Files opened in an earlier boot are dead.
  bool cut = false;
  bool syncs_ignored = false;

  Status begin(SimOperation operation, const std::string& path, uint64_t file_boot) {
    if (cut || file_boot != boot) return fail(Code::kIo, "simulated power cut");
    ++operations_count;
    if (options.fault) return options.fault(operation, path, operations_count);
    return Status{};
  }

  // Counts a change; true when the power goes off in the middle of it.
  bool change_is_cut() {
    ++changes_count;
    if (options.cut_after_changes && changes_count >= *options.cut_after_changes) cut = true;
    return cut;
  }

  uint64_t used_bytes() const {
    uint64_t blocks_count = 0;
    for (const auto& [path, inode] : entries) blocks_count += inode->current.blocks.size();
    return blocks_count * kBlockBytes;
  }

  Task<void> jitter() {
    const uint64_t yields_count = random.below(3);
    for (uint64_t i = 0; i < yields_count; ++i) co_await yield();
  }

  void change_entry(EntryChange change) {
    apply_entry(entries, change);
    pending_entries.push_back(std::move(change));
  }
};

namespace {

class SimLock final : public FileLock {
 public:
  explicit SimLock(std::function<void()> unlock) : unlock_(std::move(unlock)) {}
  ~SimLock() override { unlock_(); }

 private:
  std::function<void()> unlock_;
};

}  // namespace

class SimFile final : public File {
 public:
  SimFile(std::shared_ptr<SimFileSystem::State> disk, std::shared_ptr<Inode> inode,
          std::string path, OpenOptions options)
      : disk_(std::move(disk)),
        inode_(std::move(inode)),
        path_(std::move(path)),
        options_(options),
        boot_(disk_->boot) {}

  Task<Result<size_t>> read_some(MutableBytes into, uint64_t offset_bytes) override {
    co_await disk_->jitter();
    co_await or_return(disk_->begin(SimOperation::kRead, path_, boot_));
    co_await or_return(check_aligned(into, offset_bytes));
    const uint64_t size_bytes = inode_->current.size_bytes;
    if (offset_bytes >= size_bytes) co_return size_t{0};
    const size_t taken = maybe_short(std::min<uint64_t>(into.size(), size_bytes - offset_bytes));
    inode_->current.read(offset_bytes, into.first(taken));
    co_return taken;
  }

  Task<Result<size_t>> write_some(std::span<const BytesView> pieces,
                                  uint64_t offset_bytes) override {
    Bytes data;
    for (const BytesView piece : pieces) {
      co_await or_return(check_aligned(piece, offset_bytes));
      data.insert(data.end(), piece.begin(), piece.end());
    }
    co_await disk_->jitter();
    co_await or_return(disk_->begin(SimOperation::kWrite, path_, boot_));
    data.resize(maybe_short(data.size()));
    const size_t written = data.size();
    const Status changed = change({.kind = Change::Kind::kWrite,
                                   .offset_bytes = offset_bytes,
                                   .size_bytes = written,
                                   .data = std::move(data)});
    co_await or_return(changed);
    co_return written;
  }

  Task<Status> sync_data() override {
    co_await disk_->jitter();
    co_await or_return(disk_->begin(SimOperation::kSync, path_, boot_));
    if (disk_->change_is_cut()) co_return fail(Code::kIo, "simulated power cut");
    if (!disk_->syncs_ignored) inode_->sync();
    co_return Status{};
  }

  Task<Status> allocate(uint64_t offset_bytes, uint64_t size_bytes) override {
    co_await or_return(disk_->begin(SimOperation::kAllocate, path_, boot_));
    co_return change({.kind = Change::Kind::kReserve,
                      .offset_bytes = offset_bytes,
                      .size_bytes = size_bytes,
                      .data = {}});
  }

  Task<Status> punch_hole(uint64_t offset_bytes, uint64_t size_bytes) override {
    co_await disk_->jitter();
    co_await or_return(disk_->begin(SimOperation::kPunch, path_, boot_));
    co_return change({.kind = Change::Kind::kPunch,
                      .offset_bytes = offset_bytes,
                      .size_bytes = size_bytes,
                      .data = {}});
  }

  Task<Status> truncate(uint64_t size_bytes) override {
    co_await or_return(disk_->begin(SimOperation::kTruncate, path_, boot_));
    co_return change(
        {.kind = Change::Kind::kResize, .offset_bytes = 0, .size_bytes = size_bytes, .data = {}});
  }

  Task<Result<uint64_t>> size() override { co_return inode_->current.size_bytes; }

  Task<Result<uint64_t>> next_data(uint64_t offset_bytes) override {
    const Blocks& blocks = inode_->current.blocks;
    for (auto at = blocks.lower_bound(offset_bytes / kBlockBytes); at != blocks.end(); ++at) {
      if (!at->second.empty()) co_return std::max(offset_bytes, at->first * kBlockBytes);
    }
    co_return fail(Code::kNotFound, "no data after this offset");
  }

  Task<Result<uint64_t>> allocated_bytes() override {
    co_return inode_->current.blocks.size() * kBlockBytes;
  }

  Task<void> close() override { co_return; }

 private:
  Status check_aligned(BytesView memory, uint64_t offset_bytes) const {
    if (!options_.direct) return Status{};
    const bool aligned = reinterpret_cast<uintptr_t>(memory.data()) % kSectorBytes == 0 &&
                         memory.size() % kSectorBytes == 0 && offset_bytes % kSectorBytes == 0;
    if (aligned) return Status{};
    return fail(Code::kInvalidArgument, "unaligned direct I/O on " + path_);
  }

  size_t maybe_short(uint64_t size_bytes) {
    const uint64_t one_in = disk_->options.short_io_one_in;
    const uint64_t unit = options_.direct ? kSectorBytes : 1;
    if (one_in == 0 || size_bytes <= unit || disk_->random.below(one_in) != 0) return size_bytes;
    return (1 + disk_->random.below(size_bytes / unit - (size_bytes % unit == 0 ? 1 : 0))) * unit;
  }

  Status change(Change change) {
    if (!options_.write) return fail(Code::kPermissionDenied, path_ + " is open for reading");
    const bool grows = change.kind == Change::Kind::kWrite || change.kind == Change::Kind::kReserve;
    if (grows &&
        new_blocks(change) * kBlockBytes + disk_->used_bytes() > disk_->options.capacity_bytes) {
      return fail(Code::kNoSpace, "simulated disk is full");
    }
    inode_->change(std::move(change));
    if (disk_->change_is_cut()) return fail(Code::kIo, "simulated power cut");
    return Status{};
  }

  uint64_t new_blocks(const Change& change) const {
    uint64_t count = 0;
    const uint64_t end = (change.offset_bytes + change.size_bytes + kBlockBytes - 1) / kBlockBytes;
    for (uint64_t block = change.offset_bytes / kBlockBytes; block < end; ++block) {
      if (!inode_->current.blocks.contains(block)) ++count;
    }
    return count;
  }

  std::shared_ptr<SimFileSystem::State> disk_;
  std::shared_ptr<Inode> inode_;
  std::string path_;
  OpenOptions options_;
  uint64_t boot_;
};

SimFileSystem::SimFileSystem(SimDiskOptions options)
    : state_(std::make_shared<State>(std::move(options))) {}
SimFileSystem::~SimFileSystem() = default;

void SimFileSystem::cut_power() {
  state_->cut = true;
}
bool SimFileSystem::is_cut() const {
  return state_->cut;
}
void SimFileSystem::set_syncs_ignored(bool ignored) {
  state_->syncs_ignored = ignored;
}
void SimFileSystem::set_capacity(uint64_t capacity_bytes) {
  state_->options.capacity_bytes = capacity_bytes;
}
void SimFileSystem::set_fault(
    std::function<Status(SimOperation, const std::string&, uint64_t)> fault) {
  state_->options.fault = std::move(fault);
}
uint64_t SimFileSystem::changes_count() const {
  return state_->changes_count;
}
uint64_t SimFileSystem::operations_count() const {
  return state_->operations_count;
}

void SimFileSystem::restart() {
  ASSERT(state_->cut);
  State& disk = *state_;
  // Journalled file systems keep directory changes in order: a prefix of them survives.
  const uint64_t kept = disk.random.below(disk.pending_entries.size() + 1);
  for (uint64_t i = 0; i < kept; ++i) apply_entry(disk.durable_entries, disk.pending_entries[i]);
  disk.pending_entries.clear();
  disk.entries = disk.durable_entries;
  for (auto& [path, inode] : disk.entries) inode->lose_power(disk.random);
  disk.locked.clear();
  disk.options.cut_after_changes.reset();
  disk.cut = false;
  ++disk.boot;
}

bool SimFileSystem::flip_bit(const std::string& path, uint64_t offset_bytes, unsigned bit) {
  const auto found = state_->entries.find(path);
  if (found == state_->entries.end()) return false;
  bool flipped = false;
  for (Image* image : {&found->second->durable, &found->second->current}) {
    const auto block = image->blocks.find(offset_bytes / kBlockBytes);
    if (block == image->blocks.end() || block->second.empty()) continue;
    block->second[offset_bytes % kBlockBytes] ^= static_cast<uint8_t>(1U << bit);
    flipped = true;
  }
  return flipped;
}

std::vector<std::pair<std::string, uint64_t>> SimFileSystem::files() const {
  std::vector<std::pair<std::string, uint64_t>> found;
  for (const auto& [path, inode] : state_->entries) {
    found.emplace_back(path, inode->current.size_bytes);
  }
  return found;
}

Task<Result<std::unique_ptr<File>>> SimFileSystem::open(std::string path, OpenOptions options) {
  State& disk = *state_;
  co_await or_return(disk.begin(SimOperation::kOpen, path, disk.boot));
  auto found = disk.entries.find(path);
  if (found != disk.entries.end() && options.create && options.exclusive) {
    co_return fail(Code::kAlreadyExists, path + " exists");
  }
  if (found == disk.entries.end()) {
    if (!options.create) co_return fail(Code::kNotFound, path + " does not exist");
    disk.change_entry({.directory = parent_of(path),
                       .remove = {},
                       .add = path,
                       .inode = std::make_shared<Inode>()});
    if (disk.change_is_cut()) co_return fail(Code::kIo, "simulated power cut");
    found = disk.entries.find(path);
  }
  if (options.truncate) {
    found->second->change(
        {.kind = Change::Kind::kResize, .offset_bytes = 0, .size_bytes = 0, .data = {}});
  }
  std::unique_ptr<File> file = std::make_unique<SimFile>(state_, found->second, path, options);
  co_return file;
}

Task<Status> SimFileSystem::create_directories(std::string path) {
  for (path = trimmed(path); path != "/" && path != "."; path = parent_of(path)) {
    state_->directories.insert(path);
  }
  co_return Status{};
}

Task<Result<std::vector<std::string>>> SimFileSystem::list(std::string directory) {
  directory = trimmed(directory);
  std::set<std::string> names;
  for (const auto& [path, inode] : state_->entries) {
    if (parent_of(path) == directory) names.insert(path.substr(path.rfind('/') + 1));
  }
  for (const std::string& path : state_->directories) {
    if (parent_of(path) == directory) names.insert(path.substr(path.rfind('/') + 1));
  }
  co_return std::vector<std::string>(names.begin(), names.end());
}

Task<Status> SimFileSystem::rename(std::string from, std::string to) {
  State& disk = *state_;
  co_await or_return(disk.begin(SimOperation::kRename, from, disk.boot));
  const auto found = disk.entries.find(from);
  if (found == disk.entries.end()) co_return fail(Code::kNotFound, from + " does not exist");
  disk.change_entry(
      {.directory = parent_of(to), .remove = from, .add = to, .inode = found->second});
  if (disk.change_is_cut()) co_return fail(Code::kIo, "simulated power cut");
  co_return Status{};
}

Task<Status> SimFileSystem::unlink(std::string path) {
  State& disk = *state_;
  co_await or_return(disk.begin(SimOperation::kUnlink, path, disk.boot));
  if (!disk.entries.contains(path)) co_return fail(Code::kNotFound, path + " does not exist");
  disk.change_entry({.directory = parent_of(path), .remove = path, .add = {}, .inode = nullptr});
  if (disk.change_is_cut()) co_return fail(Code::kIo, "simulated power cut");
  co_return Status{};
}

Task<Status> SimFileSystem::sync_directory(std::string directory) {
  State& disk = *state_;
  directory = trimmed(directory);
  co_await disk.jitter();
  co_await or_return(disk.begin(SimOperation::kSyncDirectory, directory, disk.boot));
  if (disk.change_is_cut()) co_return fail(Code::kIo, "simulated power cut");
  if (disk.syncs_ignored) co_return Status{};
  std::vector<EntryChange> still_pending;
  for (EntryChange& change : disk.pending_entries) {
    if (change.directory == directory) {
      apply_entry(disk.durable_entries, change);
    } else {
      still_pending.push_back(std::move(change));
    }
  }
  disk.pending_entries = std::move(still_pending);
  co_return Status{};
}

Task<Result<SpaceInfo>> SimFileSystem::space(std::string) {
  const uint64_t used_bytes = state_->used_bytes();
  const uint64_t total_bytes = state_->options.capacity_bytes;
  co_return SpaceInfo{.total_bytes = total_bytes,
                      .available_bytes = total_bytes - std::min(total_bytes, used_bytes)};
}

Task<Result<std::unique_ptr<FileLock>>> SimFileSystem::lock(std::string path) {
  if (!state_->locked.insert(path).second) {
    co_return fail(Code::kUnavailable, path + " is locked by another process");
  }
  std::unique_ptr<FileLock> held =
      std::make_unique<SimLock>([disk = state_, path, boot = state_->boot] {
        if (disk->boot == boot) disk->locked.erase(path);
      });
  co_return held;
}

}  // namespace cairn::io
