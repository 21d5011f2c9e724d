#include "cli/bucket_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/location.h"
#include "cli/object_listing.h"
#include "cli/remover.h"

namespace cairn::cli {
namespace {

struct BucketOptions {
  ClientFlags client;
  std::vector<std::string> buckets;
  bool is_forced = false;
};

Result<std::string> bucket_of(const std::string& text) {
  const Result<Location> location = parse_bucket_location(text);
  if (!location) return std::unexpected(location.error());
  if (!location->key.empty()) {
    return fail(Code::kInvalidArgument, "\"" + text + "\" names more than a bucket");
  }
  return location->bucket;
}

io::Task<void> make_buckets(Session& session, const BucketOptions& options) {
  for (const std::string& text : options.buckets) {
    const Result<std::string> bucket = bucket_of(text);
    if (!bucket) {
      session.report(bucket.error());
      continue;
    }
    const transfer::S3Status made = co_await session.s3().create_bucket(*bucket, session.until());
    if (!made) {
      session.report(made.error(), text);
      continue;
    }
    session.console().exit_codes().add_success();
    session.console().note("make_bucket: " + *bucket, JsonLine("made").add("bucket", *bucket));
  }
}

// Every version, delete marker and unfinished upload of a bucket.
io::Task<transfer::S3Status> empty_bucket(Session& session, std::string bucket) {
  Remover remover(session, bucket);
  VersionListing listing(session, bucket, "");
  transfer::S3Status listed;
  for (;;) {
    const transfer::S3Result<std::optional<transfer::VersionPage>> page = co_await listing.next();
    if (!page) listed = std::unexpected(page.error());
    if (!page || !*page) break;
    for (const transfer::VersionEntry& version : (*page)->versions) {
      // "null" is the version of a bucket without versions; servers without them know no id.
      transfer::DeleteKey key{version.key, version.version_id};
      co_await remover.add(std::move(key));
    }
  }
  co_await remover.finish();
  if (!listed) co_return listed;
  std::string key_marker;
  std::string id_marker;
  for (;;) {
    const transfer::UploadsPage page = co_await transfer::or_fail(
        session.s3().list_uploads(bucket, "", key_marker, id_marker, session.until()));
    for (const transfer::UploadEntry& upload : page.uploads) {
      co_await transfer::or_fail(
          session.s3().abort_upload(bucket, upload.key, upload.upload_id, session.until()));
    }
    if (page.next_key.empty()) co_return transfer::S3Status();
    key_marker = page.next_key;
    id_marker = page.next_upload_id;
  }
}

io::Task<void> remove_buckets(Session& session, const BucketOptions& options) {
  for (const std::string& text : options.buckets) {
    const Result<std::string> bucket = bucket_of(text);
    if (!bucket) {
      session.report(bucket.error());
      continue;
    }
    transfer::S3Status removed;
    if (options.is_forced) removed = co_await empty_bucket(session, *bucket);
    if (removed) removed = co_await session.s3().delete_bucket(*bucket, session.until());
    if (!removed) {
      session.report(removed.error(), text);
      if (removed.error().code == "BucketNotEmpty" && !options.is_forced) {
        session.console().hint("--force deletes what is in it, every version of it");
      }
      continue;
    }
    session.console().exit_codes().add_success();
    session.console().note("remove_bucket: " + *bucket, JsonLine("removed").add("bucket", *bucket));
  }
}

}  // namespace

void add_bucket_commands(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<BucketOptions>();
  CLI::App* make = app.add_subcommand("mb", "Make buckets");
  CLI::App* remove = app.add_subcommand("rb", "Remove empty buckets");
  for (CLI::App* command : {make, remove}) {
    command->add_option("bucket", options->buckets, "s3://BUCKET")->required();
    options->client.add_to(*command);
    command->add_flag("-q,--quiet", options->client.is_quiet, "Show errors only");
  }
  remove->add_flag("--force", options->is_forced,
                   "With everything in them: all versions and unfinished uploads");
  make->callback([options, &exit_code] {
    exit_code = run_client(options->client,
                           [options](Session& session) { return make_buckets(session, *options); });
  });
  remove->callback([options, &exit_code] {
    exit_code = run_client(
        options->client, [options](Session& session) { return remove_buckets(session, *options); });
  });
}

}  // namespace cairn::cli
