#include "transfer/native_workers.h"

#include <algorithm>
#include <utility>

#include "crypto/hash_engine.h"
#include "io/scope.h"

namespace cairn::transfer {
namespace {

constexpr size_t kWorkersPerMember = 3;
// Of one offer: enough segments to hash side by side, few enough to begin sending early.
constexpr size_t kGroupChunks = 2;
// Being read, and read ahead of the workers.
constexpr size_t kReadingChunks = 4;
static_assert(kWorkersPerMember * kGroupChunks + kReadingChunks <= kChunksInMemoryMax);

// After so many chunks of which nothing was known, the segments of one in so many are asked for.
constexpr size_t kStrangersMax = 16;

}  // namespace

struct NativeWorkers::Group {
  std::vector<FileChunk> chunks;
  std::vector<std::vector<PieceName>> segments;  // Of each chunk.
  std::vector<PieceName> names;
};

NativeWorkers::NativeWorkers(Crew& crew, ChunkSupply& supply, const NativeSession& session,
                             Meter& meter, std::set<PieceName> held)
    : crew_(crew), supply_(supply), session_(session), meter_(meter), held_(std::move(held)) {}

size_t NativeWorkers::chunks_in_memory(size_t members_count) {
  return std::min(members_count * kWorkersPerMember * kGroupChunks + kReadingChunks,
                  kChunksInMemoryMax);
}

io::Task<void> NativeWorkers::run() {
  co_await crew_.run_on_each([this](size_t member) { return run_member(member); });
}

io::Task<void> NativeWorkers::run_member(size_t member) {
  io::Scope scope;
  if (member == 0) scope.spawn(supply_.produce(crew_.stop_token(member)));
  for (size_t i = 0; i < kWorkersPerMember; ++i) scope.spawn(work(member));
  co_await scope.join();
}

io::Task<void> NativeWorkers::work(size_t member) {
  const io::Until until{.stop = crew_.stop_token(member)};
  while (true) {
    Group group;
    group.chunks = co_await supply_.take(kGroupChunks);
    if (group.chunks.empty()) break;
    hash(group);
    co_await io::yield();
    S3Status sent = co_await send(crew_.client(member), group, until);
    if (!sent) supply_.fail(std::move(sent.error()));
    for (FileChunk& chunk : group.chunks) supply_.give_back(std::move(chunk));
  }
}

void NativeWorkers::hash(Group& group) {
  crypto::HashEngine engine;
  group.segments.resize(group.chunks.size());
  for (size_t i = 0; i < group.chunks.size(); ++i) {
    const FileChunk& chunk = group.chunks[i];
    group.segments[i].resize(chunk.segment_sizes_bytes.size());
    size_t offset_bytes = 0;
    for (size_t k = 0; k < chunk.segment_sizes_bytes.size(); ++k) {
      PieceName& name = group.segments[i][k];
      name.size_bytes = chunk.segment_sizes_bytes[k];
      engine.add_message(chunk.bytes.view(offset_bytes, name.size_bytes), &name.hash);
      offset_bytes += name.size_bytes;
    }
  }
  engine.run();
  for (const std::vector<PieceName>& segments : group.segments) {
    group.names.push_back(chunk_name(segments));
  }
}

io::Task<S3Status> NativeWorkers::send(S3Client& client, Group& group, io::Until until) {
  const OfferAnswer answer = co_await or_fail(session_.offer(client, group.names, until));
  std::vector<bool> is_missing;
  for (const ChunkState state : answer.states) is_missing.push_back(state != ChunkState::kHeld);
  co_await or_fail(prove_some(client, group, answer, is_missing, until));
  keep(group, is_missing);
  co_return co_await fill_some(client, group, is_missing, until);
}

io::Task<S3Status> NativeWorkers::prove_some(S3Client& client, Group& group,
                                             const OfferAnswer& answer,
                                             std::vector<bool>& is_missing, io::Until until) {
  for (const auto& [index, nonce] : answer.nonces) {
    const bool holds = co_await or_fail(
        session_.prove(client, group.names[index], nonce, group.chunks[index].bytes.view(), until));
    is_missing[index] = !holds;
  }
  co_return S3Status();
}

// Counts what was found, and remembers the names.
void NativeWorkers::keep(const Group& group, const std::vector<bool>& is_missing) {
  const std::lock_guard guard(mutex_);
  for (size_t i = 0; i < group.chunks.size(); ++i) {
    const uint64_t size_bytes = group.names[i].size_bytes;
    names_[group.chunks[i].index] = group.names[i];
    if (is_missing[i]) continue;
    meter_.add_done(size_bytes);
    if (held_.contains(group.names[i])) {
      counts_.resumed_bytes += size_bytes;
      meter_.add_resumed(size_bytes);
    } else {
      counts_.deduplicated_bytes += size_bytes;
      meter_.add_deduplicated(size_bytes);
    }
  }
}

io::Task<S3Status> NativeWorkers::fill_some(S3Client& client, Group& group,
                                            const std::vector<bool>& is_missing, io::Until until) {
  std::vector<size_t> missing;
  std::vector<size_t> asked;
  for (size_t i = 0; i < group.chunks.size(); ++i) {
    if (!is_missing[i]) continue;
    missing.push_back(i);
    const size_t strangers = strangers_count_.load(std::memory_order_relaxed);
    if (strangers < kStrangersMax || group.chunks[i].index % kStrangersMax == 0) asked.push_back(i);
  }
  std::map<size_t, std::vector<bool>> is_sent;
  if (!asked.empty()) {
    std::vector<std::vector<PieceName>> lists;
    for (const size_t i : asked) lists.push_back(group.segments[i]);
    std::vector<std::vector<bool>> answers =
        co_await or_fail(session_.missing_segments(client, std::move(lists), until));
    for (size_t k = 0; k < asked.size(); ++k) {
      const bool is_stranger = std::ranges::find(answers[k], false) == answers[k].end();
      if (is_stranger) strangers_count_.fetch_add(1, std::memory_order_relaxed);
      if (!is_stranger) strangers_count_.store(0, std::memory_order_relaxed);
      is_sent[asked[k]] = std::move(answers[k]);
    }
  }
  for (const size_t i : missing) {
    std::vector<bool> sent(group.segments[i].size(), true);
    if (const auto found = is_sent.find(i); found != is_sent.end()) sent = found->second;
    co_await or_fail(fill_one(client, group.chunks[i], group.segments[i], std::move(sent), until));
  }
  co_return S3Status();
}

io::Task<S3Status> NativeWorkers::fill_one(S3Client& client, const FileChunk& chunk,
                                           const std::vector<PieceName>& segments,
                                           std::vector<bool> is_sent, io::Until until) {
  uint64_t known_bytes = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (!is_sent[i]) known_bytes += segments[i].size_bytes;
  }
  S3Result<uint64_t> sent =
      co_await session_.fill(client, segments, is_sent, chunk.bytes.view(), until);
  if (!sent && sent.error().code == "InvalidPart" && known_bytes > 0) {
    // What was known is gone meanwhile.
    known_bytes = 0;
    is_sent.assign(segments.size(), true);
    sent = co_await session_.fill(client, segments, is_sent, chunk.bytes.view(), until);
  }
  if (!sent) co_return std::unexpected(std::move(sent.error()));
  meter_.add_sent(*sent);
  meter_.add_done(chunk.bytes.size());
  meter_.add_deduplicated(known_bytes);
  const std::lock_guard guard(mutex_);
  counts_.sent_bytes += *sent;
  counts_.deduplicated_bytes += known_bytes;
  co_return S3Status();
}

std::vector<PieceName> NativeWorkers::names() const {
  const std::lock_guard guard(mutex_);
  std::vector<PieceName> out;
  out.reserve(names_.size());
  for (const auto& [index, name] : names_) out.push_back(name);
  return out;
}

NativeCounts NativeWorkers::counts() const {
  const std::lock_guard guard(mutex_);
  return counts_;
}

}  // namespace cairn::transfer
