// A catalog in memory that the power can go off under.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catalog/memory_catalog.h"
#include "io/sim_file_system.h"

namespace cairn::testing_support {

// Commits in memory whose durability lies on the simulated disk: a commit during which the power
// goes off is applied or not, by the seed, and never acknowledged.
class JournalledCatalog final : public catalog::Catalog {
 public:
  JournalledCatalog(io::SimFileSystem& disk, uint64_t seed)
      : rows_(catalog::make_memory_catalog()), disk_(disk), random_(seed) {}

  io::Task<Result<std::optional<catalog::Entry>>> get(std::string key,
                                                      const catalog::Snapshot* snapshot) override {
    co_await io::or_return(powered());
    co_return co_await rows_->get(std::move(key), snapshot);
  }
  io::Task<Result<catalog::ScanPage>> scan(catalog::ScanRequest request,
                                           const catalog::Snapshot* snapshot) override {
    co_await io::or_return(powered());
    co_return co_await rows_->scan(std::move(request), snapshot);
  }
  io::Task<Result<std::shared_ptr<const catalog::Snapshot>>> snapshot() override {
    co_await io::or_return(powered());
    co_return co_await rows_->snapshot();
  }
  io::Task<Result<catalog::Version>> commit(catalog::Batch batch) override {
    co_await io::or_return(powered());
    const Status journalled = co_await journal();
    if (journalled) co_return co_await rows_->commit(std::move(batch));
    if (random_.below(2) == 0) (void)co_await rows_->commit(std::move(batch));
    co_return std::unexpected(journalled.error());
  }
  io::Task<Result<std::vector<catalog::Change>>> tail(catalog::Version after,
                                                      size_t limit) override {
    co_return co_await rows_->tail(after, limit);
  }
  io::Task<Status> close() override { co_return Status{}; }

 private:
  Status powered() const {
    return disk_.is_cut() ? Status(fail(Code::kIo, "simulated power cut")) : Status{};
  }
  io::Task<Status> journal() {
    std::unique_ptr<io::File> file =
        co_await io::or_return(disk_.open("/journal", {.write = true, .create = true}));
    const Bytes record(64);
    co_await io::or_return(file->write_all(record, 0));
    co_await io::or_return(file->sync_data());
    co_return Status{};
  }

  std::unique_ptr<catalog::Catalog> rows_;
  io::SimFileSystem& disk_;
  SeededRandom random_;
};

}  // namespace cairn::testing_support
