#include "crypto/hash_engine.h"

#include <algorithm>

#include "base/assert.h"
#include "crypto/hash_kernels.h"

namespace cairn::crypto {
namespace {

void compress_one(const HashKernel& kernel, uint32_t* state, const uint8_t* data, size_t blocks) {
  kernel.compress(1, &state, &data, blocks);
}

// The chaining value as the bytes of the digest.
template <size_t kWords>
std::array<uint8_t, kWords * 4> encoded(const uint32_t* state, LengthOrder order) {
  std::array<uint8_t, kWords * 4> value;
  for (size_t i = 0; i < kWords; ++i) {
    if (order == LengthOrder::kBigEndian) {
      store_be<uint32_t>(value.data() + 4 * i, state[i]);
    } else {
      store_le<uint32_t>(value.data() + 4 * i, state[i]);
    }
  }
  return value;
}

}  // namespace

// One lane: walks through the jobs of a chain and hands out runs of whole blocks, either of the
// caller's memory or of a small buffer where pieces of blocks meet.
template <typename Stream>
class HashEngine::Lane {
 public:
  void start(Queue<Stream>& queue, const Chain& chain) {
    queue_ = &queue;
    next_job_ = chain.first_job + 1;
    stage_ = Stage::kIdle;
  }
  // Makes `data` and `blocks` the next run; false when the chain is done.
  bool next_run();

  uint32_t* state = nullptr;
  const uint8_t* data = nullptr;
  size_t blocks = 0;

 private:
  enum class Stage { kIdle, kHead, kBody, kEnd };
  bool set_run(const uint8_t* run_data, size_t run_blocks, Stage stage) {
    data = run_data;
    blocks = run_blocks;
    stage_ = stage;
    return run_blocks > 0;
  }
  bool begin_job();
  bool begin_body();
  bool begin_end();
  void store_message() {
    *job_->out = encoded<8>(message_state_.data(), LengthOrder::kBigEndian);
    stage_ = Stage::kIdle;
  }

