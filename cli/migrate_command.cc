#include "cli/migrate_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "cli/admin_client.h"
#include "cli/admin_flags.h"
#include "cli/exit_codes.h"
#include "cli/human.h"

namespace cairn::cli {
namespace {

constexpr std::chrono::milliseconds kLook{200};

struct MigrateOptions {
  std::string data;
  std::string to;
  bool stays = false;
  bool shows = false;
  bool stops = false;
};

// A value of the server's status, as it stands there; empty when there is none.
std::string_view value_in(std::string_view status, std::string_view name) {
  const std::string member = "\"" + std::string(name) + "\":";
  const size_t at = status.find(member);
  if (at == std::string_view::npos) return {};
  status.remove_prefix(at + member.size());
  if (!status.starts_with('"')) return status.substr(0, status.find_first_of(",}"));
  status.remove_prefix(1);
  return status.substr(0, status.find('"'));
}

uint64_t number_in(std::string_view status, std::string_view name) {
  const std::string_view text = value_in(status, name);
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string progress_text(std::string_view status) {
  return fmt::format("{}: {} rows looked at, {} written, {} chunks ({}) copied, {} behind",
                     value_in(status, "phase"), number_in(status, "rows"),
                     number_in(status, "rows_written"), number_in(status, "chunks"),
                     human_size(number_in(status, "chunk_bytes")), number_in(status, "behind"));
}

// Prints what failed and keeps the exit code.
class Asker {
 public:
  Asker(std::string data, int& exit_code) : data_(std::move(data)), exit_code_(exit_code) {}

  // False when it failed; the reply otherwise is status().
  bool ask(const std::string& method, const std::string& name) {
    const Result<AdminReply> reply = ask_admin(data_, method, name);
    if (!reply) {
      std::cerr << "cairn: " << reply.error().message << "\n";
      exit_code_ = exit_code_of(reply.error().code);
      return false;
    }
    status_ = reply->body;
    if (reply->status == 200) return true;
    std::cerr << reply->body;
    exit_code_ = reply->status == 400   ? kExitUsage
                 : reply->status == 409 ? kExitPrecondition
                                        : kExitFailed;
    return false;
  }
  const std::string& status() const { return status_; }

 private:
  const std::string data_;
  int& exit_code_;
  std::string status_;
};

// Until the data is there (or, with the switch, has moved), or it failed.
void follow(Asker& asker, const MigrateOptions& options, int& exit_code) {
  const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  bool is_told = options.stays;
  for (;;) {
    if (!asker.ask("GET", "migrate-status")) return;
    const std::string_view phase = value_in(asker.status(), "phase");
    if (is_terminal) std::cerr << "\r\033[K" << progress_text(asker.status()) << std::flush;
    const bool is_over = value_in(asker.status(), "running") != "true";
    if (is_over || (options.stays && phase == "ready")) break;
    if (!is_told && phase == "ready") {
      if (!asker.ask("POST", "migrate-switch")) return;
      is_told = true;
    }
    std::this_thread::sleep_for(kLook);
  }
  if (is_terminal) std::cerr << "\r\033[K";
  std::cout << asker.status();
  const std::string_view phase = value_in(asker.status(), "phase");
  exit_code =
      phase == (options.stays ? "ready" : "done") || phase == "done" ? kExitDone : kExitFailed;
  if (exit_code != kExitDone) {
    std::cerr << "cairn: " << value_in(asker.status(), "error")
              << "; the same command goes on where this one ended\n";
  }
}

int run(const MigrateOptions& options) {
  int exit_code = kExitDone;
  Asker asker(options.data, exit_code);
  if (options.shows || options.stops) {
    if (asker.ask(options.shows ? "GET" : "POST",
                  options.shows ? "migrate-status" : "migrate-stop")) {
      std::cout << asker.status();
    }
    return exit_code;
  }
  if (options.to.empty()) {
    std::cerr << "cairn: give --to FILE, the configuration file of the cluster's nodes\n";
    return kExitUsage;
  }
  // The server reads it, from another working directory.
  const std::string path = std::filesystem::absolute(options.to).string();
  if (!asker.ask("GET", "migrate-status")) return exit_code;
  if (value_in(asker.status(), "running") != "true" &&
      !asker.ask("POST", "migrate-start?to=" + url_encoded(path))) {
    return exit_code;
  }
  follow(asker, options, exit_code);
  return exit_code;
}

}  // namespace

void add_migrate_command(CLI::App& admin, int& exit_code) {
  CLI::App* const command = admin.add_subcommand(
      "migrate",
      "Move a running server's data into a cluster: copied while it serves, then switched");
  // Lives as long as the callback.
  const auto options = std::make_shared<MigrateOptions>();
  add_data_option(*command, options->data);
  command
      ->add_option("--to", options->to,
                   "Configuration file of the cluster's nodes; the server reads it")
      ->option_text("FILE.toml");
  command->add_flag("--no-switch", options->stays,
                    "Copy, check and follow only; without this flag the same command switches");
  command->add_flag("--status", options->shows, "Show where it is");
  command->add_flag("--stop", options->stops, "Stop it; what was copied stays");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace cairn::cli
