// The whole method is checked: catalogs that are wrong now and then are caught, a right one passes.
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "catalog/memory_catalog.h"
#include "tests/linear/workload.h"

namespace cairn::linear {
namespace {

enum class Fault : unsigned char { kNone, kStaleRead, kLostWrite, kDoubleCreate };

// A memory catalog that is wrong once in kFaultEvery times.
class Mutant final : public catalog::Catalog {
 public:
  explicit Mutant(Fault fault) : fault_(fault) {}

  io::Task<Result<std::optional<catalog::Entry>>> get(std::string key,
                                                      const catalog::Snapshot* view) override {
    co_await pause();
    if (fault_ == Fault::kStaleRead && is_time() && old_.contains(key)) co_return old_[key];
    Result<std::optional<catalog::Entry>> entry = co_await inner_->get(key, view);
    if (entry && random_.below(4) == 0) old_[key] = *entry;
    co_await pause();
    co_return entry;
  }
  io::Task<Result<catalog::Version>> commit(catalog::Batch batch) override {
    co_await pause();
    if (fault_ == Fault::kDoubleCreate && is_time()) batch.preconditions.clear();
    if (fault_ == Fault::kLostWrite && is_time()) batch.puts.clear();
    Result<catalog::Version> done = co_await inner_->commit(std::move(batch));
    co_await pause();
    co_return done;
  }
  io::Task<Result<catalog::ScanPage>> scan(catalog::ScanRequest request,
                                           const catalog::Snapshot* view) override {
    return inner_->scan(std::move(request), view);
  }
  io::Task<Result<std::shared_ptr<const catalog::Snapshot>>> snapshot() override {
    return inner_->snapshot();
  }
  io::Task<Result<std::vector<catalog::Change>>> tail(catalog::Version after,
                                                      size_t limit) override {
    return inner_->tail(after, limit);
  }
  io::Task<Status> close() override { return inner_->close(); }

 private:
  static constexpr uint64_t kFaultEvery = 20;
  bool is_time() { return ++calls_count_ % kFaultEvery == 0; }
  // So that calls of several clients overlap.
  io::Task<void> pause() {
    const Duration some = microseconds(static_cast<int64_t>(random_.below(300)));
    static_cast<void>(co_await io::sleep_for(some));
  }

  const Fault fault_;
  const std::unique_ptr<catalog::Catalog> inner_ = catalog::make_memory_catalog();
  SeededRandom random_{1};
  uint64_t calls_count_ = 0;
  std::map<std::string, std::optional<catalog::Entry>> old_;
};

size_t offences_of(Fault fault, uint64_t operations_min) {
  Mutant catalog(fault);
  Recorder recorder;
  std::atomic<bool> stop{false};
  std::thread timer([&] {
    for (int i = 0; i < 1000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (recorder.operations_count() >= operations_min) break;
    }
    stop = true;
  });
  const auto reactor = std::move(io::Reactor::create({}).value());
  reactor->run(run_clients(catalog, recorder, 1, 6, stop, microseconds(100)));
  timer.join();
  EXPECT_GE(recorder.totals().done, operations_min / 2);
  return recorder.count_offences(fault == Fault::kNone);
}

TEST(Mutant, ARightCatalogPasses) {
  EXPECT_EQ(offences_of(Fault::kNone, 6000), 0U);
}
TEST(Mutant, AStaleReadIsCaught) {
  EXPECT_GT(offences_of(Fault::kStaleRead, 6000), 0U);
}
TEST(Mutant, ALostWriteIsCaught) {
  EXPECT_GT(offences_of(Fault::kLostWrite, 6000), 0U);
}
TEST(Mutant, AConditionThatIsNotCheckedIsCaught) {
  EXPECT_GT(offences_of(Fault::kDoubleCreate, 6000), 0U);
}

}  // namespace
}  // namespace cairn::linear
