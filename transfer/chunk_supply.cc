#include "transfer/chunk_supply.h"

#include <algorithm>
#include <utility>

#include "io/reactor.h"

namespace cairn::transfer {
namespace {

constexpr uint64_t kReadStepBytes = 256 * KiB;

}  // namespace

ChunkSupply::ChunkSupply(io::File& file, uint64_t size_bytes, size_t chunks_max)
    : file_(file), size_bytes_(size_bytes), chunks_max_(std::min(chunks_max, kChunksInMemoryMax)) {}

io::Task<void> ChunkSupply::produce(io::StopToken stop) {
  const S3Status read = co_await read_all(stop);
  if (!read) fail(read.error());
  end();
}

// One that was given back, or a new one while there are fewer than chunks_max_ and the pool has
// room. REQUIRES: mutex_ is held.
std::optional<Buffer> ChunkSupply::free_buffer() {
  if (!spare_.empty()) {
    Buffer buffer = std::move(spare_.back());
    spare_.pop_back();
    return buffer;
  }
  if (buffers_count_ == chunks_max_) return std::nullopt;
  Result<Buffer> fresh = io::Reactor::current().buffers().try_acquire(kChunkBytesMax);
  if (!fresh) {
    // Nobody would give one back: the reading must not wait for other users of the pool either.
    if (handed_out_count_ > 0) return std::nullopt;
    fresh = Buffer::allocate(kChunkBytesMax);
  }
  ++buffers_count_;
  return std::move(*fresh);
}

io::Task<S3Result<Buffer>> ChunkSupply::next_buffer() {
  while (true) {
    const auto waiting = io::Completion<bool>::make();
    {
      const std::lock_guard guard(mutex_);
      if (failure_) co_return std::unexpected(*failure_);
      if (std::optional<Buffer> buffer = free_buffer()) co_return std::move(*buffer);
      reader_ = waiting;
    }
    co_await waiting.wait();
  }
}

io::Task<S3Status> ChunkSupply::read_all(io::StopToken stop) {
  Cutter cutter;
  std::vector<Cut> cuts;
  FileChunk chunk;
  uint64_t chunk_begin = 0;
  uint64_t segment_begin = 0;
  uint64_t read_bytes = 0;
  if (size_bytes_ > 0) chunk.bytes = co_await or_fail(next_buffer());
  while (read_bytes < size_bytes_) {
    if (stop.stop_requested()) {
      co_return std::unexpected(Failure(Error{Code::kCancelled, "stopped"}));
    }
    // To a multiple of the step in the file, so that reads stay aligned; never past the buffer, for
    // a chunk ends at kChunkBytesMax.
    const size_t filled_bytes = chunk.bytes.size();
    const size_t step_bytes = static_cast<size_t>(
        std::min({kReadStepBytes - read_bytes % kReadStepBytes, size_bytes_ - read_bytes,
                  static_cast<uint64_t>(chunk.bytes.capacity() - filled_bytes)}));
    chunk.bytes.resize(filled_bytes + step_bytes);
    const MutableBytes into = chunk.bytes.span().subspan(filled_bytes, step_bytes);
    co_await or_fail(file_.read_exact(into, read_bytes));
    read_bytes += step_bytes;
    cuts.clear();
    cutter.feed(into, cuts);
    if (read_bytes == size_bytes_) cutter.finish(cuts);
    for (size_t i = 0; i < cuts.size(); ++i) {
      const Cut cut = cuts[i];
      if (cut.end_bytes > segment_begin) {
        chunk.segment_sizes_bytes.push_back(static_cast<uint32_t>(cut.end_bytes - segment_begin));
        segment_begin = cut.end_bytes;
      }
      if (!cut.ends_chunk || cut.end_bytes == chunk_begin) continue;
      const auto chunk_bytes = static_cast<size_t>(cut.end_bytes - chunk_begin);
      FileChunk next;
      next.index = chunk.index + 1;
      if (cut.end_bytes < size_bytes_) {
        next.bytes = co_await or_fail(next_buffer());
        next.bytes.append(chunk.bytes.view(chunk_bytes, chunk.bytes.size() - chunk_bytes));
      }
      chunk.bytes.resize(chunk_bytes);
      put(std::exchange(chunk, std::move(next)));
      chunk_begin = cut.end_bytes;
    }
    co_await io::yield();
  }
  co_return S3Status();
}

void ChunkSupply::put(FileChunk chunk) {
  const std::lock_guard guard(mutex_);
  ready_.push_back(std::move(chunk));
  ++handed_out_count_;
  if (takers_.empty()) return;
  takers_.front().complete(true);
  takers_.pop_front();
}

void ChunkSupply::wake_all() {
  for (const io::Completion<bool>& taker : takers_) taker.complete(true);
  takers_.clear();
  if (reader_) std::exchange(reader_, std::nullopt)->complete(true);
}

void ChunkSupply::end() {
  const std::lock_guard guard(mutex_);
  is_ended_ = true;
  wake_all();
}

io::Task<std::vector<FileChunk>> ChunkSupply::take(size_t count_max) {
  std::vector<FileChunk> out;
  while (true) {
    std::optional<io::Completion<bool>> waiting;
    {
      const std::lock_guard guard(mutex_);
      if (failure_) co_return out;
      while (!ready_.empty() && out.size() < count_max) {
        out.push_back(std::move(ready_.front()));
        ready_.pop_front();
      }
      if (!out.empty() || is_ended_) co_return out;
      waiting = io::Completion<bool>::make();
      takers_.push_back(*waiting);
    }
    co_await waiting->wait();
  }
}

void ChunkSupply::give_back(FileChunk chunk) {
  chunk.bytes.resize(0);
  const std::lock_guard guard(mutex_);
  spare_.push_back(std::move(chunk.bytes));
  --handed_out_count_;
  if (reader_) std::exchange(reader_, std::nullopt)->complete(true);
}

void ChunkSupply::fail(Failure failure) {
  const std::lock_guard guard(mutex_);
  if (!failure_) failure_ = std::move(failure);
  ready_.clear();
  wake_all();
}

bool ChunkSupply::is_over() const {
  const std::lock_guard guard(mutex_);
  return failure_.has_value();
}

std::optional<Failure> ChunkSupply::failure() const {
  const std::lock_guard guard(mutex_);
  return failure_;
}

}  // namespace cairn::transfer
