#include "object/native_fill.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "object/native_segments.h"
#include "object/placing.h"
#include "transfer/chunker.h"

namespace cairn::object {
namespace {

constexpr uint64_t kSegmentBytesMax = transfer::ChunkerParameters().segment_bytes_max;

std::unexpected<Error> bad_recipe(std::string_view why) {
  return fail(Code::kInvalidArgument, "a chunk cannot be made like this: " + std::string(why));
}

}  // namespace

uint64_t ChunkRecipe::size_bytes() const {
  uint64_t sum = 0;
  for (const ContentName& segment : segments) sum += segment.size_bytes;
  return sum;
}

uint64_t ChunkRecipe::sent_bytes() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (is_sent[i]) sum += segments[i].size_bytes;
  }
  return sum;
}

ContentName ChunkRecipe::name() const {
  Bytes hashes;
  hashes.reserve(segments.size() * sizeof(Sha256Value));
  for (const ContentName& segment : segments) {
    hashes.insert(hashes.end(), segment.hash.begin(), segment.hash.end());
  }
  return {crypto::sha256(hashes), static_cast<uint32_t>(size_bytes())};
}

Status check_recipe(const ChunkRecipe& recipe) {
  if (recipe.segments.empty()) return bad_recipe("it has no segments");
  if (recipe.segments.size() > kSegmentsPerChunkMax) {
    return bad_recipe("it has more than " + std::to_string(kSegmentsPerChunkMax) + " segments");
  }
  if (recipe.is_sent.size() != recipe.segments.size()) {
    return bad_recipe("`sent` has not one byte for each segment");
  }
  for (const ContentName& segment : recipe.segments) {
    if (segment.size_bytes == 0 || segment.size_bytes > kSegmentBytesMax) {
      return bad_recipe("a segment has 1 to " + std::to_string(kSegmentBytesMax) + " bytes");
    }
  }
  if (recipe.size_bytes() > kBodyChunkBytesMax) {
    return bad_recipe("it has more than " + std::to_string(kBodyChunkBytesMax) + " bytes");
  }
  return {};
}

ChunkFill::ChunkFill(Context& context, BucketInfo bucket, UploadInfo upload, ChunkRecipe recipe,
                     std::shared_ptr<const crypto::TenantKeys> keys)
    : context_(context),
      core_(context.core()),
      bucket_(std::move(bucket)),
      upload_(std::move(upload)),
      recipe_(std::move(recipe)),
      keys_(std::move(keys)) {
  uint64_t offset_bytes = 0;
  for (size_t i = 0; i < recipe_.segments.size(); ++i) {
    const uint32_t size_bytes = recipe_.segments[i].size_bytes;
    const bool continues =
        !runs_.empty() && runs_.back().offset_bytes + runs_.back().size_bytes == offset_bytes;
    if (recipe_.is_sent[i] && continues) {
      runs_.back().size_bytes += size_bytes;
    } else if (recipe_.is_sent[i]) {
      runs_.push_back({offset_bytes, size_bytes});
    }
    offset_bytes += size_bytes;
  }
  core_.hashing.begin();
}

ChunkFill::~ChunkFill() {
  core_.hashing.end();
}

io::Task<Result<std::unique_ptr<ChunkFill>>> ChunkFill::open(Context& context, BucketInfo bucket,
                                                             UploadInfo upload, ChunkRecipe recipe,
                                                             ReadRights& rights) {
  co_await io::or_return(check_recipe(recipe));
  co_await io::or_return(context.check_room(recipe.sent_bytes()));
  std::shared_ptr<const crypto::TenantKeys> keys =
      co_await io::or_return(native_keys(context, bucket.tenant, upload));
  const uint64_t size_bytes = recipe.size_bytes();
  std::unique_ptr<ChunkFill> fill(new ChunkFill(context, std::move(bucket), std::move(upload),
                                                std::move(recipe), std::move(keys)));
  if (fill->recipe_.sent_bytes() == size_bytes) {
    co_await io::or_return(fill->acquire());
    co_return fill;
  }
  // Reading takes memory of the pool while the buffer is held.
  io::Semaphore& reading = fill->core_.fills_reading;
  co_await reading.acquire();
  Status fetched = co_await fill->acquire();
  if (fetched) fetched = co_await fill->fetch_known(rights);
  reading.release();
  co_await io::or_return(std::move(fetched));
  co_return fill;
}

io::Task<Status> ChunkFill::acquire() {
  const uint64_t size_bytes = recipe_.size_bytes();
  const uint64_t room_bytes = recipe_.segments.size() * kSegmentEntryBytes;
  buffer_ = co_await io::or_return(core_.reactor.buffers().acquire(size_bytes + room_bytes, {}));
  buffer_.resize(size_bytes);
  co_return Status{};
}

