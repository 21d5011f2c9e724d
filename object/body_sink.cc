#include "object/body_sink.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace cairn::object {
namespace {

static_assert(transfer::ChunkerParameters{}.chunk_bytes_max == kBodyChunkBytesMax);
static_assert(transfer::ChunkerParameters{}.chunk_segments_max <= kSegmentsPerChunkMax);

constexpr uint64_t kBufferBytesMin = 16 * KiB;
constexpr uint64_t kBufferGrowth = 8;

std::unexpected<Error> too_large(uint64_t size_bytes_max) {
  return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) +
                                          ": more than the expected " +
                                          std::to_string(size_bytes_max) + " bytes");
}

}  // namespace

BodySink::BodySink(Context& context, Options options)
    : context_(context),
      core_(context.core()),
      options_(std::move(options)),
      composer_(context, options_.keys, options_.owner, options_.shares_segments,
                options_.placement) {
  if (options_.size_bytes) {
    options_.size_bytes_max = std::min(options_.size_bytes_max, *options_.size_bytes);
  }
  std::vector<DigestKind> seen;
  for (const DigestKind kind : options_.digests) {
    const bool always = kind == DigestKind::kMd5 || kind == DigestKind::kSha256;
    if (always || std::ranges::find(seen, kind) != seen.end()) continue;
    seen.push_back(kind);
    extra_.push_back(crypto::Digest::create(kind));
  }
  core_.hashing.begin();
}

BodySink::~BodySink() {
  ASSERT(done_);
  core_.hashing.end();
}

// The buffer for a chunk that begins at `begin_bytes`: as much as will come, when that is known.
uint64_t BodySink::wanted_capacity(uint64_t begin_bytes) const {
  if (begin_bytes > 0) {
    if (!options_.size_bytes) return crypto::kChunkBytesMax;
    const uint64_t left = *options_.size_bytes - std::min(begin_bytes, *options_.size_bytes);
    return std::min(crypto::kChunkBytesMax, left + kChunkRoomBytes);
  }
  if (!options_.size_bytes) {
    return options_.may_inline ? kBufferBytesMin : kBufferBytesMin + kChunkRoomBytes;
  }
  if (options_.may_inline && *options_.size_bytes <= kInlineBytesMax) {
    return std::max<uint64_t>(*options_.size_bytes, 1);
  }
  return std::min(crypto::kChunkBytesMax, *options_.size_bytes + kChunkRoomBytes);
}

io::Task<Result<std::unique_ptr<BodySink::OpenChunk>>> BodySink::begin_chunk(uint64_t begin_bytes,
                                                                             BytesView carried) {
  auto chunk = std::make_unique<OpenChunk>();
  const uint64_t capacity =
      std::max<uint64_t>(wanted_capacity(begin_bytes), carried.size() + kChunkRoomBytes);
  chunk->buffer = co_await io::or_return(acquire(capacity));
  chunk->buffer.append(carried);
  chunk->begin_bytes = begin_bytes;
  if (!options_.may_inline || begin_bytes > 0) chunk->segments.reserve(kSegmentsPerChunkMax);
  co_return chunk;
}

io::Task<Result<MutableBytes>> BodySink::next_space() {
  if (failure_) co_return std::unexpected(*failure_);
  if (chunk_ == nullptr) {
    chunk_ = co_await io::or_return(begin_chunk(size_bytes_, {}));
  }
  if (size_bytes_ >= options_.size_bytes_max && !chunk_->buffer.spare().empty()) {
    // Room for a caller to find out that nothing follows; advance() refuses what does.
    const MutableBytes spare = chunk_->buffer.spare();
    co_return spare.first(std::min(spare.size(), kSpaceBytesMax));
  }
  const bool inline_only = chunk_->buffer.capacity() <= kInlineBytesMax;
  const size_t room_bytes = inline_only ? 0 : kChunkRoomBytes;
  if (chunk_->buffer.spare().size() <= room_bytes) co_await io::or_return(grow());
  const size_t kept_bytes = chunk_->buffer.capacity() <= kInlineBytesMax ? 0 : kChunkRoomBytes;
  const size_t spare_bytes = chunk_->buffer.spare().size() - kept_bytes;
  co_return chunk_->buffer.spare().first(std::min(spare_bytes, kSpaceBytesMax));
}

