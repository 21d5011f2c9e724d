#include "cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace cairn::cli {
namespace {

constexpr Duration kDrawInterval = milliseconds(100);
constexpr Duration kJsonInterval = seconds(1);
constexpr size_t kColumnsDefault = 80;

size_t terminal_columns() {
  winsize size{};
  const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return is_known ? size.ws_col : kColumnsDefault;
}

void write_line(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fputc('\n', stream);
}

JsonLine& add_figures(JsonLine& json, const transfer::Progress& progress) {
  return json.add("bytes_total", progress.bytes_total)
      .add("bytes_done", progress.bytes_done)
      .add("bytes_sent", progress.bytes_sent)
      .add("bytes_instant", progress.bytes_instant)
      .add("bytes_resumed", progress.bytes_resumed)
      .add("bytes_deduplicated", progress.bytes_deduplicated)
      .add("files_total", progress.files_total)
      .add("files_done", progress.files_done);
}

}  // namespace

Console::Console(ConsoleOptions options)
    : options_(options),
      has_terminal_(options.shows_progress && !options.is_quiet && !options.as_json &&
                    ::isatty(STDERR_FILENO) == 1),
      started_(system_clock().now()) {}

Console::~Console() {
  clear_line();
  std::fflush(stdout);
}

void Console::clear_line() {
  if (!has_line_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  has_line_ = false;
}

void Console::print(std::string_view text) {
  clear_line();
  write_line(stdout, text);
  // On a terminal lines and the progress below them must come in order.
  if (has_terminal_) std::fflush(stdout);
  if (std::ferror(stdout) != 0 && on_output_closed_) std::exchange(on_output_closed_, nullptr)();
}

void Console::result(std::string_view text, const JsonLine& json) {
  print(options_.as_json ? json.text() : std::string(text));
}

void Console::note(std::string_view text, const JsonLine& json) {
  if (options_.as_json) {
    print(json.text());
  } else if (!options_.is_quiet) {
    print(text);
  }
}

void Console::error(const Error& error, std::string_view subject) {
  exit_codes_.add(error);
  // An interruption is told once, by whoever ends the command.
  if (error.code == Code::kCancelled) return;
  clear_line();
  std::string text = "cairn: ";
  if (!subject.empty()) text.append(subject).append(": ");
  write_line(stderr, text + error.message);
  if (!options_.as_json) return;
  JsonLine json("error");
  json.add_if("subject", subject).add("code", to_string(error.code)).add("message", error.message);
  print(json.text());
}

void Console::warning(std::string_view text) {
  clear_line();
  write_line(stderr, "cairn: warning: " + std::string(text));
  if (options_.as_json) print(JsonLine("warning").add("message", text).text());
}

void Console::hint(std::string_view text) {
  if (options_.is_quiet || options_.as_json) return;
  clear_line();
  write_line(stderr, text);
}

void Console::on_progress(const transfer::Progress& progress) {
  progress_ = progress;
  if (!has_terminal_ && !options_.as_json) return;
  const Instant now = system_clock().now();
  // What was there before is not part of the rate.
  rate_.add(now, progress.bytes_done - std::min(progress.bytes_resumed, progress.bytes_done));
  if (now - drawn_ < (options_.as_json ? kJsonInterval : kDrawInterval)) return;
  drawn_ = now;
  if (options_.as_json) {
    JsonLine json("progress");
    add_figures(json, progress).add("bytes_per_second", rate_.bytes_per_second());
    print(json.text());
    std::fflush(stdout);
    return;
  }
  const std::string line =
      progress_line(progress, rate_.bytes_per_second(), terminal_columns() - 1);
  std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
  std::fflush(stderr);
  has_line_ = true;
}

void Console::finish_transfer() {
  const double elapsed = static_cast<double>((system_clock().now() - started_).nanoseconds) / 1e9;
  if (options_.as_json) {
    JsonLine json("summary");
    add_figures(json, progress_).add("seconds", elapsed);
    print(json.text());
    return;
  }
  const bool is_worth_telling = has_terminal_ || !savings_text(progress_).empty();
  if (progress_.bytes_done > 0 && is_worth_telling) hint(progress_summary(progress_, elapsed));
}

}  // namespace cairn::cli
