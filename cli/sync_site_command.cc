#include "cli/sync_site_command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/location.h"
#include "cli/session.h"
#include "cli/site_copier.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "server/config.h"

namespace cairn::cli {
namespace {

using transfer::ObjectEntry;
using transfer::or_fail;
using transfer::S3Result;
using transfer::S3Status;

constexpr size_t kSideBySide = 4;

struct SiteFlags {
  ClientFlags client;  // Of the source.
  ClientFlags target_client;
  std::string from;
  std::string to;
  std::string bandwidth;
  uint64_t interval_seconds = 10;
  bool watches = false;
  bool deletes = false;
  bool is_dry_run = false;
};

// The objects under a prefix in the order of their keys, one at a time.
class Walk {
 public:
  Walk(transfer::S3Client& client, std::string bucket, std::string prefix)
      : client_(client), bucket_(std::move(bucket)) {
    query_.prefix = std::move(prefix);
  }
  // Null at the end. Valid until the next call.
  io::Task<S3Result<const ObjectEntry*>> next(io::Until until) {
    while (at_ == page_.objects.size()) {
      if (begun_ && page_.next_token.empty()) co_return nullptr;
      page_ = co_await or_fail(client_.list_objects(bucket_, query_, page_.next_token, until));
      begun_ = true;
      at_ = 0;
    }
    co_return &page_.objects[at_++];
  }

 private:
  transfer::S3Client& client_;
  const std::string bucket_;
  transfer::ListQuery query_;
  transfer::ListPage page_;
  size_t at_ = 0;
  bool begun_ = false;
};

// Whether the target's object is not the source's. Parts may be cut otherwise there, and then the
// ETags differ for the same bytes: the time decides.
bool needs_copy(const ObjectEntry& source, const ObjectEntry& target) {
  if (source.size_bytes != target.size_bytes) return true;
  return source.etag != target.etag && source.modified > target.modified;
}

class SitePass {
 public:
  SitePass(Session& session, transfer::S3Client& to, SiteCopier& copier, const SiteFlags& flags,
           const Location& source, const Location& target)
      : session_(session),
        to_(to),
        copier_(copier),
        flags_(flags),
        source_(source),
        target_(target) {}

  io::Task<S3Status> run() {
    Walk ours(session_.s3(), source_.bucket, source_.key);
    Walk theirs(to_, target_.bucket, target_.key);
    const io::Until until = session_.until();
    const ObjectEntry* source = co_await or_fail(ours.next(until));
    const ObjectEntry* target = co_await or_fail(theirs.next(until));
    while ((source != nullptr || target != nullptr) && !session_.is_stopped()) {
      const std::string source_name = source ? name_of(source->key, source_) : std::string();
      const std::string target_name = target ? name_of(target->key, target_) : std::string();
      const bool is_source_first = !target || (source && source_name < target_name);
      const bool is_target_first = !source || (target && target_name < source_name);
      if (is_source_first || (!is_target_first && needs_copy(*source, *target))) {
        co_await add(source_name);
      } else if (is_target_first && flags_.deletes) {
        co_await remove(target->key);
      }
      if (!is_target_first) source = co_await or_fail(ours.next(until));
      if (!is_source_first) target = co_await or_fail(theirs.next(until));
    }
    co_await flush();
    co_return S3Status();
  }

 private:
  static std::string name_of(const std::string& key, const Location& folder) {
    return key.substr(folder.key.size());
  }

  io::Task<void> add(std::string name) {
    waiting_.push_back(std::move(name));
    if (waiting_.size() >= 8 * kSideBySide) co_await flush();
  }

  io::Task<void> flush() {
    next_ = 0;
    io::Scope side_by_side;
    for (size_t i = 0; i < kSideBySide; ++i) side_by_side.spawn(copy_some());
    co_await side_by_side.join();
    waiting_.clear();
  }

  io::Task<void> copy_some() {
    while (next_ < waiting_.size() && !session_.is_stopped()) {
      const std::string name = waiting_[next_++];
      const std::string shown = target_.text() + name;
      if (flags_.is_dry_run) {
        session_.console().result("(dryrun) copy: " + shown,
                                  JsonLine("would-copy").add("location", shown));
        continue;
      }
      const S3Status copied = co_await copier_.copy(
          source_.bucket, source_.key + name, target_.bucket, target_.key + name, session_.until());
      if (!copied) {
        // A source that is gone again is none to copy.
        const bool is_gone = copied.error().error.code == Code::kNotFound;
        if (!is_gone) session_.report(copied.error(), shown);
        continue;
      }
      session_.console().exit_codes().add_success();
      session_.console().note("copy: " + shown, JsonLine("copied").add("location", shown));
    }
  }

