#include "cli/list_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/dates.h"
#include "cli/human.h"
#include "cli/location.h"
#include "cli/object_listing.h"

namespace cairn::cli {
namespace {

struct ListOptions {
  ClientFlags client;
  std::string where = "s3://";
  bool is_recursive = false;
  bool is_long = false;
  bool is_human = false;
  bool has_versions = false;
  bool has_summary = false;
};

struct Totals {
  uint64_t objects_count = 0;
  uint64_t size_bytes = 0;
};

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

std::string size_text(uint64_t size_bytes, bool is_human) {
  return padded(is_human ? human_size(size_bytes) : std::to_string(size_bytes), 10);
}

// As aws-cli: names are relative to the folder that is listed, keys whole with -r.
std::string_view shown_name(std::string_view key, const Location& where, bool is_recursive) {
  if (is_recursive) return key;
  const size_t slash = where.key.rfind('/');
  return slash == std::string::npos ? key : key.substr(slash + 1);
}

io::Task<transfer::S3Status> list_buckets(Session& session) {
  const std::vector<transfer::BucketEntry> buckets =
      co_await transfer::or_fail(session.s3().list_buckets(session.until()));
  for (const transfer::BucketEntry& bucket : buckets) {
    JsonLine json;
    json.add("type", "bucket")
        .add("name", bucket.name)
        .add("created", format_iso8601_ms(bucket.created));
    session.console().result(local_time_text(bucket.created) + " " + bucket.name, json);
  }
  co_return transfer::S3Status();
}

void show_object(Session& session, const ListOptions& options, const Location& where,
                 const transfer::ObjectEntry& object) {
  JsonLine json;
  json.add("type", "object")
      .add("key", object.key)
      .add("size", object.size_bytes)
      .add("modified", format_iso8601_ms(object.modified))
      .add("etag", object.etag)
      .add_if("storage_class", object.storage_class);
  std::string line =
      local_time_text(object.modified) + " " + size_text(object.size_bytes, options.is_human) + " ";
  if (options.is_long) {
    line += (object.storage_class.empty() ? "STANDARD" : object.storage_class) + " " + object.etag +
            " ";
  }
  line += shown_name(object.key, where, options.is_recursive);
  session.console().result(line, json);
}

io::Task<transfer::S3Status> list_versions(Session& session, const ListOptions& options,
                                           Location where, Totals& totals) {
  VersionListing listing(session, where.bucket, where.key);
  for (;;) {
    const std::optional<transfer::VersionPage> page = co_await transfer::or_fail(listing.next());
    if (!page) co_return transfer::S3Status();
    for (const transfer::VersionEntry& version : page->versions) {
      ++totals.objects_count;
      totals.size_bytes += version.size_bytes;
      JsonLine json;
      json.add("type", version.is_delete_marker ? "delete-marker" : "version")
          .add("key", version.key)
          .add("version", version.version_id)
          .add("latest", version.is_latest)
          .add("size", version.size_bytes)
          .add("modified", format_iso8601_ms(version.modified))
          .add_if("etag", version.etag);
      const std::string size = version.is_delete_marker
                                   ? padded("DEL", 10)
                                   : size_text(version.size_bytes, options.is_human);
      session.console().result(local_time_text(version.modified) + " " + size + " " +
                                   version.version_id + (version.is_latest ? " * " : "   ") +
                                   version.key,
                               json);
    }
  }
}

io::Task<transfer::S3Status> list_objects(Session& session, const ListOptions& options,
                                          Location where, Totals& totals) {
  transfer::ListQuery query;
  query.prefix = where.key;
  if (!options.is_recursive) query.delimiter = "/";
  ObjectListing listing(session, where.bucket, std::move(query));
  for (;;) {
    const std::optional<transfer::ListPage> page = co_await transfer::or_fail(listing.next());
    if (!page) co_return transfer::S3Status();
    for (const std::string& prefix : page->prefixes) {
      ++totals.objects_count;
      JsonLine json;
      json.add("type", "prefix").add("key", prefix);
      session.console().result(padded("PRE ", 31) + std::string(shown_name(prefix, where, false)),
                               json);
    }
    for (const transfer::ObjectEntry& object : page->objects) {
      ++totals.objects_count;
      totals.size_bytes += object.size_bytes;
      show_object(session, options, where, object);
    }
  }
}

io::Task<void> list(Session& session, const ListOptions& options) {
  const Result<Location> where = parse_location(options.where);
  if (!where || !where->is_s3()) {
    session.report(where ? Error{Code::kInvalidArgument, "expected s3://BUCKET/PREFIX"}
                         : where.error());
    co_return;
  }
  if (where->bucket.empty()) {
    const transfer::S3Status listed = co_await list_buckets(session);
    if (!listed) session.report(listed.error());
    co_return;
  }
  Totals totals;
  transfer::S3Status listed;
  if (options.has_versions) {
    listed = co_await list_versions(session, options, *where, totals);
  } else {
    listed = co_await list_objects(session, options, *where, totals);
  }
  if (!listed) {
    session.report(listed.error(), where->text());
    co_return;
  }
  if (totals.objects_count == 0 && !where->key.empty()) {
    session.report(Error{Code::kNotFound, "nothing is there"}, where->text());
  }
  if (options.has_summary) {
    JsonLine json("summary");
    json.add("objects", totals.objects_count).add("size", totals.size_bytes);
    session.console().result(
        "\nTotal Objects: " + std::to_string(totals.objects_count) + "\n   Total Size: " +
            (options.is_human ? human_size(totals.size_bytes) : std::to_string(totals.size_bytes)),
        json);
  }
}

struct UsageOptions {
  ClientFlags client;
  std::vector<std::string> where;
  bool is_human = false;
  bool has_versions = false;
};

io::Task<transfer::S3Result<Totals>> count(Session& session, Location where, bool has_versions) {
  Totals totals;
  if (has_versions) {
    VersionListing listing(session, where.bucket, where.key);
    for (;;) {
      const std::optional<transfer::VersionPage> page = co_await transfer::or_fail(listing.next());
      if (!page) co_return totals;
      for (const transfer::VersionEntry& version : page->versions) {
        totals.size_bytes += version.size_bytes;
        ++totals.objects_count;
      }
    }
  }
  transfer::ListQuery query;
  query.prefix = where.key;
  ObjectListing listing(session, where.bucket, std::move(query));
  for (;;) {
    const std::optional<transfer::ListPage> page = co_await transfer::or_fail(listing.next());
    if (!page) co_return totals;
    for (const transfer::ObjectEntry& object : page->objects) {
      totals.size_bytes += object.size_bytes;
      ++totals.objects_count;
    }
  }
}

io::Task<void> usage(Session& session, const UsageOptions& options) {
  for (const std::string& text : options.where) {
    const Result<Location> where = parse_bucket_location(text);
    if (!where) {
      session.report(where.error());
      continue;
    }
    const transfer::S3Result<Totals> totals = co_await count(session, *where, options.has_versions);
    if (!totals) {
      session.report(totals.error(), text);
      continue;
    }
    JsonLine json;
    json.add("location", where->text())
        .add("size", totals->size_bytes)
        .add("objects", totals->objects_count);
    session.console().result(size_text(totals->size_bytes, options.is_human) + " " +
                                 std::to_string(totals->objects_count) +
                                 " objects: " + where->text(),
                             json);
  }
}

}  // namespace

void add_list_command(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<ListOptions>();
  CLI::App* command = app.add_subcommand("ls", "List buckets, prefixes and objects");
  command->add_option("location", options->where, "s3://BUCKET/PREFIX; left out = all buckets");
  command->add_flag("-r,--recursive", options->is_recursive, "Everything below, not one level");
  command->add_flag("-l,--long", options->is_long, "With storage class and ETag");
  command->add_flag("-H,--human-readable,--human", options->is_human, "Sizes such as 1.5 GiB");
  command->add_flag("--versions", options->has_versions, "All versions and delete markers");
  command->add_flag("--summarize", options->has_summary, "Number and size of all, at the end");
  options->client.add_to(*command);
  command->callback([options, &exit_code] {
    exit_code = run_client(options->client,
                           [options](Session& session) { return list(session, *options); });
  });
}

void add_usage_command(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<UsageOptions>();
  CLI::App* command = app.add_subcommand("du", "Number and size of the objects under a prefix");
  command->add_option("location", options->where, "s3://BUCKET/PREFIX")->required();
  command->add_flag("-H,--human-readable,--human", options->is_human, "Sizes such as 1.5 GiB");
  command->add_flag("--versions", options->has_versions, "Count all versions");
  options->client.add_to(*command);
  command->callback([options, &exit_code] {
    exit_code = run_client(options->client,
                           [options](Session& session) { return usage(session, *options); });
  });
}

}  // namespace cairn::cli
