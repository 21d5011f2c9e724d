#include "transfer/native_stream.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "crypto/hash_engine.h"
#include "io/reactor.h"
#include "io/scope.h"

namespace cairn::transfer {

// Where one part of the body is cut; chunks come out whole.
struct NativeStream::Cutting {
  std::optional<Cutter> cutter{std::in_place};
  std::vector<Cut> cuts = {};
  Chunk chunk = {};
  uint64_t chunk_begin = 0;  // In the part, as all offsets of cuts.
  uint64_t segment_begin = 0;

  // Takes bytes of the part, and its end; adds finished chunks to `out`.
  void take(BytesView bytes, bool is_end, std::vector<Chunk>& out) {
    chunk.bytes.insert(chunk.bytes.end(), bytes.begin(), bytes.end());
    cuts.clear();
    cutter->feed(bytes, cuts);
    if (is_end) cutter->finish(cuts);
    for (const Cut cut : cuts) {
      if (cut.end_bytes > segment_begin) {
        PieceName& segment = chunk.segments.emplace_back();
        segment.size_bytes = static_cast<uint32_t>(cut.end_bytes - segment_begin);
        segment_begin = cut.end_bytes;
      }
      if (!cut.ends_chunk || cut.end_bytes == chunk_begin) continue;
      const auto size_bytes = static_cast<ptrdiff_t>(cut.end_bytes - chunk_begin);
      Chunk next;
      next.bytes.assign(chunk.bytes.begin() + size_bytes, chunk.bytes.end());
      chunk.bytes.resize(static_cast<size_t>(size_bytes));
      out.push_back(std::exchange(chunk, std::move(next)));
      chunk_begin = cut.end_bytes;
    }
    if (!is_end) return;
    cutter.emplace();
    chunk = Chunk();
    chunk_begin = segment_begin = 0;
  }
};

io::Task<S3Result<std::vector<PieceName>>> NativeStream::send(
    PieceSource& source, std::vector<uint64_t> part_sizes_bytes, io::Until until) {
  Cutting cutting;
  size_t part = 0;
  uint64_t left_bytes = part_sizes_bytes.empty() ? 0 : part_sizes_bytes.front();
  while (true) {
    const Buffer piece = co_await or_fail(source.next());
    if (piece.empty()) break;
    BytesView bytes = piece.view();
    while (!bytes.empty()) {
      const bool has_parts = part < part_sizes_bytes.size();
      const size_t taken_bytes =
          has_parts ? static_cast<size_t>(std::min<uint64_t>(left_bytes, bytes.size()))
                    : bytes.size();
      left_bytes -= has_parts ? taken_bytes : 0;
      const bool is_end = has_parts && left_bytes == 0;
      cutting.take(bytes.first(taken_bytes), is_end, group_);
      bytes = bytes.subspan(taken_bytes);
      if (is_end && ++part < part_sizes_bytes.size()) left_bytes = part_sizes_bytes[part];
      if (group_.size() >= kStreamGroupChunks) co_await or_fail(send_group(until));
    }
    co_await io::yield();
  }
  cutting.take({}, true, group_);
  co_await or_fail(send_group(until));
  co_return std::move(names_);
}

io::Task<S3Status> NativeStream::send_group(io::Until until) {
  if (group_.empty()) co_return S3Status();
  std::vector<Chunk> group = std::exchange(group_, {});
  crypto::HashEngine engine;
  for (Chunk& chunk : group) {
    size_t offset_bytes = 0;
    for (PieceName& segment : chunk.segments) {
      engine.add_message(BytesView(chunk.bytes).subspan(offset_bytes, segment.size_bytes),
                         &segment.hash);
      offset_bytes += segment.size_bytes;
    }
  }
  engine.run();
  std::vector<PieceName> names;
  for (Chunk& chunk : group) {
    chunk.name = chunk_name(chunk.segments);
    names.push_back(chunk.name);
    names_.push_back(chunk.name);
  }
  const OfferAnswer answer = co_await or_fail(session_.offer(client_, names, until));
  std::vector<size_t> missing;
  std::vector<std::vector<PieceName>> lists;
  for (size_t i = 0; i < group.size(); ++i) {
    if (answer.states[i] == ChunkState::kHeld) {
      counts_.saved_bytes += group[i].name.size_bytes;
      continue;
    }
    missing.push_back(i);
    lists.push_back(group[i].segments);
  }
  if (missing.empty()) co_return S3Status();
  std::vector<std::vector<bool>> is_sent =
      co_await or_fail(session_.missing_segments(client_, std::move(lists), until));
  std::vector<S3Status> outcomes(missing.size());
  io::Scope side_by_side;
  for (size_t k = 0; k < missing.size(); ++k) {
    side_by_side.spawn(fill(group[missing[k]], std::move(is_sent[k]), outcomes[k], until));
  }
  co_await side_by_side.join();
  for (S3Status& outcome : outcomes) co_await or_fail(std::move(outcome));
  co_return S3Status();
}

io::Task<void> NativeStream::fill(Chunk& chunk, std::vector<bool> is_sent, S3Status& outcome,
                                  io::Until until) {
  // What the server knew may be gone when it is needed; then everything is sent.
  for (const bool sends_all : {false, true}) {
    if (sends_all) is_sent.assign(chunk.segments.size(), true);
    uint64_t wanted_bytes = 0;
    for (size_t i = 0; i < chunk.segments.size(); ++i) {
      if (is_sent[i]) wanted_bytes += chunk.segments[i].size_bytes;
    }
    co_await bandwidth_.take(wanted_bytes, until.stop);
    const S3Result<uint64_t> sent =
        co_await session_.fill(client_, chunk.segments, is_sent, chunk.bytes, until);
    if (sent) {
      counts_.sent_bytes += *sent;
      counts_.saved_bytes += chunk.name.size_bytes - wanted_bytes;
      co_return;
    }
    const bool may_repeat = sent.error().code == "InvalidPart" && !sends_all;
    if (!may_repeat) {
      outcome = std::unexpected(sent.error());
      co_return;
    }
  }
}

}  // namespace cairn::transfer
