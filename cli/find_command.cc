// `cairn find`: the objects under a prefix that pass all tests.
#include <CLI/CLI.hpp>
#include <memory>

#include "base/dates.h"
#include "cli/filters.h"
#include "cli/human.h"
#include "cli/list_command.h"
#include "cli/location.h"
#include "cli/object_listing.h"

namespace cairn::cli {
namespace {

struct FindOptions {
  ClientFlags client;
  std::string where;
  std::string name;  // Of the last component.
  std::string path;  // Of the whole key.
  std::string larger;
  std::string smaller;
  std::string older;
  std::string newer;
  std::string storage_class;
};

struct Tests {
  std::string name;
  std::string path;
  uint64_t larger_than_bytes = 0;
  bool has_larger = false;
  uint64_t smaller_than_bytes = UINT64_MAX;
  int64_t before_unix_ms = INT64_MAX;
  int64_t after_unix_ms = INT64_MIN;
  std::string storage_class;

  bool pass(const transfer::ObjectEntry& object) const {
    const std::string_view key = object.key;
    const std::string_view last = key.substr(key.rfind('/') + 1);
    const std::string_view stored =
        object.storage_class.empty() ? std::string_view("STANDARD") : object.storage_class;
    return (name.empty() || glob_matches(name, last)) &&
           (path.empty() || glob_matches(path, key)) &&
           (!has_larger || object.size_bytes > larger_than_bytes) &&
           object.size_bytes < smaller_than_bytes && object.modified.unix_ms < before_unix_ms &&
           object.modified.unix_ms > after_unix_ms &&
           (storage_class.empty() || storage_class == stored);
  }
};

// "7d" = so long ago, or a date.
Result<int64_t> point_in_time(const std::string& text) {
  const std::optional<WallTime> date = parse_iso8601(text);
  if (date) return date->unix_ms;
  const Result<uint64_t> age = parse_human_duration_seconds(text);
  if (!age) {
    return fail(Code::kInvalidArgument,
                "expected an age such as 7d or a date such as 2026-01-31, "
                "not \"" +
                    text + "\"");
  }
  return system_clock().wall_now().unix_ms - static_cast<int64_t>(*age) * 1000;
}

Result<Tests> tests_of(const FindOptions& options) {
  Tests tests;
  for (const std::string& glob : {options.name, options.path}) {
    const Status valid = glob.empty() ? Status() : check_glob(glob);
    if (!valid) return std::unexpected(valid.error());
  }
  tests.name = options.name;
  tests.path = options.path;
  tests.storage_class = options.storage_class;
  const auto take = [](const std::string& text, const auto& parse, auto& into) -> Status {
    if (text.empty()) return {};
    const auto value = parse(text);
    if (!value) return std::unexpected(value.error());
    into = *value;
    return {};
  };
  const auto size = [](const std::string& text) { return parse_human_size(text); };
  tests.has_larger = !options.larger.empty();
  Status taken = take(options.larger, size, tests.larger_than_bytes);
  if (taken) taken = take(options.smaller, size, tests.smaller_than_bytes);
  if (taken) taken = take(options.older, point_in_time, tests.before_unix_ms);
  if (taken) taken = take(options.newer, point_in_time, tests.after_unix_ms);
  if (!taken) return std::unexpected(taken.error());
  return tests;
}

io::Task<void> find(Session& session, const FindOptions& options) {
  const Result<Location> where = parse_bucket_location(options.where);
  const Result<Tests> tests = tests_of(options);
  if (!where || !tests) {
    session.report(where ? tests.error() : where.error());
    co_return;
  }
  transfer::ListQuery query;
  query.prefix = where->key;
  ObjectListing listing(session, where->bucket, std::move(query));
  for (;;) {
    const transfer::S3Result<std::optional<transfer::ListPage>> page = co_await listing.next();
    if (!page) {
      session.report(page.error(), where->text());
      co_return;
    }
    if (!*page) co_return;
    for (const transfer::ObjectEntry& object : (*page)->objects) {
      if (!tests->pass(object)) continue;
      JsonLine json;
      json.add("key", object.key)
          .add("size", object.size_bytes)
          .add("modified", format_iso8601_ms(object.modified))
          .add("etag", object.etag);
      session.console().result("s3://" + where->bucket + "/" + object.key, json);
    }
  }
}

}  // namespace

void add_find_command(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<FindOptions>();
  CLI::App* command =
      app.add_subcommand("find", "The objects under a prefix that pass all tests given");
  command->add_option("location", options->where, "s3://BUCKET/PREFIX")->required();
  command->add_option("--name", options->name, "Glob for the part of the key after its last '/'")
      ->option_text("GLOB");
  command->add_option("--path", options->path, "Glob for the whole key")->option_text("GLOB");
  command->add_option("--larger", options->larger, "More bytes than this")->option_text("SIZE");
  command->add_option("--smaller", options->smaller, "Fewer bytes than this")->option_text("SIZE");
  command->add_option("--older", options->older, "Written before: 7d ago, or a date")
      ->option_text("AGE|DATE");
  command->add_option("--newer", options->newer, "Written after: 7d ago, or a date")
      ->option_text("AGE|DATE");
  command->add_option("--storage-class", options->storage_class, "STANDARD, ...")
      ->option_text("CLASS");
  options->client.add_to(*command);
  command->callback([options, &exit_code] {
    exit_code = run_client(options->client,
                           [options](Session& session) { return find(session, *options); });
  });
}

}  // namespace cairn::cli
