// Property: who takes a view of what a mirror has, over a fence, asks nobody whether it is the
// newest.
#include <gtest/gtest.h>

#include "catalog/commit_fence.h"
#include "catalog/memory_catalog.h"
#include "catalog/recent_view.h"
#include "io/reactor.h"

namespace cairn::catalog {
namespace {

// A mirror of a cluster that does not answer.
class CutOff final : public Catalog, public RecentViews {
 public:
  io::Task<Result<std::optional<Entry>>> get(std::string /*key*/,
                                             const Snapshot* /*view*/) override {
    co_return nobody_answers();
  }
  io::Task<Result<ScanPage>> scan(ScanRequest /*request*/, const Snapshot* /*view*/) override {
    co_return nobody_answers();
  }
  io::Task<Result<std::shared_ptr<const Snapshot>>> snapshot() override {
    co_return nobody_answers();
  }
  io::Task<Result<std::shared_ptr<const Snapshot>>> recent_snapshot() override {
    return inner_->snapshot();
  }
  io::Task<Result<Version>> commit(Batch /*batch*/) override { co_return nobody_answers(); }
  io::Task<Result<std::vector<Change>>> tail(Version /*after*/, size_t /*limit*/) override {
    co_return nobody_answers();
  }
  io::Task<Status> close() override { return inner_->close(); }
  bool is_shared() const override { return true; }

 private:
  static std::unexpected<Error> nobody_answers() { return fail(Code::kUnavailable, "no quorum"); }
  const std::unique_ptr<Catalog> inner_ = make_memory_catalog();
};

TEST(FencedCatalog, HasTheViewsOfItsMirror) {
  CutOff mirror;
  CommitFence fence("fence", 1);
  const std::unique_ptr<Catalog> fenced =
      fence_catalog(mirror, fence, [](std::string_view) { return false; });
  const auto reactor = std::move(io::Reactor::create({}).value());
  EXPECT_EQ(reactor->run(fenced->snapshot()).error().code, Code::kUnavailable);
  EXPECT_TRUE(reactor->run(recent_snapshot(*fenced)));
}

}  // namespace
}  // namespace cairn::catalog
