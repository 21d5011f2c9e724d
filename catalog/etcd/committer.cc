#include "catalog/etcd/committer.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "io/reactor.h"
#include "proto/etcd.pb.h"

namespace cairn::catalog::etcd {
namespace {

using proto::etcd::Compare;
using proto::etcd::TxnRequest;
using proto::etcd::TxnResponse;

// What a commit keeps of its time for asking how it ended.
inline constexpr Duration kResolveTime = milliseconds(600);
inline constexpr Duration kRetryPause = milliseconds(25);

void add_read(const std::string& key,
              google::protobuf::RepeatedPtrField<proto::etcd::RequestOp>* to) {
  to->Add()->mutable_request_range()->set_key(key);
}

void add_put(const std::string& key, const std::string& value,
             google::protobuf::RepeatedPtrField<proto::etcd::RequestOp>* to) {
  proto::etcd::PutRequest& put = *to->Add()->mutable_request_put();
  put.set_key(key);
  put.set_value(value);
}

// The key that the transaction's read with that number found; a default one when there is none.
proto::etcd::KeyValue read_in(const TxnResponse& response, int number) {
  if (response.responses_size() <= number || !response.responses(number).has_response_range()) {
    return {};
  }
  const auto& found = response.responses(number).response_range();
  return found.kvs_size() > 0 ? found.kvs(0) : proto::etcd::KeyValue();
}
// The first read is the slot's.
proto::etcd::KeyValue slot_in(const TxnResponse& response) {
  return read_in(response, 0);
}
bool is_fenced(const TxnResponse& response) {
  return read_in(response, 1).mod_revision() != 0;
}

std::unexpected<Error> fenced() {
  return fail(Code::kUnavailable,
              "the other servers have given this one up, since it was silent for too long: restart "
              "it; nothing was changed");
}

Version version_at(Revision revision) {
  return static_cast<Version>(revision);
}

bool is_full(const std::optional<Result<Version>>& result) {
  return result && !*result && result->error().code == Code::kNoSpace;
}

bool is_too_late(Instant deadline) {
  return system_clock().now() + kRetryPause >= deadline;
}

}  // namespace

EtcdCommitter::EtcdCommitter(Options options, Layout layout, Client& client, EtcdMetrics& metrics)
    : options_(std::move(options)),
      layout_(std::move(layout)),
      client_(client),
      metrics_(metrics),
      session_(std::to_string(system_random().next_u64())) {}

Status EtcdCommitter::start(Instant deadline) {
  proto::etcd::RangeRequest request;
  request.set_key(layout_.marks(options_.node));
  request.set_range_end(prefix_end(request.key()));
  proto::etcd::RangeResponse known;
  if (Status asked = client_.ask_blocking(kRange, request, known, deadline); !asked) return asked;
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < options_.slots_max; ++i) {
    slots_.push_back(std::make_unique<Slot>());
    Slot& slot = *slots_.back();
    slot.key = layout_.marks(options_.node) + std::to_string(i);
    const auto found = std::ranges::find(known.kvs(), slot.key, &proto::etcd::KeyValue::key);
    if (found != known.kvs().end()) slot.revision = found->mod_revision();
  }
  // The first one last: it is taken first, so a quiet node uses few.
  for (auto slot = slots_.rbegin(); slot != slots_.rend(); ++slot)
    free_slots_.push_back(slot->get());
  return {};
}

std::unexpected<Error> EtcdCommitter::refused_precondition(Revision at) {
  Revision before = refused_at_.load(std::memory_order_relaxed);
  while (before < at && !refused_at_.compare_exchange_weak(before, at)) {
  }
  return fail(Code::kFailedPrecondition, "precondition: the entries are not as the commit expects");
}

void EtcdCommitter::add_fence(TxnRequest& request) const {
  if (options_.fence.empty()) return;
  Compare& compare = *request.add_compare();
  compare.set_target(Compare::CREATE);
  compare.set_result(Compare::EQUAL);
  compare.set_key(options_.fence);
  compare.set_create_revision(0);
}

