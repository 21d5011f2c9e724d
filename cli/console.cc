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

// Bytes of the sequence that begins here; 0 when it is none (RFC 3629; overlong forms are not
// looked for, as nothing is decoded).
size_t utf8_size(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const size_t size = first >= 0xf5   ? 0
                      : first >= 0xf0 ? 4
                      : first >= 0xe0 ? 3
                      : first >= 0xc2 ? 2
                                      : 0;
  if (size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return size;
}

// Names come from anywhere: what would steer a terminal, or is no UTF-8, is shown as \xNN.
std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    const size_t size = byte < 0x80 ? 1 : utf8_size(text);
    const bool is_control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
    // U+0080 to U+009F are control characters too.
    const bool is_c1 = size == 2 && byte == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (size == 0 || is_control || is_c1) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      out += escaped;
      text.remove_prefix(1);
    } else {
      out += text.substr(0, size);
      text.remove_prefix(size);
    }
  }
  return out;
}

std::string code_name(Code code) {
  std::string name(to_string(code));
  std::ranges::replace(name, ' ', '_');
  return name;
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
      writes_to_terminal_(::isatty(STDOUT_FILENO) == 1),
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
  // A pipe gets names as they are.
  write_line(stdout, writes_to_terminal_ ? printable(text) : std::string(text));
  // On a terminal lines and the progress below them must come in order.
  if (has_terminal_) std::fflush(stdout);
}

void Console::result(std::string_view text, const JsonLine& json) {
  print(options_.as_json ? json.text() : std::string(text));
  // Work whose only result nobody reads any more need not go on; transfers do.
  if (std::ferror(stdout) != 0 && on_output_closed_) std::exchange(on_output_closed_, nullptr)();
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
  write_line(stderr, printable(text + error.message));
  if (!options_.as_json) return;
  JsonLine json("error");
  json.add_if("subject", subject).add("code", code_name(error.code)).add("message", error.message);
  print(json.text());
}

void Console::warning(std::string_view text) {
  clear_line();
  write_line(stderr, "cairn: warning: " + printable(text));
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
  if (progress_.bytes_done > 0 && has_terminal_) hint(progress_summary(progress_, elapsed));
}

}  // namespace cairn::cli