// Moves the chunk to a larger buffer. Holds no pool memory while it waits for it.
io::Task<Status> BodySink::grow() {
  co_await core_.hashing.drain();
  const size_t filled_bytes = chunk_->buffer.size();
  const uint64_t capacity = std::min<uint64_t>(
      crypto::kChunkBytesMax,
      std::max(chunk_->buffer.capacity() * kBufferGrowth, filled_bytes + 2 * kChunkRoomBytes));
  ASSERT(capacity > chunk_->buffer.capacity());
  Result<Buffer> larger = core_.reactor.buffers().try_acquire(capacity);
  if (!larger) {
    const Buffer kept = Buffer::copy_of(chunk_->buffer.view());
    chunk_->buffer = Buffer();
    larger = co_await acquire(capacity);
    if (!larger) {
      failure_ = larger.error();
      co_return std::unexpected(*failure_);
    }
    larger->append(kept.view());
  } else {
    larger->append(chunk_->buffer.view());
  }
  chunk_->buffer = std::move(*larger);
  chunk_->segments.reserve(kSegmentsPerChunkMax);
  co_return Status{};
}

io::Task<Status> BodySink::advance(size_t size_bytes) {
  ASSERT(chunk_ != nullptr && !ended_);
  if (failure_) co_return std::unexpected(*failure_);
  if (size_bytes == 0) co_return Status{};
  if (size_bytes > options_.size_bytes_max - size_bytes_) {
    co_return too_large(options_.size_bytes_max);
  }
  const size_t filled_bytes = chunk_->buffer.size();
  chunk_->buffer.resize(filled_bytes + size_bytes);
  size_bytes_ += size_bytes;
  const BytesView block = chunk_->buffer.view(filled_bytes, size_bytes);
  core_.hashing.add(md5_, sha256_, block);
  for (const std::unique_ptr<crypto::Digest>& digest : extra_) digest->update(block);
  if (is_inline()) co_return Status{};
  co_return co_await feed(false);
}

// Cuts what has not been cut yet.
io::Task<Status> BodySink::feed(bool finish) {
  cuts_.clear();
  if (chunk_ != nullptr) {
    const size_t fed_bytes = cutter_.fed_bytes() - chunk_->begin_bytes;
    const size_t waiting_bytes = chunk_->buffer.size() - fed_bytes;
    cutter_.feed(chunk_->buffer.view(fed_bytes, waiting_bytes), cuts_);
  }
  if (finish) cutter_.finish(cuts_);
  co_return co_await take_cuts();
}

io::Task<Status> BodySink::take_cuts() {
  for (size_t i = 0; i < cuts_.size(); ++i) {
    const transfer::Cut cut = cuts_[i];
    if (chunk_ == nullptr) break;
    end_segment(cut.end_bytes);
    if (cut.ends_chunk) co_await io::or_return(end_chunk());
  }
  co_return Status{};
}

void BodySink::end_segment(uint64_t end_bytes) {
  const size_t end = end_bytes - chunk_->begin_bytes;
  if (end == chunk_->segment_begin) return;
  ASSERT(chunk_->segments.size() < kSegmentsPerChunkMax);
  if (chunk_->segments.capacity() == 0) chunk_->segments.reserve(kSegmentsPerChunkMax);
  SegmentName& segment = chunk_->segments.emplace_back();
  segment.size_bytes = static_cast<uint32_t>(end - chunk_->segment_begin);
  core_.hashing.add_segment(chunk_->buffer.view(chunk_->segment_begin, segment.size_bytes),
                            &segment.hash);
  chunk_->segment_begin = end;
}