void EtcdCommitter::expect_slot(TxnRequest& request, const Slot& slot) {
  Compare& compare = *request.add_compare();
  compare.set_target(Compare::MOD);
  compare.set_result(Compare::EQUAL);
  compare.set_key(slot.key);
  compare.set_mod_revision(slot.revision);
}

std::string EtcdCommitter::next_mark() {
  const std::lock_guard lock(mutex_);
  return session_ + "." + std::to_string(++marks_count_);
}

io::Task<EtcdCommitter::Slot*> EtcdCommitter::take_slot() {
  std::optional<io::Completion<Slot*>> given;
  {
    const std::lock_guard lock(mutex_);
    if (!free_slots_.empty()) {
      Slot* slot = free_slots_.back();
      free_slots_.pop_back();
      co_return slot;
    }
    given = io::Completion<Slot*>::make();
    slot_waiters_.push_back(*given);
  }
  // Without a deadline: every slot comes back within the time of the commit that has it.
  co_return co_await given->wait();
}

void EtcdCommitter::give_slot(Slot* slot) {
  const std::lock_guard lock(mutex_);
  if (slot_waiters_.empty()) {
    free_slots_.push_back(slot);
  } else {
    slot_waiters_.front().complete(slot);
    slot_waiters_.pop_front();
  }
}

io::Task<Result<Version>> EtcdCommitter::apply(TxnRequest request) {
  return apply(std::move(request), system_clock().now() + options_.timeout);
}

io::Task<Result<Version>> EtcdCommitter::apply(TxnRequest request, Instant deadline) {
  if (request.success().empty()) co_return co_await check_only(std::move(request), deadline);
  add_fence(request);
  Slot* const slot = co_await take_slot();
  if (is_too_late(deadline + (Duration{} - kResolveTime))) {
    give_slot(slot);
    co_return fail(Code::kUnavailable,
                   "the commit waited too long for others to etcd and was not begun");
  }
  Result<Version> done = co_await run(*slot, request, deadline);
  give_slot(slot);
  co_return done;
}

io::Task<Result<Version>> EtcdCommitter::check_only(TxnRequest request, Instant deadline) {
  // Something to read, or there would be nothing to order among the cluster's commits.
  add_read(layout_.pulse(), request.mutable_success());
  add_read(layout_.pulse(), request.mutable_failure());
  TxnResponse response;
  const Status asked = co_await client_.ask(kTxn, request, response, deadline);
  if (!asked) co_return std::unexpected(asked.error());
  if (!response.succeeded()) co_return refused_precondition(response.header().revision());
  co_return version_at(response.header().revision());
}

io::Task<Result<Version>> EtcdCommitter::run(Slot& slot, const TxnRequest& request,
                                             Instant deadline) {
  const Instant last_attempt = deadline + (Duration{} - kResolveTime);
  while (true) {
    const std::string mark = next_mark();
    Attempt ended = co_await attempt(slot, request, mark, last_attempt);
    if (ended.is_unknown) ended = co_await resolve(slot, mark, deadline);
    if (is_full(ended.result)) {
      ended = co_await find_mark(slot, mark, ended.result->error(), deadline);
    }
    if (is_full(ended.result)) {
      const bool only_deletes = std::ranges::all_of(
          request.success(), [](const auto& op) { return op.has_request_delete_range(); });
      if (only_deletes) co_return co_await delete_unmarked(request, deadline);
    }
    if (ended.result) co_return std::move(*ended.result);
    if (is_too_late(last_attempt)) {
      co_return fail(Code::kUnavailable, "etcd did not take the commit; nothing was changed");
    }
    static_cast<void>(co_await io::sleep_for(kRetryPause));
  }
}