  Queue<Stream>* queue_ = nullptr;
  uint32_t next_job_ = 0;
  const Job<Stream>* job_ = nullptr;
  Stage stage_ = Stage::kIdle;
  BytesView rest_;
  std::array<uint32_t, 8> message_state_{};
  PaddedEnd end_;
};

// Takes the next job of the chain. A stream's half-filled tail block comes first.
template <typename Stream>
bool HashEngine::Lane<Stream>::begin_job() {
  job_ = &queue_->jobs[next_job_ - 1];
  next_job_ = job_->next;
  rest_ = job_->block;
  Stream* stream = job_->stream;
  if (stream == nullptr) {
    message_state_ = kSha256Start;
    state = message_state_.data();
    return set_run(nullptr, 0, Stage::kHead);
  }
  state = stream->state_.data();
  const size_t used = stream->size_bytes_ % kHashBlockBytes;
  stream->size_bytes_ += rest_.size();
  if (next_job_ == 0) stream->last_job_ = 0;
  if (used == 0) return set_run(nullptr, 0, Stage::kHead);
  const size_t taken = std::min(rest_.size(), kHashBlockBytes - used);
  std::copy_n(rest_.data(), taken, stream->tail_.data() + used);
  rest_ = rest_.subspan(taken);
  if (used + taken < kHashBlockBytes) return set_run(nullptr, 0, Stage::kIdle);
  return set_run(stream->tail_.data(), 1, Stage::kHead);
}

template <typename Stream>
bool HashEngine::Lane<Stream>::begin_body() {
  const size_t whole = rest_.size() / kHashBlockBytes;
  const uint8_t* body = rest_.data();
  rest_ = rest_.subspan(whole * kHashBlockBytes);
  return set_run(body, whole, Stage::kBody);
}

// What does not fill a block waits in the stream, or is padded when the message ends here.
template <typename Stream>
bool HashEngine::Lane<Stream>::begin_end() {
  if (job_->stream != nullptr) {
    std::copy(rest_.begin(), rest_.end(), job_->stream->tail_.begin());
    return set_run(nullptr, 0, Stage::kIdle);
  }
  end_ = pad_end(rest_, job_->block.size(), LengthOrder::kBigEndian);
  return set_run(end_.bytes.data(), end_.blocks, Stage::kEnd);
}

template <typename Stream>
bool HashEngine::Lane<Stream>::next_run() {
  while (true) {
    switch (stage_) {
      case Stage::kIdle:
        if (next_job_ == 0) return false;
        if (begin_job()) return true;
        break;
      case Stage::kHead:
        if (begin_body()) return true;
        break;
      case Stage::kBody:
        if (begin_end()) return true;
        break;
      case Stage::kEnd: store_message(); break;
    }
  }
}

HashEngine::HashEngine() : HashEngine(md5_kernels().front(), sha256_kernels().front()) {}

HashEngine::HashEngine(const HashKernel& md5, const HashKernel& sha256)
    : md5_kernel_(&md5), sha256_kernel_(&sha256) {}

template <typename Stream>
void HashEngine::add_to(Queue<Stream>& queue, Stream& stream, BytesView block) {
  if (block.empty()) return;
  if (queue.jobs.size() >= kHashJobsMax) run();
  queue.jobs.push_back({.stream = &stream, .block = block});
  const auto index = static_cast<uint32_t>(queue.jobs.size());
  if (stream.last_job_ != 0) {
    queue.jobs[stream.last_job_ - 1].next = index;
  } else {
    queue.chains.push_back({.first_job = index - 1, .size_bytes = 0});
  }
  stream.last_job_ = index;
}

void HashEngine::add(Md5Stream& stream, BytesView block) {
  add_to(md5_, stream, block);
}
void HashEngine::add(Sha256Stream& stream, BytesView block) {
  add_to(sha256_, stream, block);
}

void HashEngine::add_message(BytesView message, Sha256Value* out) {
  if (sha256_.jobs.size() >= kHashJobsMax) run();
  sha256_.chains.push_back(
      {.first_job = static_cast<uint32_t>(sha256_.jobs.size()), .size_bytes = 0});
  sha256_.jobs.push_back({.stream = nullptr, .block = message, .out = out});
}

bool HashEngine::has_work() const {
  return !md5_.jobs.empty() || !sha256_.jobs.empty();
}

void HashEngine::run() {
  run_queue(md5_, *md5_kernel_);
  run_queue(sha256_, *sha256_kernel_);
}

template <typename Stream>
void HashEngine::run_queue(Queue<Stream>& queue, const HashKernel& kernel) {
  for (Chain& chain : queue.chains) {
    for (uint32_t job = chain.first_job + 1; job != 0; job = queue.jobs[job - 1].next) {
      chain.size_bytes += queue.jobs[job - 1].block.size();
    }
  }
  // Longest first, so that the lanes run dry together.
  std::ranges::sort(queue.chains, std::ranges::greater{}, &Chain::size_bytes);

  auto waiting = queue.chains.begin();
  const auto fill = [&](Lane<Stream>& lane) {
    while (!lane.next_run()) {
      if (waiting == queue.chains.end()) return false;
      lane.start(queue, *waiting++);
    }
    return true;
  };
  std::array<Lane<Stream>, kHashLanesMax> lanes;
  std::array<Lane<Stream>*, kHashLanesMax> active{};
  size_t active_count = 0;
  // As many lanes as give full turns: 4 chains on 3 lanes are two turns of 2, not 3 and then 1.
  const size_t turns = (queue.chains.size() + kernel.lanes_max - 1) / kernel.lanes_max;
  const size_t lanes_count = turns == 0 ? 0 : (queue.chains.size() + turns - 1) / turns;
  for (size_t i = 0; i < lanes_count; ++i) {
    if (fill(lanes[i])) active[active_count++] = &lanes[i];
  }
  while (active_count > 0) {
    size_t blocks = active[0]->blocks;
    std::array<uint32_t*, kHashLanesMax> states;
    std::array<const uint8_t*, kHashLanesMax> data;
    for (size_t i = 0; i < active_count; ++i) {
      blocks = std::min(blocks, active[i]->blocks);
      states[i] = active[i]->state;
      data[i] = active[i]->data;
    }
    kernel.compress(active_count, states.data(), data.data(), blocks);
    for (size_t i = 0; i < active_count;) {
      Lane<Stream>& lane = *active[i];
      lane.data += blocks * kHashBlockBytes;
      lane.blocks -= blocks;
      if (lane.blocks > 0 || fill(lane)) {
        ++i;
      } else {
        active[i] = active[--active_count];
      }
    }
  }
  queue.jobs.clear();
  queue.chains.clear();
}

Md5Stream::Md5Stream() : state_(kMd5Start) {}

Md5Stream::Value Md5Stream::finish() {
  ASSERT(last_job_ == 0);
  const BytesView rest(tail_.data(), size_bytes_ % kHashBlockBytes);
  const PaddedEnd end = pad_end(rest, size_bytes_, LengthOrder::kLittleEndian);
  compress_one(md5_kernels().front(), state_.data(), end.bytes.data(), end.blocks);
  return encoded<4>(state_.data(), LengthOrder::kLittleEndian);
}

Sha256Stream::Sha256Stream() : state_(kSha256Start) {}

Sha256Stream::Value Sha256Stream::finish() {
  ASSERT(last_job_ == 0);
  const BytesView rest(tail_.data(), size_bytes_ % kHashBlockBytes);
  const PaddedEnd end = pad_end(rest, size_bytes_, LengthOrder::kBigEndian);
  compress_one(sha256_kernels().front(), state_.data(), end.bytes.data(), end.blocks);
  return encoded<8>(state_.data(), LengthOrder::kBigEndian);
}

}  // namespace cairn::crypto
