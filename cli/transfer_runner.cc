#include "cli/transfer_runner.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <unordered_map>

#include "cli/human.h"
#include "cli/local_tree.h"
#include "io/scope.h"
#include "transfer/native_upload.h"

namespace cairn::cli {
namespace {

// Below this one core is quicker than starting more.
constexpr uint64_t kOneCoreBytesMax = 16 * MiB;
constexpr size_t kOneCoreItemsMax = 64;
constexpr size_t kCrewMembersMax = 8;
// Small files under way at a time, by what they hold in memory.
constexpr size_t kSmallInFlightMax = 64;
constexpr uint64_t kSmallInFlightBytes = 64 * MiB;

uint64_t total_bytes(const std::vector<TransferItem>& items) {
  uint64_t sum = 0;
  for (const TransferItem& item : items) sum += item.size_bytes;
  return sum;
}

size_t crew_size(const std::vector<TransferItem>& items) {
  if (items.size() <= kOneCoreItemsMax && total_bytes(items) <= kOneCoreBytesMax) return 1;
  return std::min(transfer::usable_cores_count(), kCrewMembersMax);
}

size_t small_in_flight(const std::vector<TransferItem>& items) {
  const uint64_t mean = std::min(total_bytes(items) / items.size() + 1, transfer::kWholeBytesMax);
  return static_cast<size_t>(
      std::clamp<uint64_t>(kSmallInFlightBytes / mean, 8, kSmallInFlightMax));
}

// Empty when there is no home: then uploads do not resume.
std::string upload_journals() {
  const Environment environment = process_environment();
  std::string folder;
  if (const auto state = environment("XDG_STATE_HOME")) {
    folder = *state + "/cairn";
  } else if (const auto home = environment("HOME")) {
    folder = *home + "/.local/state/cairn";
  }
  if (folder.empty()) return {};
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(folder, error);
  if (error) return {};
  if (is_new) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  return folder;
}

// Whatever is to be said of one file that was not simply sent.
std::string savings_note(const ItemDone& done) {
  transfer::Progress saved;
  saved.bytes_instant = done.instant_bytes;
  saved.bytes_resumed = done.resumed_bytes;
  saved.bytes_deduplicated = done.deduplicated_bytes;
  const std::string text = savings_text(saved);
  return text.empty() ? "" : " (not sent: " + text + ")";
}

}  // namespace

std::string_view verb_of(const TransferItem& item, bool removes_source) {
  if (removes_source) return "move";
  if (item.from.is_s3()) return item.to.is_s3() ? "copy" : "download";
  return "upload";
}

void show_dry_run(Session& session, const TransferItem& item, bool removes_source) {
  const std::string verb(verb_of(item, removes_source));
  JsonLine json("would-" + verb);
  json.add("from", item.from.text()).add("to", item.to.text()).add("size", item.size_bytes);
  session.console().result("(dryrun) " + verb + ": " + item.from.text() + " to " + item.to.text(),
                           json);
}

void TransferRunner::succeed(const TransferItem& item, ItemDone done) {
  session_.console().exit_codes().add_success();
  const std::string_view verb = verb_of(item, options_.removes_sources);
  JsonLine json(verb);
  json.add("from", item.from.text())
      .add("to", item.to.text())
      .add("size", item.size_bytes)
      .add_if("etag", done.etag)
      .add_if("version", done.version_id)
      .add("bytes_instant", done.instant_bytes)
      .add("bytes_resumed", done.resumed_bytes)
      .add("bytes_deduplicated", done.deduplicated_bytes);
  // A copy by the server is never sent: no news.
  const std::string savings = item.from.is_s3() && item.to.is_s3() ? "" : savings_note(done);
  session_.console().note(
      std::string(verb) + ": " + item.from.text() + " to " + item.to.text() + savings, json);
  if (options_.removes_sources) moved_.push_back(&item);
  if (on_done_) on_done_(done);
}

void TransferRunner::fail_item(const TransferItem& item, const transfer::Failure& failure) {
  ++failed_count_;
  const bool is_upload = !item.from.is_s3();
  session_.report(failure, is_upload ? item.to.text() : item.from.text());
}

class TransferRunner::Uploads final : public transfer::UploadStream,
                                      public transfer::UploadOutcomes {
 public:
  Uploads(TransferRunner& runner, const std::vector<TransferItem>& items)
      : runner_(runner), items_(items) {
    for (size_t i = 0; i < items.size(); ++i) by_key_.emplace(items[i].to.key, i);
  }

  io::Task<std::optional<transfer::UploadJob>> next() override {
    if (next_ >= items_.size()) co_return std::nullopt;
    const TransferItem& item = items_[next_++];
    transfer::UploadJob job;
    job.path = item.from.path;
    job.bucket = item.to.bucket;
    job.key = item.to.key;
    job.headers = runner_.options_.object.headers(item.from.path);
    job.headers.insert(job.headers.end(), item.headers.begin(), item.headers.end());
    job.conditions = runner_.options_.object.conditions();
    co_return job;
  }

  void on_outcome(const transfer::UploadJob& job,
                  const transfer::S3Result<transfer::UploadReport>& outcome) override {
    const TransferItem& item = items_[by_key_.at(job.key)];
    if (!outcome) return runner_.fail_item(item, outcome.error());
    runner_.succeed(item, {.item = item,
                           .etag = outcome->etag,
                           .version_id = outcome->version_id,
                           .instant_bytes = outcome->instant_bytes,
                           .resumed_bytes = outcome->resumed_bytes,
                           .deduplicated_bytes = outcome->deduplicated_bytes});
  }

 private:
  TransferRunner& runner_;
  const std::vector<TransferItem>& items_;
  std::unordered_map<std::string, size_t> by_key_;
  size_t next_ = 0;
};

class TransferRunner::Downloads final : public transfer::DownloadStream,
                                        public transfer::DownloadOutcomes {
 public:
  Downloads(TransferRunner& runner, const std::vector<TransferItem>& items)
      : runner_(runner), items_(items) {}

  io::Task<std::optional<transfer::DownloadJob>> next() override {
    while (next_ < items_.size()) {
      const size_t index = next_++;
      const TransferItem& item = items_[index];
      const Result<std::string> path = target_path(item);
      if (!path) {
        runner_.fail_item(item, transfer::Failure(path.error()));
        continue;
      }
      by_path_.emplace(*path, index);
      transfer::DownloadJob job;
      job.bucket = item.from.bucket;
      job.key = item.from.key;
      job.version_id = item.version_id;
      job.path = *path;
      job.size_hint_bytes = item.size_bytes;
      job.sha256 = item.sha256;
      co_return job;
    }
    co_return std::nullopt;
  }

  void on_outcome(const transfer::DownloadJob& job,
                  const transfer::S3Result<transfer::DownloadReport>& outcome) override {
    const auto found = by_path_.find(job.path);
    const TransferItem& item = items_[found->second];
    by_path_.erase(found);
    if (!outcome) return runner_.fail_item(item, outcome.error());
    const Status finished = finish_file(item, job.path, outcome->info.modified);
    if (!finished) return runner_.fail_item(item, transfer::Failure(finished.error()));
    runner_.succeed(item, {.item = item,
                           .etag = outcome->info.etag,
                           .version_id = outcome->info.version_id,
                           .resumed_bytes = outcome->resumed_bytes});
  }

 private:
  Result<std::string> target_path(const TransferItem& item) const {
    if (!item.directory.empty()) {
      std::error_code error;
      std::filesystem::create_directories(item.directory, error);
      if (error) return std::unexpected(errno_error(error.value(), item.directory));
      return make_path_inside(item.directory, item.relative_path);
    }
    const std::filesystem::path parent = std::filesystem::path(item.to.path).parent_path();
    std::error_code error;
    if (!parent.empty()) std::filesystem::create_directories(parent, error);
    if (error) return std::unexpected(errno_error(error.value(), parent.string()));
    if (is_directory(item.to.path)) {
      return fail(Code::kAlreadyExists, item.to.path + " is a directory");
    }
    return item.to.path;
  }

  Status finish_file(const TransferItem& item, const std::string& path, WallTime modified) const {
    if (item.mode && ::fchmodat(AT_FDCWD, path.c_str(), *item.mode, 0) != 0) {
      return std::unexpected(errno_error(errno, path));
    }
    return runner_.options_.keeps_times ? set_modified(path, modified) : Status();
  }

  TransferRunner& runner_;
  const std::vector<TransferItem>& items_;
  std::unordered_map<std::string, size_t> by_path_;
  size_t next_ = 0;
};

io::Task<bool> TransferRunner::may_use_native(const std::vector<TransferItem>& items) {
  const bool has_large = std::ranges::any_of(items, [](const TransferItem& item) {
    return item.size_bytes > transfer::kSinglePutBytesMax;
  });
  if (!session_.may_use_native() || !has_large) co_return false;
  if (!session_.s3().server_is_cairn()) {
    // Whatever the answer is, it names the server.
    (void)co_await session_.s3().head_bucket(items.front().to.bucket, session_.until());
  }
  co_return session_.s3().server_is_cairn();
}

io::Task<Status> TransferRunner::run_with_crew(const std::vector<TransferItem>& items,
                                               transfer::Meter& meter) {
  transfer::CrewOptions crew_options;
  crew_options.client = session_.s3().options();
  crew_options.members_count = crew_size(items);
  const std::unique_ptr<transfer::Crew> crew =
      co_await io::or_return(transfer::Crew::open(std::move(crew_options)));
  transfer::ManyOptions many;
  many.small_in_flight_max = small_in_flight(items);
  if (items.front().from.is_s3()) {
    transfer::DownloadOptions options;
    options.check_md5 = options_.verifies_reads;
    Downloads downloads(*this, items);
    co_await transfer::download_many(*crew, downloads, options, many, downloads, meter,
                                     session_.until());
  } else {
    transfer::UploadOptions options;
    options.journal_directory = upload_journals();
    transfer::NativeDoor door({.journal_directory = options.journal_directory});
    const bool is_native = co_await may_use_native(items);
    if (is_native) options.door = &door;
    Uploads uploads(*this, items);
    co_await transfer::upload_many(*crew, uploads, std::move(options), many, uploads, meter,
                                   session_.until());
  }
  co_await crew->close();
  co_return Status();
}

io::Task<void> TransferRunner::run_copy(const TransferItem& item, transfer::Meter& meter) {
  const transfer::S3Result<std::string> etag =
      co_await copy_on_server(session_, item, options_.object, options_.copy);
  if (etag) {
    meter.add_instant(item.size_bytes);
    meter.add_done(item.size_bytes);
    meter.add_file_done();
    succeed(item, {.item = item, .etag = *etag, .instant_bytes = item.size_bytes});
  } else {
    fail_item(item, etag.error());
  }
  copy_slots_.release();
}

io::Task<void> TransferRunner::run_copies(const std::vector<TransferItem>& items,
                                          transfer::Meter& meter) {
  io::Scope scope;
  for (const TransferItem& item : items) {
    co_await copy_slots_.acquire();
    if (session_.is_stopped()) break;
    scope.spawn(run_copy(item, meter));
  }
  co_await scope.join();
}

io::Task<void> TransferRunner::remove_sources() {
  if (moved_.empty()) co_return;
  if (!moved_.front()->from.is_s3()) {
    for (const TransferItem* item : moved_) {
      if (::unlink(item->from.path.c_str()) != 0) {
        session_.report(errno_error(errno, "cannot remove " + item->from.path));
      }
    }
    co_return;
  }
  for (const TransferItem* item : moved_) {
    const transfer::S3Status removed = co_await session_.s3().remove(
        item->from.bucket, item->from.key, item->version_id, session_.until());
    if (!removed) session_.report(removed.error(), item->from.text());
  }
}

io::Task<size_t> TransferRunner::run(std::vector<TransferItem> items) {
  if (items.empty()) co_return size_t{0};
  transfer::Meter meter(&session_.console());
  meter.add_total(total_bytes(items), items.size());
  const uint64_t present_bytes = options_.instant_bytes + options_.resumed_bytes;
  meter.add_total(present_bytes, 0);
  meter.add_done(present_bytes);
  meter.add_instant(options_.instant_bytes);
  meter.add_resumed(options_.resumed_bytes);
  meter.start();
  if (items.front().from.is_s3() && items.front().to.is_s3()) {
    co_await run_copies(items, meter);
  } else {
    const Status ran = co_await run_with_crew(items, meter);
    if (!ran) session_.report(ran.error());
    if (!ran) ++failed_count_;
  }
  co_await meter.stop();
  co_await remove_sources();
  if (session_.is_stopped()) session_.report(Error{Code::kCancelled, "interrupted"});
  session_.console().finish_transfer();
  co_return failed_count_;
}

}  // namespace cairn::cli