io::Task<EtcdCommitter::Attempt> EtcdCommitter::attempt(Slot& slot, const TxnRequest& request,
                                                        std::string mark, Instant deadline) {
  TxnRequest marked = request;
  expect_slot(marked, slot);
  add_put(slot.key, mark, marked.mutable_success());
  add_read(slot.key, marked.mutable_failure());
  if (!options_.fence.empty()) add_read(options_.fence, marked.mutable_failure());
  TxnResponse response;
  const auto sent = co_await client_.send_once(kTxn, marked, response, deadline);
  if (!sent) {
    const CallFailure& failure = sent.error();
    if (failure.outcome == CallFailure::Outcome::kUnknown)
      co_return Attempt{.result = std::nullopt, .is_unknown = true};
    if (failure.outcome == CallFailure::Outcome::kNotTaken) co_return Attempt{};
    co_return Attempt{.result = std::unexpected(failure.error)};
  }
  if (response.succeeded()) {
    slot.revision = response.header().revision();
    co_return Attempt{.result = version_at(slot.revision)};
  }
  if (is_fenced(response)) co_return Attempt{.result = fenced()};
  const proto::etcd::KeyValue found = slot_in(response);
  const bool slot_was_ours = found.mod_revision() == slot.revision;
  slot.revision = found.mod_revision();
  if (slot_was_ours)
    co_return Attempt{.result = refused_precondition(response.header().revision())};
  if (found.value() == mark) co_return Attempt{.result = version_at(slot.revision)};
  co_return Attempt{};  // An old commit of this slot came through late: once more.
}

EtcdCommitter::Attempt EtcdCommitter::unknown(const Error& error) {
  metrics_.unknown_count.fetch_add(1, std::memory_order_relaxed);
  log::warning("etcd_commit_outcome_unknown", {{"error", error.message}});
  return {.result = fail(
              Code::kUnavailable,
              "etcd does not answer; whether the commit was applied is unknown: " + error.message)};
}

io::Task<EtcdCommitter::Attempt> EtcdCommitter::resolve(Slot& slot, std::string mark,
                                                        Instant deadline) {
  metrics_.resolved_count.fetch_add(1, std::memory_order_relaxed);
  TxnRequest question;
  expect_slot(question, slot);
  add_put(slot.key, "not " + mark, question.mutable_success());
  add_read(slot.key, question.mutable_failure());
  TxnResponse response;
  const Status asked = co_await client_.ask(kTxn, question, response, deadline);
  if (!asked) co_return unknown(asked.error());
  if (response.succeeded()) {
    slot.revision = response.header().revision();
    co_return Attempt{};
  }
  const proto::etcd::KeyValue found = slot_in(response);
  slot.revision = found.mod_revision();
  if (found.value() == mark) co_return Attempt{.result = version_at(slot.revision)};
  // The question's own first try, or an old commit of this slot: the attempt came to nothing.
  co_return Attempt{};
}

io::Task<EtcdCommitter::Attempt> EtcdCommitter::find_mark(Slot& slot, std::string mark, Error full,
                                                          Instant deadline) {
  proto::etcd::RangeRequest question;  // Nothing of it is put, so it is answered.
  question.set_key(slot.key);
  proto::etcd::RangeResponse response;
  const Status asked = co_await client_.ask(kRange, question, response, deadline);
  if (!asked) co_return unknown(asked.error());
  if (response.kvs().empty()) co_return Attempt{.result = std::unexpected(std::move(full))};
  slot.revision = response.kvs(0).mod_revision();
  if (response.kvs(0).value() == mark) co_return Attempt{.result = version_at(slot.revision)};
  co_return Attempt{.result = std::unexpected(std::move(full))};
}

io::Task<Result<Version>> EtcdCommitter::delete_unmarked(const TxnRequest& request,
                                                         Instant deadline) {
  TxnResponse response;
  const auto sent = co_await client_.send_once(kTxn, request, response, deadline);
  if (!sent) co_return std::unexpected(sent.error().error);
  if (!response.succeeded()) co_return refused_precondition(response.header().revision());
  co_return version_at(response.header().revision());
}

}  // namespace cairn::catalog::etcd
