#include "server/shared_bucket_home.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/encoding.h"
#include "catalog/commit_fence.h"
#include "object/shared_directory.h"
#include "storage/shared_bucket_store.h"
#include "storage/store_marker.h"

namespace cairn::server {
namespace {

constexpr std::string_view kFilePrefix = "s3-shared ";
constexpr size_t kFileBytesMax = 256;
constexpr size_t kIdDigits = 32;

class SharedBucketHome final : public Home {
 public:
  SharedBucketHome(storage::SharedBucketOptions options, SharedBucketIds ids, bool is_own,
                   Duration silence, Random& random)
      : options_(std::move(options)),
        ids_(ids),
        is_own_(is_own),
        silence_(silence),
        random_(random) {}

  storage::ChunkStore& store() override {
    ASSERT(store_ != nullptr);
    return *store_;
  }
  storage::StoreMetrics metrics() const override {
    return store_ != nullptr ? store_->metrics() : storage::StoreMetrics{};
  }
  void set_references(storage::ReferenceSource* references) override {
    store_->set_references(references);
  }
  Sharing sharing() const override {
    return {.store = "s3 " + to_hex(ids_.store), .is_own = is_own_, .session = {}};
  }
  bool is_given_up() const override { return directory_ != nullptr && directory_->is_over(); }
  io::Task<Result<std::unique_ptr<catalog::Catalog>>> attach(catalog::Catalog& catalog) override {
    directory_ = co_await io::or_return(
        object::SharedDirectory::open(catalog, ids_.store, ids_.node, random_, silence_));
    storage::SharedBucketOptions options = options_;
    options.directory = directory_.get();
    store_ = co_await io::or_return(storage::SharedBucketStore::open(std::move(options)));
    co_return catalog::fence_catalog(catalog, directory_->fence(),
                                     object::SharedDirectory::is_reference);
  }
  io::Task<Result<HomeSweep>> sweep(double share_max, bool dry_run) override {
    const storage::SweepReport report =
        co_await io::or_return(store_->sweep({.share_max = share_max, .dry_run = dry_run}));
    co_return HomeSweep{.objects_count = report.objects_count,
                        .orphans_count = report.orphans_count,
                        .orphan_bytes = report.orphan_bytes,
                        .dropped_count = report.condemned_count,
                        .young_count = report.young_count,
                        .strangers_count = report.strangers_count,
                        .lost_count = report.dangling_count};
  }
  io::Task<Status> close() override {
    if (store_ == nullptr) co_return Status{};
    Status closed = co_await store_->close();
    co_return closed;
  }

 private:
  const storage::SharedBucketOptions options_;
  const SharedBucketIds ids_;
  const bool is_own_;
  const Duration silence_;
  Random& random_;
  std::unique_ptr<object::SharedDirectory> directory_;
  std::unique_ptr<storage::SharedBucketStore> store_;
};

bool read_id(std::string_view digits, storage::RandomId& id) {
  const std::optional<Bytes> bytes = from_hex(digits);
  if (!bytes || bytes->size() != id.size()) return false;
  std::ranges::copy(*bytes, id.begin());
  return true;
}

Status write_ids(const DataDirectory& directory, const SharedBucketIds& ids) {
  return write_private_file(directory.home_path(), std::string(kFilePrefix) + to_hex(ids.store) +
                                                       " " + to_hex(ids.node) + "\n");
}

// What the directory knows, or ids drawn for it.
Result<SharedBucketIds> settle_ids(const DataDirectory& directory, Random& random) {
  const Result<std::string> text = read_small_file(directory.home_path(), kFileBytesMax);
  if (!text && text.error().code != Code::kNotFound) return std::unexpected(text.error());
  if (text) {
    const Result<std::optional<SharedBucketIds>> known = parse_shared_bucket_file(*text);
    if (!known) return std::unexpected(known.error().with_context(directory.home_path()));
    if (*known) return **known;
    return fail(Code::kFailedPrecondition,
                directory.path() +
                    " keeps its chunks in a home of its own: start it with the options that it was "
                    "made with, or give the cluster's server a new data directory");
  }
  if (directory.has_data()) {
    return fail(
        Code::kFailedPrecondition,
        directory.path() +
            " keeps its chunks in its own volume: start it without --home, --join and "
            "--catalog; `cairn admin migrate` moves what it has into a cluster, whose nodes "
            "have data directories of their own");
  }
  SharedBucketIds ids;
  random.fill(ids.store);
  random.fill(ids.node);
  const Status written = write_ids(directory, ids);
  if (!written) return std::unexpected(written.error());
  return ids;
}

io::Task<Result<storage::RandomId>> settle_store(storage::UpstreamPlace place,
                                                 storage::RandomId ours, bool create, bool adopt,
                                                 Random& random) {
  storage::UpstreamBreaker breaker;
  storage::StoreCounters counters;
  const std::unique_ptr<storage::Upstream> upstream = co_await io::or_return(
      storage::Upstream::create(place, breaker, counters, io::system_network(), random));
  Result<storage::RandomId> id = ours;
  if (adopt) {
    id = co_await storage::adopt_marker(*upstream, place, ours, create);
  } else {
    const Status found = co_await storage::settle_marker(
        *upstream, place, ours, storage::BucketLayout::kChunkObjects, create);
    if (!found) id = std::unexpected(found.error());
  }
  co_await upstream->close();
  co_return id;
}

}  // namespace

Result<std::optional<SharedBucketIds>> parse_shared_bucket_file(std::string_view text) {
  if (!text.starts_with(kFilePrefix)) return std::nullopt;
  text.remove_prefix(kFilePrefix.size());
  SharedBucketIds ids;
  if (text.size() != 2 * kIdDigits + 2 || text[kIdDigits] != ' ' || text.back() != '\n' ||
      !read_id(text.substr(0, kIdDigits), ids.store) ||
      !read_id(text.substr(kIdDigits + 1, kIdDigits), ids.node)) {
    return fail(Code::kCorruption, "it must read 's3-shared ' and twice 32 hex digits");
  }
  return ids;
}

io::Task<Result<std::unique_ptr<Home>>> open_shared_bucket_home(storage::UpstreamPlace place,
                                                                const Config& config,
                                                                const DataDirectory& directory,
                                                                Random& random) {
  const bool create = !directory.has_data();
  SharedBucketIds ids = co_await io::or_return(settle_ids(directory, random));
  // A server that joins others takes their store; until it is bound to their catalog, which store
  // that is may still be found out.
  const storage::RandomId store =
      co_await io::or_return(settle_store(place, ids.store, create, !directory.is_bound(), random));
  const bool is_own = store == ids.store;
  ids.store = store;
  if (!is_own) co_await io::or_return(write_ids(directory, ids));
  storage::SharedBucketOptions options;
  options.place = std::move(place);
  options.store_id = ids.store;
  options.upkeep_interval = milliseconds(static_cast<int64_t>(config.home_upkeep_ms));
  const Duration silence = config.home_silence_seconds == 0
                               ? object::DirectorySession::kSilence
                               : seconds(static_cast<int64_t>(config.home_silence_seconds));
  co_return std::make_unique<SharedBucketHome>(std::move(options), ids, is_own, silence, random);
}

}  // namespace cairn::server
