#include "catalog/etcd/revision_gate.h"

#include <algorithm>
#include <utility>

#include "proto/etcd.pb.h"

namespace cairn::catalog::etcd {
namespace {

// The answer is its header; nothing of the key itself is wanted.
std::string make_question(const Layout& layout) {
  proto::etcd::RangeRequest request;
  request.set_key(layout.pulse());
  request.set_count_only(true);
  return request.SerializeAsString();
}

}  // namespace

RevisionGate::RevisionGate(const Layout& layout, Client& client, Pace pace, EtcdMetrics& metrics)
    : question_(make_question(layout)), client_(client), pace_(pace), metrics_(metrics) {}

io::Task<Result<Revision>> RevisionGate::present(Duration timeout) {
  bool has_to_ask = false;
  Seat seat;
  {
    const std::lock_guard lock(mutex_);
    if (is_led_) {
      sit_down(seat);
    } else {
      is_led_ = has_to_ask = true;
    }
  }
  if (!has_to_ask) {
    // Always told: each leader asks with a deadline and passes the lead on.
    static_cast<void>(co_await seat);
    if (!seat.has_to_ask) co_return std::move(seat.answer);
  }
  co_return co_await lead(timeout);
}

void RevisionGate::sit_down(Seat& seat) {
  io::Reactor& here = io::Reactor::current();
  const auto index = static_cast<size_t>(here.index());
  if (rows_.size() <= index) rows_.resize(index + 1);
  Row& row = rows_[index];
  row.reactor = &here;
  seat.next = std::exchange(row.first, &seat);
  ++waiting_count_;
  // A leader elsewhere is not worth waking: its wait is short.
  if (gathering_ != nullptr && leader_ == &here && !is_gathering()) {
    std::exchange(gathering_, nullptr)->request();
  }
}

// Until the next question may be sent, and others had their moment to join.
io::Task<void> RevisionGate::keep_pace() {
  io::StopSource enough;
  Instant earliest;
  Instant latest;
  {
    const std::lock_guard lock(mutex_);
    earliest = asked_at_ + pace_.distance;
    latest = is_gathering() ? std::max(earliest, answered_at_ + pace_.gather) : earliest;
    if (latest > earliest) {
      gathering_ = &enough;
      leader_ = &io::Reactor::current();
    }
  }
  const Duration patience = latest - system_clock().now();
  if (patience > Duration{}) static_cast<void>(co_await io::sleep_for(patience, enough.token()));
  {
    const std::lock_guard lock(mutex_);
    gathering_ = nullptr;
  }
  const Duration rest = earliest - system_clock().now();
  if (rest > Duration{}) static_cast<void>(co_await io::sleep_for(rest));
}

io::Task<Result<Revision>> RevisionGate::ask(Instant deadline) {
  metrics_.questions_count.fetch_add(1, std::memory_order_relaxed);
  proto::etcd::RangeResponse response;
  const Status asked = co_await client_.ask_often(kRange, question_, response, deadline);
  if (!asked) co_return fail(Code::kUnavailable, asked.error().message);
  co_return response.header().revision();
}

io::Task<Result<Revision>> RevisionGate::lead(Duration timeout) {
  co_await keep_pace();
  const Instant now = system_clock().now();
  std::vector<Row> sharers;
  size_t sharers_count = 0;
  {
    const std::lock_guard lock(mutex_);
    sharers = rows_;
    for (Row& row : rows_) row.first = nullptr;
    sharers_count = std::exchange(waiting_count_, 0);
    asked_at_ = now;
  }
  Result<Revision> answer = co_await ask(now + timeout);
  {
    const std::lock_guard lock(mutex_);
    answered_at_ = system_clock().now();
    expected_count_ = 1 + sharers_count + waiting_count_;
    pass_lead();
  }
  for (const Row& row : sharers) wake(row, answer);
  co_return answer;
}

// To a read on this reactor, if there is one.
void RevisionGate::pass_lead() {
  is_led_ = waiting_count_ > 0;
  if (!is_led_) return;
  const auto here = static_cast<size_t>(io::Reactor::current().index());
  const auto has_seat = [](const Row& row) { return row.first != nullptr; };
  Row& row = here < rows_.size() && has_seat(rows_[here]) ? rows_[here]
                                                          : *std::ranges::find_if(rows_, has_seat);
  Seat* const next = std::exchange(row.first, row.first->next);
  --waiting_count_;
  next->next = nullptr;
  next->has_to_ask = true;
  wake({.reactor = row.reactor, .first = next}, Revision{0});
}

void RevisionGate::wake(const Row& row, const Result<Revision>& answer) {
  if (row.first == nullptr) return;
  if (row.reactor == &io::Reactor::current()) return wake_here(row.first, answer);
  row.reactor->post([first = row.first, answer] { wake_here(first, answer); });
}

void RevisionGate::wake_here(Seat* first, const Result<Revision>& answer) {
  for (Seat* seat = first; seat != nullptr;) {
    // Waking only queues the read, but it may be gone when it was woken before it slept.
    Seat* const next = seat->next;
    seat->answer = answer;
    seat->wake();
    seat = next;
  }
}

}  // namespace cairn::catalog::etcd
