#include "cli/progress_text.h"

#include <algorithm>
#include <vector>

#include "cli/human.h"

namespace cairn::cli {
namespace {

constexpr Duration kWindow = seconds(5);
constexpr Duration kSampleDistance = milliseconds(100);
constexpr size_t kBarColumnsMax = 24;
constexpr size_t kBarColumnsMin = 10;

double seconds_between(Instant from, Instant to) {
  return static_cast<double>((to - from).nanoseconds) / 1e9;
}

uint64_t saved_bytes(const transfer::Progress& progress) {
  return progress.bytes_instant + progress.bytes_resumed + progress.bytes_deduplicated;
}

std::string bar_text(double share, size_t columns_count) {
  const auto full = static_cast<size_t>(share * static_cast<double>(columns_count));
  std::string bar = "[" + std::string(std::min(full, columns_count), '#');
  bar.resize(1 + columns_count, '-');
  return bar + "]";
}

}  // namespace

void RateMeter::add(Instant now, uint64_t bytes_done) {
  // The newest sample moves until it is far enough from the one before.
  const bool replaces =
      samples_.size() > 1 && now - samples_[samples_.size() - 2].at < kSampleDistance;
  if (replaces) {
    samples_.back() = {now, bytes_done};
  } else {
    samples_.push_back({now, bytes_done});
  }
  while (samples_.size() > 2 && now - samples_[1].at > kWindow) samples_.pop_front();
}

double RateMeter::bytes_per_second() const {
  if (samples_.size() < 2) return 0;
  const double elapsed = seconds_between(samples_.front().at, samples_.back().at);
  const uint64_t from = samples_.front().bytes;
  const uint64_t to = samples_.back().bytes;
  if (elapsed <= 0 || to <= from) return 0;
  return static_cast<double>(to - from) / elapsed;
}

std::string progress_line(const transfer::Progress& progress, double bytes_per_second,
                          size_t columns_count) {
  const bool is_known = progress.bytes_total > 0;
  const double share = is_known ? std::min(1.0, static_cast<double>(progress.bytes_done) /
                                                    static_cast<double>(progress.bytes_total))
                                : 0;
  std::vector<std::string> pieces;
  if (is_known) {
    std::string percent = std::to_string(static_cast<unsigned>(share * 100)) + "%";
    percent.insert(0, 4 - std::min<size_t>(4, percent.size()), ' ');
    pieces.push_back(percent);
    pieces.push_back(human_size(progress.bytes_done) + "/" + human_size(progress.bytes_total));
  } else {
    pieces.push_back(human_size(progress.bytes_done));
  }
  pieces.push_back(human_rate(bytes_per_second));
  if (is_known) {
    const auto left = static_cast<double>(progress.bytes_total -
                                          std::min(progress.bytes_done, progress.bytes_total));
    pieces.push_back("eta " + human_duration(bytes_per_second > 0 ? left / bytes_per_second : -1));
  }
  if (progress.files_total > 1) {
    pieces.push_back(std::to_string(progress.files_done) + "/" +
                     std::to_string(progress.files_total) + " files");
  }
  if (saved_bytes(progress) > 0) pieces.push_back("saved " + human_size(saved_bytes(progress)));

  std::string line;
  for (const std::string& piece : pieces) {
    const size_t separator = line.empty() ? 0 : 2;
    if (line.size() + separator + piece.size() > columns_count) break;
    line.append(separator, ' ').append(piece);
  }
  if (is_known && line.size() + kBarColumnsMin + 3 <= columns_count) {
    const size_t room = columns_count - line.size() - 3;
    line.insert(0, bar_text(share, std::min(room, kBarColumnsMax)) + " ");
  }
  return line;
}

std::string savings_text(const transfer::Progress& progress) {
  std::string text;
  const auto add = [&](uint64_t size_bytes, const char* what) {
    if (size_bytes == 0) return;
    text.append(text.empty() ? "" : ", ").append(human_size(size_bytes)).append(what);
  };
  add(progress.bytes_instant, " instant");
  add(progress.bytes_resumed, " resumed");
  add(progress.bytes_deduplicated, " deduplicated");
  return text;
}

std::string progress_summary(const transfer::Progress& progress, double seconds) {
  std::string text = human_size(progress.bytes_done) + " in ";
  char elapsed[32];
  std::snprintf(elapsed, sizeof elapsed, "%.2f s", seconds);
  text += elapsed;
  if (seconds > 0) {
    text += " (" + human_rate(static_cast<double>(progress.bytes_done) / seconds) + ")";
  }
  const std::string savings = savings_text(progress);
  if (!savings.empty()) text += "; not sent: " + savings;
  return text;
}

}  // namespace cairn::cli
