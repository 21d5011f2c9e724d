#include "storage/volume_store.h"

#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/assert.h"
#include "base/encoding.h"
#include "base/log.h"
#include "io/reactor.h"
#include "storage/chunk_index.h"
#include "storage/index_turns.h"
#include "storage/limits.h"
#include "storage/log_writer.h"
#include "storage/record_reader.h"
#include "storage/volume.h"

namespace cairn::storage {
namespace {

Error not_found(const ChunkId& id) {
  return {Code::kNotFound, "chunk " + to_hex(id.bytes) + " is not stored"};
}

Status check_options(const VolumeStoreOptions& options) {
  if (options.directories.empty() || options.directories.size() > kVolumesMax) {
    return fail(Code::kInvalidArgument,
                "a store needs 1 to " + std::to_string(kVolumesMax) + " directories");
  }
  if (options.log_file_bytes < kLogFileBytesMin || options.log_file_bytes > kLogFileBytesMax ||
      options.log_file_bytes % kBlockBytes != 0) {
    return fail(Code::kInvalidArgument,
                "log_file_bytes must be a multiple of 4096 from 16 MiB "
                "to 64 GiB");
  }
  return {};
}

// Weighted rendezvous hashing (Mosharaf, Schindelhauer et al.; -w / ln u): the volume with the
// highest score takes the chunk, and each takes a share in proportion to its weight.
double score(const ChunkId& id, const Volume& volume) {
  const RandomId& volume_id = volume.format().volume_id;
  const uint64_t seed = XXH3_64bits(volume_id.data(), volume_id.size());
  const uint64_t hash = XXH3_64bits_withSeed(id.bytes.data(), id.bytes.size(), seed);
  const double unit = (static_cast<double>(hash >> 11) + 0.5) * 0x1.0p-53;
  return -static_cast<double>(volume.available_bytes() + 1) / std::log(unit);
}

}  // namespace

struct VolumeStore::State {
  explicit State(const VolumeStoreOptions& options)
      : references(options.references),
        context{options.files != nullptr ? *options.files : io::system_file_system(),
                options.random != nullptr ? *options.random : system_random(),
                counters,
                index,
                options.log_file_bytes,
                options.reserve_bytes} {}

  io::Task<Status> open(std::vector<std::string> directories);
  io::Task<Status> settle_formats();
  io::Task<Status> close();
  std::vector<Volume*> by_preference(const ChunkId& id);
  io::Task<Status> append(ChunkId id, SealedChunk& chunk);

