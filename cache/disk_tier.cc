#include "cache/disk_tier.h"

#include <atomic>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "cache/device_health.h"
#include "cache/disk_contents.h"
#include "cache/disk_read.h"
#include "cache/region_file.h"
#include "cache/region_reader.h"
#include "cache/region_recovery.h"
#include "cache/region_writer.h"
#include "io/reactor.h"
#include "storage/limits.h"

namespace cairn::cache {

using storage::ChunkId;
using storage::OwnerId;
using storage::SealedRead;
using Counters = DiskTierCounters;

namespace {

// What a small read takes when its frames are fetched.
constexpr size_t kSmallReadRoomBytes = 4 * crypto::kFrameBytes;

// The parts that need an open file, in the order in which they depend on each other.
struct OpenTier {
  OpenTier(std::unique_ptr<RegionFile> opened, const DiskContentsOptions& options,
           DeviceHealth& health, DiskTierCounters& counters)
      : file(std::move(opened)),
        contents(options, counters, io::Reactor::current().now()),
        reader(*file, contents, health, counters) {}

  std::unique_ptr<RegionFile> file;
  DiskContents contents;
  RegionReader reader;
  std::optional<RegionWriter> writer;  // Once the file's footers are read.
};

}  // namespace

struct DiskTier::State {
  explicit State(const DiskTierOptions& options)
      : home(*options.home), health(options.directory), flights(kFlightAttemptsMax) {}

  io::Task<Status> open(DiskTierOptions options);
  DiskReadParts parts() {
    return {home,    tier->contents, tier->reader, *tier->writer,
            flights, health,         counters,     shared_bytes};
  }