  io::Task<void> remove(std::string key) {
    const std::string shown = "s3://" + target_.bucket + "/" + key;
    if (flags_.is_dry_run) {
      session_.console().result("(dryrun) delete: " + shown,
                                JsonLine("would-delete").add("location", shown));
      co_return;
    }
    const S3Status removed =
        co_await to_.remove(target_.bucket, std::move(key), "", session_.until());
    if (!removed) {
      session_.report(removed.error(), shown);
      co_return;
    }
    session_.console().note("delete: " + shown, JsonLine("deleted").add("location", shown));
  }

  Session& session_;
  transfer::S3Client& to_;
  SiteCopier& copier_;
  const SiteFlags& flags_;
  const Location& source_;
  const Location& target_;
  std::vector<std::string> waiting_;
  size_t next_ = 0;
};

Result<std::unique_ptr<transfer::S3Client>> target_client(const SiteFlags& flags,
                                                          Console& console) {
  std::vector<std::string> warnings;
  Result<Profile> profile =
      resolve_profile(flags.target_client.profile, process_environment(), warnings);
  for (const std::string& warning : warnings) console.warning(warning);
  if (!profile) return std::unexpected(profile.error());
  Result<transfer::S3ClientOptions> options = client_options(*profile, false);
  if (!options) return std::unexpected(options.error());
  return transfer::S3Client::create(std::move(*options));
}

io::Task<void> run_passes(Session& session, const SiteFlags& flags, transfer::S3Client& to,
                          transfer::Bandwidth& bandwidth, Location source, Location target) {
  SiteCopier copier(session.s3(), to, bandwidth, session.may_use_native());
  do {
    SitePass pass(session, to, copier, flags, source, target);
    const S3Status done = co_await pass.run();
    if (!done) session.report(done.error());
    if (!flags.watches || session.is_stopped()) break;
    static_cast<void>(co_await io::sleep_for(seconds(static_cast<int64_t>(flags.interval_seconds)),
                                             session.until().stop));
  } while (!session.is_stopped());
  const transfer::StreamCounts& counts = copier.counts();
  session.console().note("sent " + std::to_string(counts.sent_bytes) + " bytes, " +
                             std::to_string(counts.saved_bytes) + " were there",
                         JsonLine("summary")
                             .add("sent_bytes", counts.sent_bytes)
                             .add("saved_bytes", counts.saved_bytes));
}

io::Task<void> sync_site(Session& session, const SiteFlags& flags) {
  const Result<Location> source = parse_bucket_location(flags.from);
  const Result<Location> target = parse_bucket_location(flags.to.empty() ? flags.from : flags.to);
  Result<uint64_t> rate = uint64_t{0};
  if (!flags.bandwidth.empty()) rate = server::parse_size(flags.bandwidth);
  Status valid;
  if (!source) valid = std::unexpected(source.error());
  if (!target) valid = std::unexpected(target.error());
  if (!rate) valid = std::unexpected(rate.error());
  if (!valid) {
    session.report(valid.error());
    co_return;
  }
  Result<std::unique_ptr<transfer::S3Client>> to = target_client(flags, session.console());
  if (!to) {
    session.report(to.error());
    co_return;
  }
  transfer::Bandwidth bandwidth(*rate);
  co_await run_passes(session, flags, **to, bandwidth, *source, *target);
  co_await (*to)->close();
}

}  // namespace

void add_sync_site_command(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<SiteFlags>();
  CLI::App* command = app.add_subcommand(
      "sync-site", "Make a bucket of another site like one of this, once or again and again");
  command->add_option("source", flags->from, "s3://BUCKET/PREFIX at --from")->required();
  command->add_option("target", flags->to, "The same at --to (default: of the same name)");
  ProfileFlags& from = flags->client.profile;
  ProfileFlags& to = flags->target_client.profile;
  const std::string group = "Sites";
  command->add_option("--from", from.endpoint, "The server to copy from")
      ->option_text("URL")
      ->group(group);
  command->add_option("--from-profile", from.profile, "Its settings made by `cairn configure`")
      ->option_text("NAME")
      ->group(group);
  command->add_option("--to", to.endpoint, "The server to copy to")
      ->option_text("URL")
      ->group(group);
  command->add_option("--to-profile", to.profile, "Its settings made by `cairn configure`")
      ->option_text("NAME")
      ->group(group);
  command->add_flag("--json", flags->client.as_json, "One JSON object per line");
  command->add_flag("--watch", flags->watches, "Pass after pass until Ctrl-C");
  command
      ->add_option("--interval", flags->interval_seconds,
                   "Seconds between passes of --watch (default 10)")
      ->option_text("N")
      ->check(CLI::Range(1, 86'400));
  command->add_option("--bandwidth", flags->bandwidth, "Bytes per second at most, such as 100MiB")
      ->option_text("SIZE");
  command->add_flag("--delete", flags->deletes, "Delete in the target what the source has not");
  command->add_flag("--dryrun", flags->is_dry_run, "Show what would be done");
  flags->client.add_transfer_flags_to(*command);
  command->callback([flags, &exit_code] {
    exit_code =
        run_client(flags->client, [flags](Session& session) { return sync_site(session, *flags); });
  });
}

}  // namespace cairn::cli