  std::atomic<ReferenceSource*> references;
  StoreCounters counters;
  ChunkIndex index;
  VolumeContext context;
  // Destroyed before the index and counters that they refer to.
  std::vector<std::unique_ptr<Volume>> volumes;
  bool closed = false;
};

io::Task<Status> VolumeStore::State::open(std::vector<std::string> directories) {
  for (const std::string& directory : directories) {
    Result<std::unique_ptr<Volume>> volume = co_await Volume::open(context, directory);
    if (!volume) co_return std::unexpected(volume.error().with_context(directory));
    volumes.push_back(std::move(*volume));
  }
  co_await io::or_return(settle_formats());
  for (const std::unique_ptr<Volume>& volume : volumes) {
    Status recovered = co_await volume->recover();
    if (!recovered) co_return std::unexpected(recovered.error().with_context(volume->directory()));
  }
  co_return Status{};
}

// Every directory must be a volume of one store and none may be missing; empty ones join it.
io::Task<Status> VolumeStore::State::settle_formats() {
  const Volume* known = nullptr;
  const Volume* fresh = nullptr;
  size_t known_count = 0;
  uint32_t expected_count = 0;
  for (const std::unique_ptr<Volume>& volume : volumes) {
    if (!volume->has_format()) {
      if (fresh == nullptr) fresh = volume.get();
      continue;
    }
    if (known != nullptr && known->format().store_id != volume->format().store_id) {
      co_return fail(Code::kInvalidArgument,
                     volume->directory() + " belongs to another store than " + known->directory());
    }
    known = volume.get();
    ++known_count;
    expected_count = std::max(expected_count, volume->format().volumes_count);
  }
  if (known_count < expected_count) {
    const std::string counts = "the store has " + std::to_string(expected_count) +
                               " volumes and only " + std::to_string(known_count) + " were found";
    co_return fail(Code::kUnavailable, fresh != nullptr
                                           ? fresh->directory() + ": a volume is missing here (" +
                                                 counts + "); is the disk mounted?"
                                           : counts + ", beside " + known->directory());
  }
  if (fresh == nullptr && expected_count == volumes.size()) co_return Status{};

  RandomId store_id{};
  if (known != nullptr) {
    store_id = known->format().store_id;
  } else {
    context.random.fill(store_id);
  }
  // New volumes first: a crash in between leaves more volumes than the old ones count, never fewer.
  const auto count = static_cast<uint32_t>(volumes.size());
  for (const bool had_format : {false, true}) {
    for (const std::unique_ptr<Volume>& volume : volumes) {
      if (volume->has_format() != had_format || volume->format().volumes_count == count) continue;
      VolumeFormat format{store_id, volume->format().volume_id, count};
      if (!had_format) context.random.fill(format.volume_id);
      Status written = co_await volume->write_format(format);
      if (!written) co_return std::unexpected(written.error().with_context(volume->directory()));
    }
  }
  co_return Status{};
}

io::Task<Status> VolumeStore::State::close() {
  Status closed_all;
  for (const std::unique_ptr<Volume>& volume : volumes) {
    Status ended = co_await volume->close();
    if (!ended && closed_all) closed_all = ended;
  }
  index.clear();
  closed = true;
  co_return closed_all;
}

std::vector<Volume*> VolumeStore::State::by_preference(const ChunkId& id) {
  std::vector<std::pair<double, Volume*>> scored;
  for (const std::unique_ptr<Volume>& volume : volumes) {
    if (!volume->read_only()) scored.emplace_back(score(id, *volume), volume.get());
  }
  std::ranges::sort(scored, std::ranges::greater());
  std::vector<Volume*> ordered;
  for (const auto& [value, volume] : scored) ordered.push_back(volume);
  return ordered;
}

// Tries the next volume only where this one took nothing.
io::Task<Status> VolumeStore::State::append(ChunkId id, SealedChunk& chunk) {
  Status done = fail(Code::kUnavailable, "every volume is read-only after failures");
  for (Volume* volume : by_preference(id)) {
    done = co_await volume->writer().append(id, chunk);
    if (done || (done.error().code != Code::kNoSpace && done.error().code != Code::kUnavailable)) {
      break;
    }
  }
  co_return done;
}

VolumeStore::VolumeStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
VolumeStore::~VolumeStore() {
  ASSERT(state_->closed);
}

io::Task<Result<std::unique_ptr<VolumeStore>>> VolumeStore::open(VolumeStoreOptions options) {
  co_await io::or_return(check_options(options));
  std::unique_ptr<VolumeStore> store(new VolumeStore(std::make_unique<State>(options)));
  Status opened = co_await store->state_->open(std::move(options.directories));
  if (!opened) {
    (void)co_await store->state_->close();
    co_return std::unexpected(opened.error());
  }
  log::info("storage.open", {{"chunks", store->state_->index.chunks_count()},
                             {"live_bytes", store->state_->index.live_bytes()},
                             {"volumes", uint64_t{store->state_->volumes.size()}}});
  co_return store;
}

void VolumeStore::set_references(ReferenceSource* references) {
  state_->references.store(references);
}

io::Task<Status> VolumeStore::put(ChunkId id, SealedChunk chunk, OwnerId owner) {
  co_await io::or_return(check_chunk(chunk));
  const auto write = [this, &id, &chunk] { return state_->append(id, chunk); };
  Status done = co_await put_in_turn(state_->index, state_->counters, id, owner, write);
  co_return done;
}

io::Task<Result<bool>> VolumeStore::link(ChunkId id, OwnerId owner) {
  const bool held = state_->index.hold(id, owner);
  if (held) StoreCounters::add(state_->counters.links_count);
  co_return held;
}

io::Task<void> VolumeStore::release(OwnerId owner, std::vector<ChunkId> ids) {
  for (const ChunkId& id : ids) state_->index.release(id, owner);
  co_return;
}

io::Task<Result<bool>> VolumeStore::unlink(ChunkId id, OwnerId owner) {
  const std::optional<Location> location = co_await io::or_return(
      take_unreferenced<Location>(state_->index, state_->references.load(), id, owner));
  if (!location) co_return false;
  co_await location->log->volume().drop(*location);
  co_await location->log->release();
  StoreCounters::add(state_->counters.dropped_chunks);
  co_return true;
}

io::Task<Result<SealedRead>> VolumeStore::read(ChunkId id, ByteRange range,
                                               ReadOptions /*options*/) {
  const std::optional<Location> location = state_->index.find(id);
  if (!location) co_return std::unexpected(not_found(id));
  Result<SealedRead> result =
      co_await read_record(id, *location, range, state_->index, state_->counters);
  // A drop that overtook the read has punched what was read: absent, not damaged.
  if (!state_->index.is_at(id, *location)) result = std::unexpected(not_found(id));
  co_await location->log->release();
  StoreCounters::add(state_->counters.reads_count);
  if (!result && result.error().code == Code::kCorruption) {
    StoreCounters::add(state_->counters.checksum_failures);
    log::error("storage.record_damaged", {{"chunk", to_hex(id.bytes)},
                                          {"file", location->log->path()},
                                          {"offset", location->offset_bytes}});
  }
  co_return result;
}

io::Task<Status> VolumeStore::verify(ChunkId id) {
  const std::optional<Location> location = state_->index.find(id);
  if (!location) co_return std::unexpected(not_found(id));
  Status result = co_await verify_record(id, *location);
  if (!state_->index.is_at(id, *location)) result = std::unexpected(not_found(id));
  co_await location->log->release();
  if (!result && result.error().code == Code::kCorruption) {
    StoreCounters::add(state_->counters.checksum_failures);
  }
  co_return result;
}

io::Task<Result<SealedChunk>> VolumeStore::read_whole(ChunkId id) {
  const std::optional<Location> location = state_->index.find(id);
  if (!location) co_return std::unexpected(not_found(id));
  Result<SealedChunk> result = co_await read_whole_record(id, *location);
  if (!state_->index.is_at(id, *location)) result = std::unexpected(not_found(id));
  co_await location->log->release();
  if (!result && result.error().code == Code::kCorruption) {
    StoreCounters::add(state_->counters.checksum_failures);
  }
  co_return result;
}

io::Task<Result<std::vector<ChunkStat>>> VolumeStore::list(std::optional<ChunkId> after,
                                                           size_t limit) {
  co_return state_->index.list(after, limit);
}

// Directories on one file system count its space once each: give each volume a disk of its own.
io::Task<Result<StoreUsage>> VolumeStore::usage() {
  StoreUsage usage{.live_bytes = state_->index.live_bytes(),
                   .chunks_count = state_->index.chunks_count(),
                   .by_placement = state_->index.usage_by_placement()};
  for (const std::unique_ptr<Volume>& volume : state_->volumes) {
    const io::SpaceInfo space = co_await io::or_return(volume->refresh_space());
    usage.capacity_bytes += space.total_bytes;
    usage.available_bytes += volume->available_bytes();
    usage.allocated_bytes += co_await io::or_return(volume->allocated_bytes());
  }
  co_return usage;
}

io::Task<Status> VolumeStore::close() {
  ASSERT(!state_->closed);
  Status closed = co_await state_->close();
  co_return closed;
}

StoreMetrics VolumeStore::metrics() const {
  return state_->counters.read();
}

}  // namespace cairn::storage
