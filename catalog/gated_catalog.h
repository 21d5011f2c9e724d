// A catalog whose commits can be refused from one moment on, while reads go on: how a server's
// data is brought to rest before somebody else takes over.
//
// Thread rule: any reactor; shut() and open() by one caller at a time.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "catalog/catalog.h"
#include "catalog/recent_view.h"

namespace cairn::catalog {

class GatedCatalog final : public Catalog, public RecentViews {
 public:
  // Commits of rows that are `exempt` only are taken at any time; null: none is.
  using Exempt = bool (*)(std::string_view row);
  explicit GatedCatalog(std::unique_ptr<Catalog> inner, Exempt exempt = nullptr)
      : inner_(std::move(inner)), exempt_(exempt) {}

  // From now on commits that would change something are refused with kUnavailable. Completes when
  // those that had begun are over: what was acknowledged is in tail() then, and nothing comes
  // after.
  io::Task<void> shut();
  // Commits are taken again.
  void open() { is_shut_.store(false); }
  bool is_shut() const { return is_shut_.load(); }

  io::Task<Result<std::optional<Entry>>> get(std::string key,
                                             const Snapshot* snapshot = nullptr) override;
  io::Task<Result<ScanPage>> scan(ScanRequest request, const Snapshot* snapshot = nullptr) override;
  io::Task<Result<std::shared_ptr<const Snapshot>>> snapshot() override;
  io::Task<Result<Version>> commit(Batch batch) override;
  io::Task<Result<std::vector<Change>>> tail(Version after, size_t limit) override;
  io::Task<Status> close() override;
  bool is_shared() const override { return inner_->is_shared(); }
  io::Task<Status> catch_up() override;
  io::Task<Result<std::optional<Entry>>> get_recent(std::string key) override;
  io::Task<Result<std::shared_ptr<const Snapshot>>> recent_snapshot() override {
    return catalog::recent_snapshot(*inner_);
  }
  void add_observer(ChangeObserver& observer) override { inner_->add_observer(observer); }
  void remove_observer(ChangeObserver& observer) override { inner_->remove_observer(observer); }

 private:
  bool is_exempt(const Batch& batch) const;

  std::unique_ptr<Catalog> inner_;
  const Exempt exempt_;
  std::atomic<bool> is_shut_{false};
  std::atomic<uint64_t> commits_under_way_{0};
};

}  // namespace cairn::catalog