// Sends the chunk, which ends with its last segment, to the store, and begins the next one with
// what is behind it.
io::Task<Status> BodySink::end_chunk() {
  chunk_->plaintext_bytes = chunk_->segment_begin;
  const BytesView rest =
      chunk_->buffer.view(chunk_->plaintext_bytes, chunk_->buffer.size() - chunk_->plaintext_bytes);
  const uint64_t next_begin = chunk_->begin_bytes + chunk_->plaintext_bytes;
  // Storing overwrites what is behind the cut, so that is moved first.
  std::unique_ptr<OpenChunk> next;
  Buffer carried;
  if (!rest.empty()) {
    const uint64_t capacity =
        std::max<uint64_t>(wanted_capacity(next_begin), rest.size() + kChunkRoomBytes);
    Result<Buffer> buffer = core_.reactor.buffers().try_acquire(capacity);
    if (buffer) {
      next = std::make_unique<OpenChunk>();
      next->buffer = std::move(*buffer);
      next->buffer.append(rest);
      next->begin_bytes = next_begin;
    } else {
      carried = Buffer::copy_of(rest);
    }
  }
  co_await in_flight_.acquire();
  scope_.spawn(store_chunk(std::move(chunk_)));
  chunk_ = std::move(next);
  if (!carried.empty()) {
    chunk_ = co_await io::or_return(begin_chunk(next_begin, carried.view()));
  }
  co_return Status{};
}

io::Task<void> BodySink::store_chunk(std::unique_ptr<OpenChunk> chunk) {
  auto cut = std::make_unique<CutChunk>();
  cut->buffer = std::move(chunk->buffer);
  cut->segments = std::move(chunk->segments);
  chunk.reset();
  Status status;
  if (failure_) {
    co_await core_.hashing.drain();
  } else {
    status = co_await composer_.add(std::move(cut));
  }
  cut.reset();
  if (!status && !failure_) failure_ = status.error();
  in_flight_.release();
}

// A buffer of the pool. While it waits, nothing that was gathered keeps others from theirs.
io::Task<Result<Buffer>> BodySink::acquire(uint64_t capacity_bytes) {
  Result<Buffer> buffer = core_.reactor.buffers().try_acquire(capacity_bytes);
  if (buffer) co_return buffer;
  scope_.spawn(give_memory_back());
  buffer = co_await core_.reactor.buffers().acquire(capacity_bytes, {});
  const Status ended = co_await composer_.wants_memory(false);
  if (!ended) co_return std::unexpected(ended.error());
  co_return buffer;
}

io::Task<void> BodySink::give_memory_back() {
  const Status status = co_await composer_.wants_memory(true);
  if (!status && !failure_) failure_ = status.error();
}

io::Task<Result<BodyDigests>> BodySink::digests() {
  if (finished_) co_return *finished_;
  if (failure_) co_return std::unexpected(*failure_);
  ended_ = true;
  if (!is_inline()) co_await io::or_return(feed(true));
  co_await core_.hashing.drain();
  BodyDigests out;
  out.size_bytes = size_bytes_;
  out.md5 = DigestValue(md5_.finish());
  out.sha256 = DigestValue(sha256_.finish());
  for (const std::unique_ptr<crypto::Digest>& digest : extra_) {
    out.extra.emplace_back(digest->kind(), digest->finish());
  }
  finished_ = out;
  co_return out;
}

io::Task<Result<Manifest>> BodySink::store() {
  ASSERT(ended_);
  co_await scope_.join();
  if (failure_) co_return std::unexpected(*failure_);
  Manifest manifest;
  manifest.owner = options_.owner;
  Result<std::vector<Extent>> extents = co_await composer_.finish();
  if (!extents) {
    failure_ = extents.error();
    co_return std::unexpected(*failure_);
  }
  manifest.extents = std::move(*extents);
  co_return manifest;
}

BytesView BodySink::inline_bytes() const {
  ASSERT(is_inline());
  return chunk_ == nullptr ? BytesView() : chunk_->buffer.view();
}

io::Task<void> BodySink::settle() {
  ASSERT(!done_);
  done_ = true;
  chunk_.reset();
  co_await composer_.settle();
}

io::Task<void> BodySink::abandon() {
  ASSERT(!done_);
  done_ = true;
  if (failure_ && failure_->code == Code::kNoSpace) context_.note_full();
  if (!failure_) failure_ = Error{Code::kCancelled, "the body was given up"};
  co_await core_.hashing.drain();
  co_await scope_.join();
  chunk_.reset();
  co_await composer_.abandon();
}

}  // namespace cairn::object
