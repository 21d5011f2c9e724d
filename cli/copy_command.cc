#include "cli/copy_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <set>

#include "cli/filter_flags.h"
#include "cli/human.h"
#include "cli/object_stream.h"
#include "cli/stream_upload.h"
#include "cli/transfer_plan.h"
#include "cli/transfer_runner.h"

namespace cairn::cli {
namespace {

struct CopyFlags {
  ClientFlags client;
  ObjectFlags object;
  std::vector<std::string> places;  // Sources, then the target.
  Filters filters;
  std::string version_id;
  std::string expected_size;
  std::string copy_cutoff;
  bool is_recursive = false;
  bool is_dry_run = false;
  bool skips_links = false;
  bool removes_sources = false;
};

struct Places {
  std::vector<Location> from;
  Location to;
};

Result<Places> places_of(const CopyFlags& flags) {
  Places places;
  for (const std::string& text : flags.places) {
    Result<Location> location = parse_location(text);
    if (!location) return std::unexpected(location.error());
    if (location->is_s3() && location->bucket.empty()) {
      return fail(Code::kInvalidArgument, "\"" + text + "\" names no bucket");
    }
    places.from.push_back(std::move(*location));
  }
  places.to = std::move(places.from.back());
  places.from.pop_back();
  const bool is_many = places.from.size() > 1;
  const Location& first = places.from.front();
  for (const Location& from : places.from) {
    if (!from.is_s3() && !places.to.is_s3()) {
      return fail(Code::kInvalidArgument, "neither side is on S3: write s3://BUCKET/KEY for one");
    }
    if (from.kind != first.kind) {
      return fail(Code::kInvalidArgument, "files and objects cannot be sources of one command");
    }
    const bool is_stream = from.is_stream() || places.to.is_stream();
    if (is_stream && (is_many || flags.is_recursive || flags.removes_sources)) {
      return fail(Code::kInvalidArgument, "\"-\" stands for one object, copied without -r");
    }
    if (from.is_s3() && from.key.empty() && !flags.is_recursive) {
      return fail(Code::kInvalidArgument, from.text() + " is a bucket: give -r to take all of it");
    }
  }
  if (is_many && flags.is_recursive) {
    return fail(Code::kInvalidArgument, "with -r there is one source");
  }
  if (is_many && !names_folder(places.to)) {
    return fail(Code::kInvalidArgument,
                "several sources go into a folder: end the target with '/'");
  }
  return places;
}

io::Task<void> copy_stream(Session& session, const CopyFlags& flags, Places places) {
  const Location& from = places.from.front();
  if (places.to.is_stream()) {
    ObjectName name{from.bucket, from.key, flags.version_id};
    const transfer::S3Result<uint64_t> written =
        co_await write_object(session, std::move(name), std::nullopt, STDOUT_FILENO);
    if (!written && written.error().error.code != Code::kClosed) {
      session.report(written.error(), from.text());
    }
    co_return;
  }
  std::optional<uint64_t> expected_bytes;
  if (!flags.expected_size.empty()) {
    const Result<uint64_t> size = parse_human_size(flags.expected_size);
    if (!size) session.report(size.error());
    if (!size) co_return;
    expected_bytes = *size;
  }
  if (names_folder(places.to)) {
    session.report(
        Error{Code::kInvalidArgument, "a stream has no name: write the whole s3://BUCKET/KEY"});
    co_return;
  }
  const transfer::S3Result<transfer::PutResult> put = co_await upload_stream(
      session, STDIN_FILENO, places.to.bucket, places.to.key, flags.object, expected_bytes);
  if (!put) {
    session.report(put.error(), places.to.text());
    co_return;
  }
  JsonLine json("upload");
  json.add("from", "-")
      .add("to", places.to.text())
      .add("etag", put->etag)
      .add_if("version", put->version_id);
  session.console().note("upload: - to " + places.to.text(), json);
}

// Nothing is moved onto itself, and no two sources become the same thing.
Status check_targets(const std::vector<TransferItem>& items, bool removes_sources) {
  std::set<std::string> targets;
  for (const TransferItem& item : items) {
    const std::string target = item.to.text();
    if (removes_sources && item.from.text() == target) {
      return fail(Code::kInvalidArgument, target + " cannot be moved onto itself");
    }
    if (!targets.insert(target).second) {
      return fail(Code::kInvalidArgument, "several sources would become " + target);
    }
  }
  return {};
}

io::Task<Result<std::vector<TransferItem>>> plan(Session& session, const CopyFlags& flags,
                                                 Places places) {
  std::vector<TransferItem> items;
  const bool is_folder = names_folder(places.to);
  for (const Location& from : places.from) {
    const bool is_tree = flags.is_recursive && (from.is_s3() || is_directory(from.path));
    if (!is_tree) {
      TransferItem item = co_await io::or_return(
          plan_one(session, from, places.to, is_folder || flags.is_recursive, flags.version_id));
      items.push_back(std::move(item));
      continue;
    }
    TreeOptions options;
    options.links = flags.skips_links ? Links::kSkip : Links::kFollow;
    options.filters = &flags.filters;
    const Location folder = as_folder(from);
    const std::vector<TreeEntry> entries =
        co_await io::or_return(read_tree(session, folder, options));
    if (entries.empty() && flags.filters.empty() && from.is_s3()) {
      co_return fail(Code::kNotFound, "nothing is below " + folder.text());
    }
    items = plan_tree(folder, as_folder(places.to), entries);
  }
  co_await io::or_return(check_targets(items, flags.removes_sources));
  co_return items;
}

Result<CopyLimits> copy_limits(const std::string& cutoff) {
  CopyLimits limits;
  if (cutoff.empty()) return limits;
  const Result<uint64_t> size = parse_human_size(cutoff);
  if (!size) return std::unexpected(size.error());
  if (*size < transfer::kPartBytesMin || *size > kCopyBytesMax) {
    return fail(Code::kInvalidArgument, "--copy-cutoff is 8MiB to 5GiB");
  }
  limits.single_bytes_max = *size;
  limits.part_bytes = std::min(*size, kCopyPartBytes);
  return limits;
}

io::Task<void> copy(Session& session, const CopyFlags& flags) {
  Result<Places> places = places_of(flags);
  const Status valid = flags.object.check();
  if (!places || !valid) {
    session.report(places ? valid.error() : places.error());
    co_return;
  }
  if (places->to.is_stream() || places->from.front().is_stream()) {
    co_await copy_stream(session, flags, std::move(*places));
    co_return;
  }
  Result<std::vector<TransferItem>> items = co_await plan(session, flags, std::move(*places));
  if (!items) {
    session.report(items.error());
    co_return;
  }
  RunOptions options;
  const Result<CopyLimits> limits = copy_limits(flags.copy_cutoff);
  if (!limits) session.report(limits.error());
  if (!limits) co_return;
  options.copy = *limits;
  options.object = flags.object;
  options.removes_sources = flags.removes_sources;
  if (flags.is_dry_run) {
    for (const TransferItem& item : *items) show_dry_run(session, item, flags.removes_sources);
    co_return;
  }
  TransferRunner runner(session, std::move(options));
  co_await runner.run(std::move(*items));
}

void add_command(CLI::App& app, const std::string& name, const std::string& help,
                 bool removes_sources, int& exit_code) {
  const auto flags = std::make_shared<CopyFlags>();
  flags->removes_sources = removes_sources;
  CLI::App* command = app.add_subcommand(name, help);
  command
      ->add_option("places", flags->places,
                   "Sources and target: paths, s3://BUCKET/KEY, or \"-\" for standard input or "
                   "output")
      ->required()
      ->expected(2, 100'000)
      ->option_text("SOURCE... TARGET");
  command->add_flag("-r,--recursive", flags->is_recursive, "A folder with everything in it");
  command->add_flag("--dryrun", flags->is_dry_run, "Show what would be done");
  command->add_flag("--no-follow-symlinks", flags->skips_links, "Pass over symbolic links");
  command
      ->add_option("--copy-cutoff", flags->copy_cutoff,
                   "Objects beyond this are copied by the server in parts (5GiB)")
      ->option_text("SIZE");
  if (!removes_sources) {
    command->add_option("--version-id", flags->version_id, "This version of the source")
        ->option_text("ID");
    command
        ->add_option("--expected-size", flags->expected_size,
                     "Of standard input, when it is more than 150 GiB")
        ->option_text("SIZE");
  }
  add_filter_flags(*command);
  flags->client.add_to(*command);
  flags->client.add_transfer_flags_to(*command);
  flags->object.add_to(*command);
  command->callback([flags, command, &exit_code] {
    flags->filters = given_filters(*command);
    exit_code =
        run_client(flags->client, [flags](Session& session) { return copy(session, *flags); });
  });
}

}  // namespace

void add_copy_command(CLI::App& app, int& exit_code) {
  add_command(app, "cp", "Copy files and objects, either way", false, exit_code);
}

void add_move_command(CLI::App& app, int& exit_code) {
  add_command(app, "mv", "Copy, then remove the sources", true, exit_code);
}

}  // namespace cairn::cli
