#include "catalog/commit_fence.h"

#include <algorithm>
#include <utility>

#include "catalog/recent_view.h"

namespace cairn::catalog {
namespace {

constexpr size_t kAttemptsMax = 16;  // Behind others of this node who settle as well.

constexpr const char* kGivenUp =
    "the other nodes have given this one up, since it was silent for too long: restart it";

class FencedCatalog final : public Catalog, public RecentViews {
 public:
  FencedCatalog(Catalog& catalog, CommitFence& fence,
                std::function<bool(std::string_view key)> concerns)
      : catalog_(catalog), fence_(fence), concerns_(std::move(concerns)) {}

  io::Task<Result<std::optional<Entry>>> get(std::string key, const Snapshot* snapshot) override {
    return catalog_.get(std::move(key), snapshot);
  }
  io::Task<Result<ScanPage>> scan(ScanRequest request, const Snapshot* snapshot) override {
    return catalog_.scan(std::move(request), snapshot);
  }
  io::Task<Result<std::shared_ptr<const Snapshot>>> snapshot() override {
    return catalog_.snapshot();
  }
  io::Task<Result<Version>> commit(Batch batch) override {
    const bool concerned =
        std::ranges::any_of(batch.puts, [this](const Put& put) { return concerns_(put.key); });
    if (!concerned) return catalog_.commit(std::move(batch));
    return fence_.commit(catalog_, std::move(batch));
  }
  io::Task<Result<std::vector<Change>>> tail(Version after, size_t limit) override {
    return catalog_.tail(after, limit);
  }
  io::Task<Status> close() override { co_return Status{}; }
  bool is_shared() const override { return catalog_.is_shared(); }
  io::Task<Status> catch_up() override { return catalog_.catch_up(); }
  io::Task<Result<std::optional<Entry>>> get_recent(std::string key) override {
    return catalog_.get_recent(std::move(key));
  }
  io::Task<Result<std::shared_ptr<const Snapshot>>> recent_snapshot() override {
    return catalog::recent_snapshot(catalog_);
  }
  void add_observer(ChangeObserver& observer) override { catalog_.add_observer(observer); }
  void remove_observer(ChangeObserver& observer) override { catalog_.remove_observer(observer); }

 private:
  Catalog& catalog_;
  CommitFence& fence_;
  const std::function<bool(std::string_view key)> concerns_;
};

}  // namespace

void CommitFence::raise_version(Version to) {
  Version now = version_.load();
  while (now < to && !version_.compare_exchange_weak(now, to)) {
  }
}

std::unexpected<Error> CommitFence::given_up(Code code) {
  is_gone_.store(true, std::memory_order_relaxed);
  return fail(code, kGivenUp);
}

io::Task<Status> CommitFence::settle(Catalog& catalog) {
  const uint64_t doubts = doubts_count_.load();
  for (size_t attempt = 0; attempt < kAttemptsMax; ++attempt) {
    if (settled_count_.load() >= doubts) co_return Status{};
    const std::optional<Entry> entry = co_await io::or_return(catalog.get(row_));
    if (!entry) co_return given_up(Code::kFailedPrecondition);
    Batch batch;
    batch.preconditions.push_back(Precondition::version_is(row_, entry->version));
    batch.puts.push_back({row_, entry->value});
    const Result<Version> written = co_await catalog.commit(std::move(batch));
    if (!written && written.error().code == Code::kFailedPrecondition) continue;
    if (!written) co_return std::unexpected(written.error());
    raise_version(*written);
    uint64_t settled = settled_count_.load();
    while (settled < doubts && !settled_count_.compare_exchange_weak(settled, doubts)) {
    }
  }
  co_return fail(Code::kUnavailable, "commits without an answer cannot be settled");
}

io::Task<Result<Version>> CommitFence::commit(Catalog& catalog, Batch batch) {
  for (size_t attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const Precondition demanded = condition();
    Batch fenced = batch;
    fenced.preconditions.push_back(demanded);
    Result<Version> done = co_await catalog.commit(std::move(fenced));
    if (done) co_return done;
    if (done.error().code == Code::kUnavailable || done.error().code == Code::kIo) note_doubt();
    if (done.error().code != Code::kFailedPrecondition) co_return done;
    const std::optional<Entry> row = co_await io::or_return(catalog.get_recent(row_));
    if (!row) co_return given_up(Code::kUnavailable);
    if (row->version == demanded.version) co_return done;
    raise_version(row->version);
  }
  co_return fail(Code::kUnavailable, "commits without an answer are settled all the time");
}

std::unique_ptr<Catalog> fence_catalog(Catalog& catalog, CommitFence& fence,
                                       std::function<bool(std::string_view key)> concerns) {
  return std::make_unique<FencedCatalog>(catalog, fence, std::move(concerns));
}

}  // namespace cairn::catalog
