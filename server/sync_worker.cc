#include "server/sync_worker.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "io/reactor.h"

namespace cairn::server {
namespace {

using object::ChangeKind;
using object::Comparison;
using object::PendingChange;
using object::SyncChange;

constexpr unsigned kBackoffShiftMax = 16;
// A change is counted before its commit ends.
constexpr Duration kCommitWait = seconds(2);
constexpr Duration kRecountInterval = seconds(30);
constexpr Duration kUpkeepInterval = seconds(3600);

}  // namespace

struct SyncWorker::Runner {
  object::KnownRule known;
  std::unique_ptr<SyncSender> sender;
  SyncCounters counters;
  std::map<uint64_t, uint32_t> attempts;  // Of changes that could not be sent, by sequence.
  unsigned failures_count = 0;            // In a row.
  std::string last_failure;
  bool is_up = false;
  WallTime oldest{};  // Of the changes that were not acknowledged; 0 = none.
  uint64_t compared = 0;
  uint64_t seen_added = 0;
  Instant fresh_until{};
  Instant recounted_at{};
  Instant retried_at{};
  Instant kept_at{};
  bool is_over = false;

  const object::SyncRule& rule() const { return known.rule; }
};

// Changes that are sent side by side.
struct SyncWorker::Batch {
  Runner& runner;
  object::BucketInfo bucket;
  io::StopToken stop;
  std::vector<PendingChange> changes;
  std::vector<Sent> sent = {};
  size_t next = 0;
};

SyncWorker::SyncWorker(object::Objects& objects, SyncOptions options, Random& random)
    : objects_(objects), tail_(objects.site_sync()->tail()), options_(options), random_(random) {}

SyncWorker::~SyncWorker() = default;

io::Task<void> SyncWorker::run(io::StopToken stop) {
  io::Scope runners;
  co_await supervise(runners, stop);
  co_await runners.join();
  runners_.clear();
}

// A runner for every rule, while there is one.
io::Task<void> SyncWorker::supervise(io::Scope& runners, io::StopToken stop) {
  Instant kept_elsewhere_at = io::Reactor::current().now();
  while (!stop.stop_requested()) {
    for (const object::KnownRule& known : tail_.rules()) {
      if (runners_.contains(known.rule.id)) continue;
      auto runner = std::make_unique<Runner>();
      runner->known = known;
      Runner& made = *runner;
      runners_.emplace(known.rule.id, std::move(runner));
      runners.spawn(run_rule(made, stop));
    }
    std::erase_if(runners_, [](const auto& entry) { return entry.second->is_over; });
    const Instant now = io::Reactor::current().now();
    if (now - kept_elsewhere_at >= kUpkeepInterval) {
      kept_elsewhere_at = now;
      const Status forgotten = co_await forget_removals_elsewhere(stop);
      if (!forgotten && !stop.stop_requested()) {
        log::warning("sync-upkeep-failed",
                     {{"message", std::string_view(forgotten.error().message)}});
      }
    }
    static_cast<void>(co_await io::sleep_for(options_.poll_idle, stop));
  }
}

io::Task<void> SyncWorker::run_rule(Runner& runner, io::StopToken stop) {
  while (!stop.stop_requested()) {
    const std::optional<object::KnownRule> known = tail_.rule(runner.rule().id);
    if (!known) break;
    runner.known = *known;
    if (known->rule.is_paused) {
      static_cast<void>(co_await io::sleep_for(options_.poll_idle, stop));
      continue;
    }
    if (runner.sender == nullptr) {
      Result<std::string> secret = tail_.secret_of(known->rule);
      Result<std::unique_ptr<SyncSender>> made =
          secret ? SyncSender::create(objects_, known->rule, std::move(*secret), runner.counters)
                 : std::unexpected(secret.error());
      if (!made) {
        runner.last_failure = made.error().message;
        co_await back_off(runner, stop);
        continue;
      }
      runner.sender = std::move(*made);
    }
    runner.sender->set_bandwidth(known->rule.bandwidth_bytes);
    Result<object::BucketInfo> bucket =
        co_await objects_.bucket(known->rule.tenant, known->rule.bucket);
    const bool is_gone = bucket && bucket->id != known->rule.bucket_id;
    Result<bool> worked =
        !bucket   ? std::unexpected(bucket.error())
        : is_gone ? Result<bool>(fail(Code::kNotFound, "the bucket of the rule is gone"))
                  : co_await pass(runner, std::move(*bucket), stop);
    if (stop.stop_requested()) break;
    if (!worked) {
      if (runner.failures_count == 0) {
        log::warning("sync-failed", {{"bucket", std::string_view(known->rule.bucket)},
                                     {"message", std::string_view(worked.error().message)}});
      }
      runner.last_failure = worked.error().message;
      runner.is_up = false;
      co_await back_off(runner, stop);
      continue;
    }
    if (runner.failures_count > 0) {
      log::info("sync-recovered", {{"bucket", std::string_view(known->rule.bucket)}});
    }
    runner.failures_count = 0;
    runner.last_failure.clear();
    if (*worked) continue;
    runner.oldest = {};
    static_cast<void>(co_await io::sleep_for(options_.poll_idle, stop));
  }
  if (runner.sender != nullptr) co_await runner.sender->close();
  runner.is_over = true;
}

io::Task<void> SyncWorker::back_off(Runner& runner, io::StopToken stop) {
  const unsigned shift = std::min(runner.failures_count++, kBackoffShiftMax);
  const int64_t ceiling =
      std::min(options_.backoff_base.nanoseconds << shift, options_.backoff_max.nanoseconds);
  const auto jitter = static_cast<int64_t>(random_.below(uint64_t(ceiling) / 2 + 1));
  static_cast<void>(co_await io::sleep_for(Duration{ceiling / 2 + jitter}, stop));
}

io::Task<Result<bool>> SyncWorker::pass(Runner& runner, object::BucketInfo bucket,
                                        io::StopToken stop) {
  if (!runner.is_up) {
    // The breaker: one small question before anything else is sent.
    const transfer::S3Result<object::CompareAnswer> asked =
        co_await runner.sender->compare({}, stop);
    if (!asked) co_return std::unexpected(asked.error().error);
    runner.is_up = true;
  }
  co_await io::or_return(upkeep(runner, bucket));
  // The tail is looked at only while something may be there.
  object::SyncDepth& depth = *runner.known.depth;
  const Instant now = io::Reactor::current().now();
  const uint64_t added = depth.added.load();
  if (added != runner.seen_added) runner.fresh_until = now + kCommitWait;
  runner.seen_added = added;
  bool worked = false;
  if (depth.rows.load() > 0 || now < runner.fresh_until) {
    worked = co_await io::or_return(send_tail(runner, bucket, stop));
  }
  // Commits that failed were counted, and one may have ended later than anybody waited for it.
  const bool is_stale =
      !worked && now >= runner.fresh_until && now - runner.recounted_at >= kRecountInterval;
  if (is_stale) {
    runner.recounted_at = now;
    co_await io::or_return(tail_.recount(runner.rule().id));
  }
  if (depth.needs_comparison.load()) {
    const bool compared = co_await io::or_return(compare_some(runner, std::move(bucket), stop));
    worked = worked || compared;
  }
  co_return worked;
}

io::Task<Status> SyncWorker::upkeep(Runner& runner, object::BucketInfo bucket) {
  const Instant now = io::Reactor::current().now();
  const bool has_failures = runner.known.depth->failures.load() > 0;
  if (!has_failures || runner.retried_at == Instant{}) runner.retried_at = now;
  if (has_failures && now - runner.retried_at >= options_.failure_retry) {
    runner.retried_at = now;
    co_await io::or_return(tail_.retry_failures(runner.rule()));
  }
  if (runner.kept_at != Instant{} && now - runner.kept_at < kUpkeepInterval) co_return Status();
  runner.kept_at = now;
  co_return co_await forget_removals(std::move(bucket));
}

io::Task<Status> SyncWorker::forget_removals(object::BucketInfo bucket) {
  const WallTime until{io::Reactor::current().clock().wall_now().unix_ms -
                       options_.removals_kept.nanoseconds / 1'000'000};
  co_return co_await objects_.site_sync()->forget_removals(std::move(bucket), until);
}

// Buckets that follow others and are followed by none have no runner.
io::Task<Status> SyncWorker::forget_removals_elsewhere(io::StopToken stop) {
  std::optional<uint64_t> after;
  while (!stop.stop_requested()) {
    const std::vector<object::BucketInfo> page =
        co_await io::or_return(objects_.all_buckets(after, kBucketsPage));
    for (const object::BucketInfo& bucket : page) {
      after = bucket.id;
      if (stop.stop_requested() || tail_.wants(bucket.id)) continue;
      co_await io::or_return(forget_removals(bucket));
    }
    if (page.size() < kBucketsPage) break;
  }
  co_return Status();
}

io::Task<void> SyncWorker::send_lane(Batch& batch) {
  while (batch.next < batch.changes.size() && !batch.stop.stop_requested()) {
    const size_t i = batch.next++;
    const std::optional<SyncChange>& change = batch.changes[i].change;
    if (!change) {
      log::error("sync-change-damaged", {{"bucket", std::string_view(batch.bucket.name)}});
      batch.sent[i] = {SendOutcome::kRefused, "the record of the change is damaged"};
      continue;
    }
    batch.sent[i] = co_await batch.runner.sender->send(batch.bucket, *change, batch.stop);
    // What is left of the batch would only wait for the same.
    const bool is_down = batch.sent[i].outcome == SendOutcome::kUnavailable &&
                         batch.runner.attempts[batch.changes[i].sequence] == 0;
    if (is_down) co_return;
  }
}

// Removes what was acknowledged, puts aside what was refused; a failure when nothing got through.
io::Task<Status> SyncWorker::settle(Runner& runner, Batch& batch) {
  std::vector<PendingChange> done;
  std::string unavailable;
  bool any_answered = false;
  for (size_t i = 0; i < batch.changes.size(); ++i) {
    const SendOutcome outcome = batch.sent[i].outcome;
    const bool was_sent = i < batch.next && !batch.stop.stop_requested();
    if (outcome == SendOutcome::kDone && was_sent) done.push_back(batch.changes[i]);
    any_answered = any_answered || (was_sent && outcome != SendOutcome::kUnavailable);
  }
  if (any_answered) runner.is_up = true;
  for (const PendingChange& each : done) runner.attempts.erase(each.sequence);
  for (size_t i = 0; i < std::min(batch.next, batch.changes.size()); ++i) {
    const Sent& sent = batch.sent[i];
    if (sent.outcome == SendOutcome::kDone || batch.stop.stop_requested()) continue;
    uint32_t& attempts = runner.attempts[batch.changes[i].sequence];
    ++attempts;
    const bool gives_up =
        sent.outcome == SendOutcome::kRefused || (any_answered && attempts >= kAttemptsMax);
    if (!gives_up) {
      unavailable = sent.reason;
      continue;
    }
    runner.attempts.erase(batch.changes[i].sequence);
    co_await io::or_return(tail_.put_aside(runner.rule(), batch.changes[i], sent.reason));
  }
  co_await io::or_return(tail_.acknowledge(runner.rule(), std::move(done)));
  co_await io::or_return(note_peer(runner));
  if (!unavailable.empty()) co_return fail(Code::kUnavailable, std::move(unavailable));
  co_return Status();
}

// Another store answers under the same address: it has to be told everything.
io::Task<Status> SyncWorker::note_peer(Runner& runner) {
  const std::string& peer = runner.sender->peer();
  if (peer.empty() || peer == runner.rule().peer) co_return Status();
  object::SyncRule rule = runner.rule();
  rule.peer = peer;
  co_await io::or_return(tail_.change_rule(rule));
  co_return co_await tail_.ask_for_comparison(rule.id);
}

io::Task<Result<bool>> SyncWorker::send_tail(Runner& runner, object::BucketInfo bucket,
                                             io::StopToken stop) {
  std::vector<PendingChange> changes =
      co_await io::or_return(tail_.read(runner.rule().id, kPageChanges));
  if (changes.empty()) co_return false;
  const std::optional<SyncChange>& first = changes.front().change;
  if (first) runner.oldest = first->at;
  Batch batch{runner, std::move(bucket), stop, std::move(changes)};
  batch.sent.resize(batch.changes.size());
  io::Scope side_by_side;
  for (size_t i = 0; i < kSideBySide; ++i) side_by_side.spawn(send_lane(batch));
  co_await side_by_side.join();
  co_await io::or_return(settle(runner, batch));
  co_return true;
}

io::Task<Status> SyncWorker::send_missing(Runner& runner, object::BucketInfo bucket,
                                          std::vector<SyncChange> changes, io::StopToken stop) {
  Batch batch{runner, std::move(bucket), stop, {}};
  for (SyncChange& change : changes) {
    PendingChange pending;
    pending.sequence = tail_.next_sequence(change.at);
    pending.change = std::move(change);
    batch.changes.push_back(std::move(pending));
  }
  batch.sent.resize(batch.changes.size());
  io::Scope side_by_side;
  for (size_t i = 0; i < kSideBySide; ++i) side_by_side.spawn(send_lane(batch));
  co_await side_by_side.join();
  for (size_t i = 0; i < batch.changes.size(); ++i) {
    if (i >= batch.next || batch.sent[i].outcome == SendOutcome::kUnavailable) {
      runner.attempts.clear();
      const std::string& reason = i < batch.next ? batch.sent[i].reason : std::string();
      co_return fail(Code::kUnavailable, reason.empty() ? "the other site is away" : reason);
    }
    if (batch.sent[i].outcome != SendOutcome::kRefused) continue;
    co_await io::or_return(tail_.put_aside(runner.rule(), batch.changes[i], batch.sent[i].reason));
  }
  co_return Status();
}

// One page of versions.
io::Task<Result<bool>> SyncWorker::compare_some(Runner& runner, object::BucketInfo bucket,
                                                io::StopToken stop) {
  const object::SyncRule rule = runner.rule();
  std::optional<object::SyncComparison> at = co_await io::or_return(tail_.begin_comparison(rule));
  if (!at) {
    // Asked for by a commit that has not ended, or failed.
    const bool is_fresh = io::Reactor::current().now() < runner.fresh_until;
    if (!is_fresh) co_await io::or_return(tail_.recount(rule.id));
    co_return false;
  }
  if (runner.oldest.unix_ms == 0) runner.oldest = at->begun;
  object::VersionListRequest request;
  request.prefix = rule.prefix;
  request.key_marker = at->key;
  request.version_id_marker = at->version_id;
  request.limit = kComparedPage;
  const object::VersionListPage page =
      co_await io::or_return(objects_.list_versions(bucket, std::move(request)));
  std::vector<object::Compared> question;
  std::vector<const object::ObjectInfo*> asked;
  for (const object::ObjectInfo& info : page.versions) {
    const bool is_sent = info.origin != rule.peer || info.changed.unix_ms != 0;
    if (!is_sent || (info.is_delete_marker && !rule.sends_markers)) continue;
    const std::string version_id = bucket.is_versioned() ? info.version_id : std::string();
    question.push_back({info.key, version_id, info.etag, info.modified, info.changed});
    asked.push_back(&info);
  }
  runner.compared += page.versions.size();
  if (!question.empty()) {
    const transfer::S3Result<object::CompareAnswer> answer =
        co_await runner.sender->compare(question, stop);
    if (!answer) co_return std::unexpected(answer.error().error);
    runner.is_up = true;
    std::vector<SyncChange> changes;
    for (size_t i = 0; i < asked.size(); ++i) {
      const Comparison state = answer->answers[i];
      // What came from there and is gone there was removed there.
      const bool is_returned = state == Comparison::kMissing && asked[i]->origin == rule.peer;
      if (state == Comparison::kSame || is_returned) continue;
      SyncChange change;
      change.kind = state == Comparison::kMeta ? ChangeKind::kMeta : ChangeKind::kPut;
      change.key = asked[i]->key;
      change.version_id = question[i].version_id;
      change.size_bytes = asked[i]->size_bytes;
      change.at = io::Reactor::current().clock().wall_now();
      changes.push_back(std::move(change));
    }
    co_await io::or_return(send_missing(runner, bucket, std::move(changes), stop));
    co_await io::or_return(note_peer(runner));
  }
  if (page.truncated) {
    at->key = page.next_key;
    at->version_id = page.next_version_id;
    co_await io::or_return(tail_.keep_comparison(rule.id, std::move(*at)));
    co_return true;
  }
  co_return co_await send_removals(runner, std::move(bucket), std::move(*at), stop);
}

// The end of a comparison: what was removed in a bucket without versioning.
io::Task<Result<bool>> SyncWorker::send_removals(Runner& runner, object::BucketInfo bucket,
                                                 object::SyncComparison at, io::StopToken stop) {
  std::string after;
  while (!bucket.is_versioned() && !stop.stop_requested()) {
    std::vector<SyncChange> removals =
        co_await io::or_return(objects_.site_sync()->removals(bucket, after, kComparedPage));
    if (removals.empty()) break;
    after = removals.back().key;
    std::erase_if(removals, [&](const SyncChange& each) {
      return !each.key.starts_with(runner.rule().prefix);
    });
    co_await io::or_return(send_missing(runner, bucket, std::move(removals), stop));
  }
  if (stop.stop_requested()) co_return true;
  co_await io::or_return(tail_.end_comparison(runner.rule().id));
  log::info("sync-compared", {{"bucket", std::string_view(bucket.name)},
                              {"versions", runner.compared},
                              {"begun_ms", at.begun.unix_ms}});
  co_return true;
}

std::vector<SyncReading> SyncWorker::read() const {
  std::vector<SyncReading> out;
  const int64_t now_ms = system_clock().wall_now().unix_ms;
  for (const object::KnownRule& known : tail_.rules()) {
    SyncReading reading;
    reading.rule = known.rule;
    reading.pending_changes = known.depth->rows.load();
    reading.pending_bytes = known.depth->bytes.load();
    reading.failed_changes = known.depth->failures.load();
    reading.removals_dropped = known.depth->removals_dropped.load();
    reading.is_comparing = known.depth->needs_comparison.load();
    const auto found = runners_.find(known.rule.id);
    if (found != runners_.end()) {
      const Runner& runner = *found->second;
      reading.is_run_here = true;
      reading.counters = runner.counters;
      reading.is_up = runner.is_up;
      reading.last_failure = runner.last_failure;
      reading.compared = runner.compared;
      const bool is_behind = runner.oldest.unix_ms != 0;
      if (is_behind) {
        reading.lag_seconds =
            static_cast<double>(std::max<int64_t>(0, now_ms - runner.oldest.unix_ms)) / 1000;
      }
    }
    out.push_back(std::move(reading));
  }
  return out;
}

}  // namespace cairn::server
