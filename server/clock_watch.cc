#include "server/clock_watch.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "base/log.h"
#include "io/reactor.h"

namespace cairn::server {
namespace {

// Rows of the servers' own. Object keys and accounts never begin so (docs/format.md).
constexpr std::string_view kClockRows = "etcd/clock/";
constexpr int64_t kNanosecondsPerMs = 1'000'000;

std::optional<int64_t> parse_ms(std::string_view text) {
  int64_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return ms;
}

bool is_far(int64_t ms) {
  return ms > ClockWatch::kOffsetMaxMs || ms < -ClockWatch::kOffsetMaxMs;
}

}  // namespace

ClockWatch::ClockWatch(catalog::Catalog& catalog, Random& random)
    : catalog_(catalog), row_(std::string(kClockRows) + std::to_string(random.next_u64())) {}

io::Task<void> ClockWatch::run(io::StopToken stop) {
  while (!stop.stop_requested()) {
    // What fails now is tried again at the next beat.
    static_cast<void>(co_await beat());
    static_cast<void>(co_await io::sleep_for(kBeat, stop));
  }
  catalog::Batch batch;
  batch.deletes.push_back(row_);
  static_cast<void>(co_await catalog_.commit(std::move(batch)));
}

io::Task<Status> ClockWatch::beat() {
  catalog::ScanRequest scan;
  scan.begin = kClockRows;
  scan.end = catalog::prefix_end(scan.begin);
  scan.limit_entries = kServersMax;
  const catalog::ScanPage page = co_await io::or_return(catalog_.scan(std::move(scan)));
  at_ = io::Reactor::current().now();
  wall_ = io::Reactor::current().clock().wall_now();
  catalog::Batch batch;
  batch.puts.push_back({row_, std::to_string(wall_.unix_ms)});
  for (const catalog::Entry& row : page.entries) {
    if (row.key == row_) continue;
    look(row);
    if (at_ - others_[row.key].seen_at >= kForgotten) batch.deletes.push_back(row.key);
  }
  std::erase_if(others_,
                [this](const auto& each) { return at_ - each.second.seen_at >= kForgotten; });
  judge();
  ++beats_count_;
  co_await io::or_return(catalog_.commit(std::move(batch)));
  co_return Status();
}

// The first sight of a row does not say when it was written; its change does.
void ClockWatch::look(const catalog::Entry& row) {
  const auto [place, is_new] = others_.try_emplace(row.key);
  Other& other = place->second;
  if (!is_new && other.version == row.version) return;
  other.version = row.version;
  other.seen_at = at_;
  const std::optional<int64_t> theirs = parse_ms(row.value);
  other.offset_ms = is_new || !theirs ? std::nullopt : std::optional(wall_.unix_ms - *theirs);
}

void ClockWatch::judge() {
  std::vector<int64_t> offsets;
  for (const auto& [row, other] : others_) {
    if (other.offset_ms && at_ - other.seen_at < kSilence) offsets.push_back(*other.offset_ms);
  }
  const auto far_count = static_cast<size_t>(std::ranges::count_if(offsets, is_far));
  const bool differs = far_count > offsets.size() - far_count;
  std::ranges::sort(offsets);
  offset_ms_ = offsets.empty() ? 0 : offsets[offsets.size() / 2];
  has_others_ = !offsets.empty();
  if (differs == differs_) return;
  differs_ = differs;
  if (!differs) {
    log::info("clock_agrees_again");
    return;
  }
  log::error("clock_differs",
             {{"ahead_seconds", offset_ms_ / 1000},
              {"message",
               "this server's clock is not that of most others: until it is set (NTP) lifecycle "
               "rules remove nothing here, and clients are refused where theirs differs as much"}});
}

// By more than the other clock, which does not jump, says.
bool ClockWatch::has_jumped() const {
  const int64_t by_wall = io::Reactor::current().clock().wall_now().unix_ms - wall_.unix_ms;
  const int64_t by_other = (io::Reactor::current().now() - at_).nanoseconds / kNanosecondsPerMs;
  return is_far(by_wall - by_other);
}

bool ClockWatch::is_trusted() const {
  return beats_count_ >= kBeatsToCompare && !differs_ && !has_jumped();
}

ClockReading ClockWatch::read() const {
  ClockReading reading{.differs = differs_};
  if (has_others_) reading.offset_seconds = static_cast<double>(offset_ms_) / 1000;
  return reading;
}

}  // namespace cairn::server
