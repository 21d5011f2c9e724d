#include "catalog/etcd/revision_gate.h"

#include <utility>

#include "io/reactor.h"
#include "proto/etcd.pb.h"

namespace cairn::catalog::etcd {

io::Task<Result<Revision>> RevisionGate::present(Duration timeout) {
  std::optional<io::Completion<Word>> word;
  {
    const std::lock_guard lock(mutex_);
    if (is_led_) {
      word = io::Completion<Word>::make();
      waiting_.push_back(*word);
    } else {
      is_led_ = true;
    }
  }
  if (word) {
    // Always told: each leader asks with a deadline and passes the lead on.
    Word told = co_await word->wait();
    if (!told.has_to_ask) co_return std::move(told.answer);
  }
  co_return co_await lead(timeout);
}

io::Task<Result<Revision>> RevisionGate::lead(Duration timeout) {
  Duration pause{};
  {
    const std::lock_guard lock(mutex_);
    pause = asked_at_ + distance_ - system_clock().now();
  }
  if (pause > Duration{}) static_cast<void>(co_await io::sleep_for(pause));
  std::vector<io::Completion<Word>> sharers;
  const Instant now = system_clock().now();
  {
    const std::lock_guard lock(mutex_);
    sharers.swap(waiting_);
    asked_at_ = now;
  }
  metrics_.questions_count.fetch_add(1, std::memory_order_relaxed);
  proto::etcd::RangeRequest request;
  request.set_key(layout_.pulse());
  request.set_keys_only(true);
  proto::etcd::RangeResponse response;
  const Status asked = co_await client_.ask(kRange, request, response, now + timeout);
  Result<Revision> answer = response.header().revision();
  if (!asked) answer = fail(Code::kUnavailable, asked.error().message);
  {
    const std::lock_guard lock(mutex_);
    is_led_ = !waiting_.empty();
    if (is_led_) {
      waiting_.front().complete({.has_to_ask = true});
      waiting_.erase(waiting_.begin());
    }
  }
  for (const io::Completion<Word>& sharer : sharers) sharer.complete({.answer = answer});
  co_return answer;
}

}  // namespace cairn::catalog::etcd