// Reads the segments that are not sent.
io::Task<Status> ChunkFill::fetch_known(ReadRights& rights) {
  std::vector<ContentName> wanted;
  for (size_t i = 0; i < recipe_.segments.size(); ++i) {
    if (!recipe_.is_sent[i]) wanted.push_back(recipe_.segments[i]);
  }
  if (wanted.empty()) co_return Status{};
  const KnownSegments known =
      co_await io::or_return(find_known_segments(context_, bucket_, upload_, wanted, rights));
  size_t next = 0;
  uint64_t offset_bytes = 0;
  for (size_t i = 0; i < recipe_.segments.size(); ++i) {
    const uint32_t size_bytes = recipe_.segments[i].size_bytes;
    if (!recipe_.is_sent[i]) {
      const std::optional<Extent>& place = known.places[next++];
      if (!place) {
        co_return fail(Code::kFailedPrecondition,
                       std::string(reason::kSegmentsMissing) + ": segment " + std::to_string(i));
      }
      const MutableBytes into = buffer_.span().subspan(offset_bytes, size_bytes);
      co_await io::or_return(read_known(context_, bucket_.tenant, upload_, *place, into));
    }
    offset_bytes += size_bytes;
  }
  co_return Status{};
}

MutableBytes ChunkFill::next_space() {
  if (run_ == runs_.size()) return {};
  const Run& run = runs_[run_];
  return buffer_.span().subspan(run.offset_bytes,
                                std::min<uint64_t>(run.size_bytes, kSpaceBytesMax));
}

void ChunkFill::advance(size_t size_bytes) {
  ASSERT(run_ < runs_.size() && size_bytes <= runs_[run_].size_bytes);
  Run& run = runs_[run_];
  run.offset_bytes += size_bytes;
  run.size_bytes -= size_bytes;
  if (run.size_bytes == 0) ++run_;
}

io::Task<Status> ChunkFill::verify() {
  std::vector<Sha256Value> hashes(recipe_.segments.size());
  uint64_t offset_bytes = 0;
  for (size_t i = 0; i < hashes.size(); ++i) {
    const uint32_t size_bytes = recipe_.segments[i].size_bytes;
    core_.hashing.add_segment(buffer_.view(offset_bytes, size_bytes), &hashes[i]);
    offset_bytes += size_bytes;
  }
  co_await core_.hashing.drain();
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (hashes[i] == recipe_.segments[i].hash) continue;
    co_return fail(Code::kInvalidArgument, std::string(reason::kChecksumMismatch) +
                                               ": the bytes of segment " + std::to_string(i) +
                                               " do not have the hash that was named");
  }
  co_return Status{};
}

// Stores what is new of the chunk; where all of it lies.
io::Task<Result<std::vector<Extent>>> ChunkFill::store(SegmentComposer& composer) {
  auto chunk = std::make_unique<CutChunk>();
  for (const ContentName& name : recipe_.segments) {
    chunk->segments.push_back({name.hash, name.size_bytes});
  }
  chunk->buffer = std::move(buffer_);
  co_await io::or_return(composer.add(std::move(chunk)));
  co_return co_await composer.finish();
}

io::Task<Status> ChunkFill::store_and_add(SegmentComposer& composer, HeldChunk chunk) {
  chunk.where.extents = co_await io::or_return(store(composer));
  chunk.hooks = composer.hooks();
  std::vector<HeldChunk> chunks;
  chunks.push_back(std::move(chunk));
  co_return co_await add_native_chunks(context_, bucket_, upload_, std::move(chunks));
}

io::Task<Result<ContentName>> ChunkFill::finish() {
  ASSERT(run_ == runs_.size());
  co_await io::or_return(verify());
  const PlacementId placement = co_await io::or_return(
      placement_for(context_.placements, bucket_, upload_.metadata.storage_class));
  HeldChunk chunk;
  chunk.name = recipe_.name();
  chunk.where.crc64_nvme = crypto::digest_of(DigestKind::kCrc64Nvme, buffer_.view());
  const ContentName name = chunk.name;
  // The holds have an owner of their own: somebody else may fill the same chunk of this upload, and
  // give up. As in BodySink, what is under a key of its own shares nothing.
  SegmentComposer composer(context_, keys_, context_.new_owner(), upload_.sse.empty(), placement);
  const Status status = co_await store_and_add(composer, std::move(chunk));
  if (!status && status.error().code == Code::kNoSpace) context_.note_full();
  // Also after success: where somebody else had filled the chunk meanwhile, the upload took nothing
  // of this one. The store keeps what edges refer to.
  co_await composer.abandon();
  co_await io::or_return(status);
  co_return name;
}

}  // namespace cairn::object
