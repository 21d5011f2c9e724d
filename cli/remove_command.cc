#include "cli/remove_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/filter_flags.h"
#include "cli/location.h"
#include "cli/object_listing.h"
#include "cli/remover.h"

namespace cairn::cli {
namespace {

struct RemoveOptions {
  ClientFlags client;
  std::vector<std::string> where;
  std::string version_id;
  Filters filters;
  bool is_recursive = false;
  bool has_versions = false;
  bool is_dry_run = false;
};

// Takes keys that pass the filters to the remover, or only shows them.
class Selection {
 public:
  Selection(Session& session, const RemoveOptions& options, const Location& where)
      : session_(session), options_(options), where_(where), remover_(session, where.bucket) {}

  io::Task<void> take(std::string key, std::string version_id) {
    std::string_view relative = key;
    relative.remove_prefix(std::min(where_.key.size(), relative.size()));
    if (relative.starts_with('/')) relative.remove_prefix(1);
    if (options_.is_recursive && !options_.filters.accept(relative)) co_return;
    if (options_.is_dry_run) {
      const std::string url = "s3://" + where_.bucket + "/" + key;
      JsonLine json("would-delete");
      json.add("location", url).add_if("version", version_id);
      session_.console().result("(dryrun) delete: " + url, json);
      co_return;
    }
    transfer::DeleteKey entry{std::move(key), std::move(version_id)};
    co_await remover_.add(std::move(entry));
  }
  io::Task<void> finish() { return remover_.finish(); }

 private:
  Session& session_;
  const RemoveOptions& options_;
  const Location& where_;
  Remover remover_;
};

// With -r everything below the prefix; without it the versions of one key.
io::Task<transfer::S3Status> take_versions(Session& session, const RemoveOptions& options,
                                           const Location& where, std::string prefix,
                                           Selection& selection) {
  VersionListing listing(session, where.bucket, prefix);
  for (;;) {
    std::optional<transfer::VersionPage> page = co_await transfer::or_fail(listing.next());
    if (!page) co_return transfer::S3Status();
    for (transfer::VersionEntry& version : page->versions) {
      if (!options.is_recursive && version.key != where.key) continue;
      co_await selection.take(std::move(version.key), std::move(version.version_id));
    }
  }
}

io::Task<transfer::S3Status> take_objects(Session& session, const Location& where,
                                          std::string prefix, Selection& selection) {
  transfer::ListQuery query;
  query.prefix = std::move(prefix);
  ObjectListing listing(session, where.bucket, std::move(query));
  for (;;) {
    std::optional<transfer::ListPage> page = co_await transfer::or_fail(listing.next());
    if (!page) co_return transfer::S3Status();
    for (transfer::ObjectEntry& object : page->objects) {
      co_await selection.take(std::move(object.key), "");
    }
  }
}

io::Task<void> remove_one(Session& session, const RemoveOptions& options, std::string text) {
  const Result<Location> where = parse_bucket_location(text);
  if (!where) {
    session.report(where.error());
    co_return;
  }
  if (where->key.empty() && !options.is_recursive) {
    session.report(
        Error{Code::kInvalidArgument, text + " is a bucket: give -r to delete all that is in it"});
    co_return;
  }
  // A folder, as for `cp -r`: "logs" is not "logs-old/...".
  std::string prefix = where->key;
  if (options.is_recursive && !prefix.empty() && !prefix.ends_with('/')) prefix += '/';
  Selection selection(session, options, *where);
  transfer::S3Status taken;
  if (options.has_versions) {
    taken = co_await take_versions(session, options, *where, prefix, selection);
  } else if (options.is_recursive) {
    taken = co_await take_objects(session, *where, prefix, selection);
  } else {
    co_await selection.take(where->key, options.version_id);
  }
  co_await selection.finish();
  if (!taken) session.report(taken.error(), text);
}

io::Task<void> remove(Session& session, const RemoveOptions& options) {
  if (!options.version_id.empty() && (options.is_recursive || options.where.size() != 1)) {
    session.report(Error{Code::kInvalidArgument, "--version-id belongs to one object, without -r"});
    co_return;
  }
  for (const std::string& text : options.where) {
    co_await remove_one(session, options, text);
    if (session.is_stopped()) co_return;
  }
}

}  // namespace

void add_remove_command(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<RemoveOptions>();
  CLI::App* command = app.add_subcommand("rm", "Delete objects");
  command->add_option("location", options->where, "s3://BUCKET/KEY")->required();
  command->add_flag("-r,--recursive", options->is_recursive, "Everything below the prefix");
  command->add_flag("--versions", options->has_versions,
                    "All versions and delete markers, for good");
  command->add_option("--version-id", options->version_id, "This version, for good")
      ->option_text("ID");
  command->add_flag("--dryrun", options->is_dry_run, "Show what would be deleted");
  add_filter_flags(*command);
  options->client.add_to(*command);
  command->add_flag("-q,--quiet", options->client.is_quiet, "Show errors only");
  command->callback([options, command, &exit_code] {
    options->filters = given_filters(*command);
    exit_code = run_client(options->client,
                           [options](Session& session) { return remove(session, *options); });
  });
}

}  // namespace cairn::cli