  storage::ChunkStore& home;
  DiskTierCounters counters;
  DeviceHealth health;
  std::atomic<uint64_t> shared_bytes{0};
  RunFlights flights;
  uint64_t restored_regions = 0;
  std::unique_ptr<OpenTier> tier;  // Null when the device cannot be used.
  bool closed = false;
};

DiskTier::DiskTier(std::unique_ptr<State> state) : state_(std::move(state)) {}

DiskTier::~DiskTier() {
  ASSERT(state_->closed);
}

io::Task<Result<std::unique_ptr<DiskTier>>> DiskTier::open(DiskTierOptions options) {
  ASSERT(options.home != nullptr);
  auto state = std::make_unique<State>(options);
  const Status opened = co_await state->open(std::move(options));
  if (!opened) {
    switch (opened.error().code) {
      case Code::kInvalidArgument:
      case Code::kUnavailable:
      case Code::kUnsupported: co_return std::unexpected(opened.error());
      default: state->health.give_up(opened.error());
    }
  }
  co_return std::unique_ptr<DiskTier>(new DiskTier(std::move(state)));
}

io::Task<Status> DiskTier::State::open(DiskTierOptions options) {
  RegionFileOptions file_options{.directory = std::move(options.directory),
                                 .size_bytes = options.size_bytes,
                                 .files = options.files,
                                 .random = options.random};
  std::unique_ptr<RegionFile> file =
      co_await io::or_return(RegionFile::open(std::move(file_options)));
  const DiskContentsOptions contents_options{
      .geometry = file->geometry(),
      .write_bytes_per_second = options.write_bytes_per_second,
      .chance = options.first_miss_chance};
  tier = std::make_unique<OpenTier>(std::move(file), contents_options, health, counters);
  const RecoveredRegions recovered = co_await recover_regions(*tier->file, tier->contents);
  restored_regions = recovered.regions_count;
  tier->writer.emplace(
      RegionWriter::Parts{*tier->file, tier->contents, tier->reader, health, counters},
      recovered.next_sequence);
  tier->writer->start();
  co_return Status();
}

io::Task<Status> DiskTier::put(ChunkId id, storage::SealedChunk chunk, OwnerId owner) {
  const Status done = co_await state_->home.put(id, std::move(chunk), owner);
  // Runs that were found at start may be of a sealing that was dropped since they were written.
  if (done && state_->tier != nullptr && state_->tier->contents.restored()) forget(id);
  co_return done;
}

io::Task<Result<bool>> DiskTier::link(ChunkId id, OwnerId owner) {
  return state_->home.link(id, owner);
}

io::Task<void> DiskTier::release(OwnerId owner, std::vector<ChunkId> ids) {
  return state_->home.release(owner, std::move(ids));
}

io::Task<Result<bool>> DiskTier::unlink(ChunkId id, OwnerId owner) {
  const Result<bool> dropped = co_await state_->home.unlink(id, owner);
  if (dropped && *dropped && state_->tier != nullptr) forget(id);
  co_return dropped;
}

bool DiskTier::has_tier() const {
  return state_->tier != nullptr;
}

size_t DiskTier::unpin_chunk(const ChunkId& chunk) {
  return has_tier() ? state_->tier->contents.unpin_chunk(chunk) : 0;
}

CachedBytes DiskTier::cached_bytes(const ChunkId& chunk, ByteRange range) const {
  return has_tier() ? state_->tier->contents.cached_bytes(chunk, range) : CachedBytes();
}

void DiskTier::set_share(uint16_t tenant, uint64_t share_bytes) {
  if (has_tier()) state_->tier->contents.set_share(tenant, share_bytes);
}

void DiskTier::forget(const ChunkId& id) {
  state_->tier->contents.erase_chunk(id);
  state_->tier->writer->drop_chunk(id);
}

io::Task<Result<SealedRead>> DiskTier::read(ChunkId id, ByteRange range,
                                            storage::ReadOptions options) {
  if (options.distrust > 0) co_return co_await read_anew(id, range, options);
  io::Reactor& reactor = io::Reactor::current();
  const bool is_small = range.size_bytes <= storage::kUnqueuedReadBytesMax;
  if (state_->tier == nullptr || options.no_cache || !state_->health.usable(reactor.now()) ||
      range.offset_bytes >= kPayloadBytesMax ||
      // Beside a pool that is used up, a small read asks the home for just its bytes: that does not
      // wait for memory which its own request may hold.
      (is_small && !reactor.buffers().try_acquire(kSmallReadRoomBytes))) {
    Counters::add(state_->counters.bypassed_count);
    co_return co_await state_->home.read(id, range, options);
  }
  if (range.size_bytes == 0) co_return co_await read_header(id, range, options);
  DiskRead read(state_->parts(), id, range, options);
  co_return co_await read.run();
}

// What the home gave once may have been wrong with right checksums: then it was kept as it was.
io::Task<Result<SealedRead>> DiskTier::read_anew(ChunkId id, ByteRange range,
                                                 storage::ReadOptions options) {
  if (has_tier()) forget(id);
  Counters::add(state_->counters.distrusted_count);
  co_return co_await state_->home.read(id, range, options);
}

io::Task<Result<SealedRead>> DiskTier::read_header(ChunkId id, ByteRange range,
                                                   storage::ReadOptions options) {
  const auto frame = static_cast<uint32_t>(range.offset_bytes / crypto::kFrameBytes);
  const std::optional<HeldRun> held = state_->tier->contents.find(
      id, {frame, frame + 1}, hints_of(options), io::Reactor::current().now());
  if (held) {
    Result<EntryHeader> header = co_await state_->tier->reader.read_header(*held);
    if (header) {
      co_return SealedRead{std::move(header->sealed_header), Buffer(), header->chunk_payload_bytes};
    }
  }
  co_return co_await state_->home.read(id, range, options);
}

io::Task<Status> DiskTier::verify(ChunkId id) {
  return state_->home.verify(id);
}

io::Task<Result<std::vector<storage::ChunkStat>>> DiskTier::list(std::optional<ChunkId> after,
                                                                 size_t limit) {
  return state_->home.list(after, limit);
}

io::Task<Result<storage::StoreUsage>> DiskTier::usage() {
  return state_->home.usage();
}

io::Task<Status> DiskTier::close() {
  state_->closed = true;
  if (state_->tier == nullptr) co_return Status();
  co_await state_->tier->writer->close();
  co_await state_->tier->file->close();
  co_return Status();
}

DiskTierMetrics DiskTier::metrics() const {
  DiskTierMetrics metrics;
  state_->counters.read_into(metrics);
  metrics.bypassed = state_->health.bypassed();
  metrics.restored_regions = state_->restored_regions;
  if (state_->tier == nullptr) return metrics;
  state_->tier->contents.read_into(metrics);
  metrics.queued_bytes = state_->tier->writer->queued_bytes();
  return metrics;
}

}  // namespace cairn::cache
