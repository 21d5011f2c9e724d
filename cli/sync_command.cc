#include "cli/sync_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>

#include "cli/content_compare.h"
#include "cli/filter_flags.h"
#include "cli/remover.h"
#include "cli/sync_plan.h"
#include "cli/transfer_runner.h"

namespace cairn::cli {
namespace {

struct SyncFlags {
  ClientFlags client;
  ObjectFlags object;
  std::string from;
  std::string to;
  Filters filters;
  bool deletes = false;
  bool is_dry_run = false;
  bool skips_links = false;
  bool by_size = false;
  bool by_exact_time = false;
  bool by_content = false;

  SyncBy by() const {
    if (by_content) return SyncBy::kContent;
    if (by_size) return SyncBy::kSize;
    return by_exact_time ? SyncBy::kExactTime : SyncBy::kTime;
  }
};

class Sync {
 public:
  Sync(Session& session, const SyncFlags& flags, Location from, Location to)
      : session_(session), flags_(flags), from_(std::move(from)), to_(std::move(to)) {}

  io::Task<Status> run() {
    TreeOptions options;
    options.filters = &flags_.filters;
    options.links = flags_.skips_links ? Links::kSkip : Links::kFollow;
    const std::vector<TreeEntry> source =
        co_await io::or_return(read_tree(session_, from_, options));
    // A link in a target directory is not followed: what it leads to is not ours.
    options.links = Links::kSkip;
    Result<std::vector<TreeEntry>> target = co_await read_tree(session_, to_, options);
    const bool is_new_directory =
        !target && to_.is_local() && target.error().code == Code::kNotFound;
    if (is_new_directory) target = std::vector<TreeEntry>();
    if (!target) co_return std::unexpected(target.error());
    SyncPlan plan = plan_sync(source, *target, flags_.by());
    co_await io::or_return(compare(plan));
    std::vector<TransferItem> items = plan_tree(from_, to_, plan.copies);
    if (flags_.is_dry_run) {
      for (const TransferItem& item : items) show_dry_run(session_, item, false);
    } else {
      RunOptions run_options;
      run_options.object = flags_.object;
      TransferRunner runner(session_, std::move(run_options));
      failed_count_ = co_await runner.run(std::move(items));
    }
    if (flags_.deletes) co_await remove_all(plan.deletions);
    co_return Status();
  }

 private:
  // Adds those of the same size whose content differs, or cannot be told, to the copies.
  io::Task<Status> compare(SyncPlan& plan) {
    for (const SyncPlan::Pair& pair : plan.to_compare) {
      const Location from = inside_folder(from_, pair.from.relative_path);
      const Location to = inside_folder(to_, pair.to.relative_path);
      std::optional<bool> is_equal;
      if (from.is_s3() && to.is_s3()) {
        is_equal = co_await io::or_return(
            objects_equal(session_, from.bucket, from.key, to.bucket, to.key));
      } else {
        const Location& object = from.is_s3() ? from : to;
        const Location& file = from.is_s3() ? to : from;
        is_equal = co_await io::or_return(
            file_equals_object(session_, file.path, object.bucket, object.key));
      }
      if (!is_equal.value_or(false)) plan.copies.push_back(pair.from);
      if (session_.is_stopped()) co_return fail(Code::kCancelled, "interrupted");
    }
    co_return Status();
  }

  io::Task<void> remove_all(const std::vector<TreeEntry>& entries) {
    if (failed_count_ > 0 || session_.is_stopped()) {
      if (!entries.empty())
        session_.console().warning("nothing was deleted, for not all is copied");
      co_return;
    }
    Remover remover(session_, to_.bucket);
    for (const TreeEntry& entry : entries) {
      const Location victim = inside_folder(to_, entry.relative_path);
      if (flags_.is_dry_run) {
        session_.console().result("(dryrun) delete: " + victim.text(),
                                  JsonLine("would-delete").add("location", victim.text()));
      } else if (to_.is_s3()) {
        transfer::DeleteKey key{victim.key, ""};
        co_await remover.add(std::move(key));
      } else {
        remove_file(entry, victim);
      }
    }
    co_await remover.finish();
  }

  void remove_file(const TreeEntry& entry, const Location& victim) {
    const Result<std::string> path = find_path_inside(to_.path, entry.relative_path);
    if (!path) return session_.report(path.error());
    if (::unlink(path->c_str()) != 0) {
      return session_.report(errno_error(errno, "cannot delete " + victim.text()));
    }
    session_.console().exit_codes().add_success();
    session_.console().note("delete: " + victim.text(),
                            JsonLine("deleted").add("location", victim.text()));
  }

  Session& session_;
  const SyncFlags& flags_;
  const Location from_;
  const Location to_;
  size_t failed_count_ = 0;
};

io::Task<void> sync(Session& session, const SyncFlags& flags) {
  const Result<Location> from = parse_location(flags.from);
  const Result<Location> to = parse_location(flags.to);
  Status valid = flags.object.check();
  if (!from) valid = std::unexpected(from.error());
  if (!to) valid = std::unexpected(to.error());
  if (valid && (from->is_stream() || to->is_stream() || (!from->is_s3() && !to->is_s3()) ||
                (from->is_s3() && from->bucket.empty()) || (to->is_s3() && to->bucket.empty()))) {
    valid = fail(Code::kInvalidArgument,
                 "expected two folders, at least one of them s3://BUCKET/PREFIX");
  }
  if (!valid) {
    session.report(valid.error());
    co_return;
  }
  Sync work(session, flags, as_folder(*from), as_folder(*to));
  const Status done = co_await work.run();
  if (!done) session.report(done.error());
}

}  // namespace

void add_sync_command(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<SyncFlags>();
  CLI::App* command =
      app.add_subcommand("sync", "Copy what is new or changed from one folder to another");
  command->add_option("source", flags->from, "A directory or s3://BUCKET/PREFIX")->required();
  command->add_option("target", flags->to, "The same")->required();
  command->add_flag("--delete", flags->deletes, "Delete in the target what the source has not");
  command->add_flag("--dryrun", flags->is_dry_run, "Show what would be done");
  CLI::Option* by_size =
      command->add_flag("--size-only", flags->by_size, "The same size means the same");
  CLI::Option* by_time =
      command->add_flag("--exact-timestamps", flags->by_exact_time, "Another time means changed");
  CLI::Option* by_content =
      command->add_flag("--checksum", flags->by_content, "Compare content by checksums, not times");
  by_size->excludes(by_time)->excludes(by_content);
  by_time->excludes(by_content);
  command->add_flag("--no-follow-symlinks", flags->skips_links, "Pass over symbolic links");
  add_filter_flags(*command);
  flags->client.add_to(*command);
  flags->client.add_transfer_flags_to(*command);
  flags->object.add_to(*command);
  command->callback([flags, command, &exit_code] {
    flags->filters = given_filters(*command);
    exit_code =
        run_client(flags->client, [flags](Session& session) { return sync(session, *flags); });
  });
}

}  // namespace cairn::cli
