#include "storage/home_keeper.h"

#include <algorithm>

#include "base/log.h"
#include "io/reactor.h"

namespace cairn::storage {
namespace {

constexpr size_t kCopiesPerRound = 32;
constexpr size_t kLeavingPerBatchMax = 4096;
constexpr Duration kFailurePause = seconds(1);  // Before what failed is tried again.
constexpr Duration kOpenPause = seconds(3);     // Between tries to open a home.

}  // namespace

HomeKeeper::HomeKeeper(HomesContext& context, StoreOfChunk store_of, KeeperOptions options)
    : context_(context), store_of_(std::move(store_of)), options_(options) {}

void HomeKeeper::start() {
  if (options_.interval <= Duration{}) return;
  for (NamedHome* home : context_.homes) scope_.spawn(serve(home));
  scope_.spawn(keep_surveying());
}

io::Task<void> HomeKeeper::stop() {
  scope_.request_stop();
  co_await scope_.join();
}

io::Task<void> HomeKeeper::serve(NamedHome* home) {
  const io::StopToken stop = scope_.stop_token();
  Instant batch_begun;
  while (!stop.stop_requested()) {
    bool did = false;
    if (home->is_open.load()) {
      const Instant now = io::Reactor::current().now();
      if (home->outgoing.count() == 0) batch_begun = now;
      const bool is_due = now >= batch_begun + options_.batch_delay;
      did = co_await empty(*home, !is_due);
      if (did) batch_begun = io::Reactor::current().now();
      co_await probe(*home);
      const bool made = co_await make_owed(*home);
      did = did || made;
    }
    if (!did) (void)co_await io::sleep_for(options_.interval, stop);
  }
}

io::Task<void> HomeKeeper::keep_surveying() {
  const io::StopToken stop = scope_.stop_token();
  Instant surveyed_at = io::Reactor::current().now();
  Instant opened_at;
  while (!stop.stop_requested()) {
    const Instant now = io::Reactor::current().now();
    const bool is_one_away =
        std::ranges::any_of(context_.homes, [](NamedHome* home) { return !home->is_open.load(); });
    if (opener_ && is_one_away && now >= opened_at + kOpenPause) {
      co_await opener_();
      opened_at = io::Reactor::current().now();
    }
    const bool is_time =
        options_.survey_interval > Duration{} && now >= surveyed_at + options_.survey_interval;
    if (is_time || context_.survey_due.load()) {
      co_await survey();
      surveyed_at = io::Reactor::current().now();
    }
    (void)co_await io::sleep_for(options_.interval, stop);
  }
}

io::Task<void> HomeKeeper::survey() {
  context_.survey_due = false;
  is_surveying_ = true;
  const Result<SurveyReport> report =
      co_await survey_homes(context_, store_of_, scope_.stop_token());
  is_surveying_ = false;
  if (!report) {
    context_.survey_due = true;
    if (report.error().code != Code::kCancelled) {
      log::warning("home-survey-failed", {{"message", std::string_view(report.error().message)}});
      (void)co_await io::sleep_for(kFailurePause, scope_.stop_token());
    }
    co_return;
  }
  last_survey_ = *report;
  ++surveys_count_;
  log::info("home-survey", {{"chunks", report->chunks_count},
                            {"owed", report->owed_count},
                            {"leaving", report->leaving_count},
                            {"dropped", report->dropped_count}});
}

io::Task<void> HomeKeeper::make_one(NamedHome& home, OwedCopy copy, CopyOutcome& outcome) {
  outcome = co_await copy_chunk(store_of_(copy.id), context_, home, copy);
}

io::Task<bool> HomeKeeper::make_owed(NamedHome& home) {
  if (home.health.refuses(io::Reactor::current().now())) co_return false;
  bool did = false;
  bool failed = false;
  uint64_t made_bytes = 0;
  const std::vector<OwedCopy> round = home.owed.take(kCopiesPerRound, options_.batch_bytes);
  home.owed_in_work += round.size();
  for (size_t begin = 0; begin < round.size(); begin += kCopiesInFlight) {
    const size_t count = std::min(kCopiesInFlight, round.size() - begin);
    std::vector<CopyOutcome> outcomes(count, CopyOutcome::kFailed);
    if (!failed && !scope_.stop_token().stop_requested()) {
      io::Scope copies;
      for (size_t at = 0; at < count; ++at) {
        copies.spawn(make_one(home, round[begin + at], outcomes[at]));
      }
      co_await copies.join();
    }
    for (size_t at = 0; at < count; ++at) {
      const CopyOutcome outcome = outcomes[at];
      did = did || outcome == CopyOutcome::kMade;
      if (outcome == CopyOutcome::kMade) made_bytes += round[begin + at].size_bytes;
      if (outcome == CopyOutcome::kLost) NamedHome::count(home.counters.copies_given_up);
      failed = failed || outcome == CopyOutcome::kFailed;
      const bool again = outcome == CopyOutcome::kFailed || outcome == CopyOutcome::kBusy;
      if (again && !home.owed.note(round[begin + at])) context_.survey_due = true;
    }
  }
  home.owed_in_work -= round.size();
  if (made_bytes > 0) co_await pay(made_bytes);
  co_return did && !failed;
}

// Sleeps off what the rate does not allow yet.
io::Task<void> HomeKeeper::pay(uint64_t size_bytes) {
  if (options_.copy_bytes_per_second == 0) co_return;
  const Instant now = io::Reactor::current().now();
  const double took =
      static_cast<double>(size_bytes) / static_cast<double>(options_.copy_bytes_per_second);
  paid_until_ = std::max(paid_until_, now) + Duration{static_cast<int64_t>(took * 1e9)};
  (void)co_await io::sleep_for(paid_until_ - now, scope_.stop_token());
}

io::Task<bool> HomeKeeper::empty(NamedHome& home, bool wait_for_batch) {
  const size_t waiting = home.outgoing.count();
  const bool is_full =
      home.outgoing.bytes() >= options_.batch_bytes || waiting >= kLeavingPerBatchMax;
  if (waiting == 0 || (wait_for_batch && !is_full)) co_return false;
  std::vector<Leaving> batch;
  for (const OwedCopy& copy : home.outgoing.take(kLeavingPerBatchMax, options_.batch_bytes)) {
    batch.push_back({&store_of_(copy.id), copy});
  }
  const size_t taken = batch.size();
  home.leaving_in_work += taken;
  const std::vector<OwedCopy> left = co_await give_away(context_, home, std::move(batch));
  for (const OwedCopy& copy : left) {
    if (!home.outgoing.note(copy)) context_.survey_due = true;
  }
  home.leaving_in_work -= taken;
  co_return left.size() < taken;
}

// A home that failed is tried with a small read; what it missed meanwhile is found by a survey.
io::Task<void> HomeKeeper::probe(NamedHome& home) {
  if (!home.health.is_open() || !home.health.admit(io::Reactor::current().now())) co_return;
  const Result<std::vector<ChunkStat>> some = co_await home.store.list(std::nullopt, 1);
  Status answer;
  if (!some) answer = std::unexpected(some.error());
  if (some && !some->empty()) {
    const Result<SealedRead> read = co_await home.store.read(some->front().id, {0, 1});
    if (!read && is_home_failure(read.error().code)) answer = std::unexpected(read.error());
  }
  if (!answer) {
    (void)home.health.on_failure(io::Reactor::current().now());
    co_return;
  }
  home.health.on_success();
  context_.survey_due = true;
  log::info("home-available", {{"home", std::string_view(home.name)}});
}

io::Task<bool> HomeKeeper::pass() {
  bool did = false;
  for (NamedHome* home : context_.homes) {
    if (!home->is_open.load()) continue;
    const bool emptied = co_await empty(*home, false);
    const bool made = co_await make_owed(*home);
    did = did || emptied || made;
  }
  co_return did;
}

io::Task<void> HomeKeeper::settle() {
  co_await survey();
  bool did = true;
  while (did) did = co_await pass();
}

}  // namespace cairn::storage
