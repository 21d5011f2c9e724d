// Everything a command shows. Standard output carries results (lines for people, or one JSON object
// per line with --json); standard error carries errors, warnings and, on a terminal, one line of
// progress that is rewritten in place.
//
// Thread rule: one thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "cli/exit_codes.h"
#include "cli/json_line.h"
#include "cli/progress_text.h"
#include "transfer/progress.h"

namespace cairn::cli {

struct ConsoleOptions {
  bool is_quiet = false;  // Only errors.
  bool as_json = false;
  bool shows_progress = true;  // Where standard error is a terminal.
};

class Console final : public transfer::ProgressObserver {
 public:
  explicit Console(ConsoleOptions options);
  ~Console() override;
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  bool as_json() const { return options_.as_json; }
  // Called once when nobody reads standard output any more (`cairn ls | head`).
  void set_on_output_closed(std::function<void()> callback) {
    on_output_closed_ = std::move(callback);
  }

  // A result the user asked for (a listing, a URL): shown even when quiet.
  void result(std::string_view text, const JsonLine& json);
  // What was done to one file: hidden when quiet.
  void note(std::string_view text, const JsonLine& json);
  // "cairn: ..." on standard error, and {"event":"error"} with --json. Counted for exit_code().
  void error(const Error& error, std::string_view subject = {});
  void warning(std::string_view text);
  // A line on standard error for people: hidden when quiet or with --json.
  void hint(std::string_view text);

  void on_progress(const transfer::Progress& progress) override;
  const transfer::Progress& progress() const { return progress_; }
  // Takes the line of progress away and prints how much was moved in what time; one JSON object
  // {"event":"summary"}.
  void finish_transfer();

  // What failed and what worked so far.
  ExitCodeSum& exit_codes() { return exit_codes_; }

 private:
  void clear_line();
  void print(std::string_view text);

  const ConsoleOptions options_;
  const bool has_terminal_;  // To show progress on.
  const bool writes_to_terminal_;
  bool has_line_ = false;
  std::function<void()> on_output_closed_;
  ExitCodeSum exit_codes_;
  transfer::Progress progress_;
  RateMeter rate_;
  Instant started_;
  Instant drawn_;
};

}  // namespace cairn::cli
