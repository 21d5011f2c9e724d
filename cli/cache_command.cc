#include "cli/cache_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/admin_client.h"
#include "cli/admin_flags.h"
#include "cli/exit_codes.h"
#include "cli/human.h"
#include "cli/location.h"

namespace cairn::cli {
namespace {

// Values of one command's options, filled before its callback runs.
struct CacheOptions {
  std::string data;
  std::string location;
  std::string range;
  bool pin = false;
  bool all = false;
};

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.') {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", byte);
    }
  }
  return out;
}

// A number of a line of the server's JSON; 0 when it is not there.
uint64_t number_in(std::string_view line, std::string_view name) {
  const std::string member = "\"" + std::string(name) + "\":";
  const size_t at = line.find(member);
  uint64_t value = 0;
  if (at == std::string_view::npos) return value;
  std::from_chars(line.data() + at + member.size(), line.data() + line.size(), value);
  return value;
}

int fail_with(const Error& error) {
  std::cerr << "cairn: " << error.message << "\n";
  return exit_code_of(error.code);
}

// "?bucket=...&prefix=..."; empty without a location.
Result<std::string> query_of(const CacheOptions& options) {
  if (options.location.empty()) return std::string();
  Result<Location> location = parse_bucket_location(options.location);
  if (!location) return std::unexpected(location.error());
  return "?bucket=" + percent_encoded(location->bucket) +
         "&prefix=" + percent_encoded(location->key);
}

// `answer`, where it is not null: what was printed.
int run_question(const CacheOptions& options, const std::string& method, const std::string& name,
                 std::string* answer = nullptr) {
  Result<std::string> query = query_of(options);
  if (!query) return fail_with(query.error());
  if (options.all) query = "?all=1";
  const Result<AdminReply> reply = ask_admin(options.data, method, name + *query);
  if (!reply) return fail_with(reply.error());
  (reply->status == 200 ? std::cout : std::cerr) << reply->body;
  if (answer != nullptr) *answer = reply->body;
  return exit_code_of_status(reply->status);
}

int run_drop(const CacheOptions& options) {
  std::string answer;
  const int exit_code = run_question(options, "POST", "cache-drop", &answer);
  const nlohmann::json told = nlohmann::json::parse(answer, nullptr, false);
  const bool is_whole =
      !told.is_object() || told.value("unreached", nlohmann::json::array()).empty();
  if (exit_code != kExitDone || is_whole) return exit_code;
  std::cerr << "cairn: not every node was told: repeat this when all of them answer\n";
  return kExitFailed;
}

std::string progress_text(std::string_view line) {
  return fmt::format("{} objects, {}: {} were there, {} fetched", number_in(line, "objects"),
                     human_size(number_in(line, "bytes")), human_size(number_in(line, "cached")),
                     human_size(number_in(line, "fetched")));
}

int run_warm(const CacheOptions& options) {
  Result<std::string> query = query_of(options);
  if (!query) return fail_with(query.error());
  if (!options.range.empty()) *query += "&range=" + percent_encoded(options.range);
  if (options.pin) *query += "&pin=1";
  const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  std::string last;
  const auto on_line = [&](std::string_view line) {
    last = line;
    if (is_terminal) std::cerr << "\r\033[K" << progress_text(line) << std::flush;
    return true;
  };
  const Result<AdminReply> reply =
      ask_admin_lines(options.data, "POST", "cache-warm" + *query, on_line);
  if (is_terminal) std::cerr << "\r\033[K";
  if (!reply) return fail_with(reply.error());
  const bool done = last.starts_with("{\"done\":true");
  (done ? std::cout : std::cerr) << last << "\n";
  if (reply->status != 200) return exit_code_of_status(reply->status);
  if (!done) return kExitFailed;
  if (const uint64_t left = number_in(last, "not_pinned"); left > 0) {
    std::cerr << "cairn: pins have no room for " << human_size(left)
              << " of it: unpin something, or make the tier larger\n";
    return kExitFailed;
  }
  return kExitDone;
}

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      CacheOptions& options, bool needs_location) {
  CLI::App* const command = parent.add_subcommand(name, help);
  add_data_option(*command, options.data);
  CLI::Option* const location = command->add_option(
      "location", options.location, "s3://BUCKET/PREFIX: every object whose key begins so");
  if (needs_location) location->required();
  return command;
}

}  // namespace

void add_cache_command(CLI::App& app, int& exit_code) {
  CLI::App* const cache = app.add_subcommand("cache", "What the cache tiers hold");
  cache->require_subcommand(1);
  // Lives as long as the callbacks.
  const auto options = std::make_shared<CacheOptions>();
  CLI::App* const warm = add_command(
      *cache, "warm", "Read objects into the caches, behind what clients ask for", *options, true);
  warm->add_flag("--pin", options->pin, "Keep them there until they are unpinned, over restarts");
  warm->add_option("--range", options->range, "Only these bytes of each, both included")
      ->option_text("FIRST-LAST");
  warm->callback([options, &exit_code] { exit_code = run_warm(*options); });
  CLI::App* const status =
      add_command(*cache, "status", "What the caches hold, and how much of some objects; JSON",
                  *options, false);
  status->callback(
      [options, &exit_code] { exit_code = run_question(*options, "GET", "cache-status"); });
  CLI::App* const drop = add_command(
      *cache, "drop", "Forget objects, and their pins; they stay in the store", *options, false);
  drop->add_flag("--all", options->all, "Everything that the caches hold");
  drop->callback([options, &exit_code] {
    if (options->all == !options->location.empty()) {
      std::cerr << "cairn: name s3://BUCKET/PREFIX, or --all\n";
      exit_code = kExitUsage;
      return;
    }
    exit_code = run_drop(*options);
  });
  CLI::App* const unpin =
      add_command(*cache, "unpin", "Let the caches give up what was pinned", *options, true);
  unpin->callback(
      [options, &exit_code] { exit_code = run_question(*options, "POST", "cache-unpin"); });
}

}  // namespace cairn::cli
