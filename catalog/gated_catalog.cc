#include "catalog/gated_catalog.h"

#include <algorithm>
#include <utility>

#include "io/reactor.h"

namespace cairn::catalog {
namespace {

constexpr Duration kLook = milliseconds(1);

// Counted while it lives, also when the coroutine that holds it is destroyed.
class Counted {
 public:
  explicit Counted(std::atomic<uint64_t>& count) : count_(count) { count_.fetch_add(1); }
  ~Counted() { count_.fetch_sub(1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<uint64_t>& count_;
};

}  // namespace

io::Task<void> GatedCatalog::shut() {
  is_shut_.store(true);
  while (commits_under_way_.load() != 0) {
    static_cast<void>(co_await io::sleep_for(kLook));
  }
}

bool GatedCatalog::is_exempt(const Batch& batch) const {
  const auto exempt = [this](std::string_view row) { return exempt_ != nullptr && exempt_(row); };
  return std::ranges::all_of(batch.puts, exempt, &Put::key) &&
         std::ranges::all_of(batch.deletes, exempt);
}

io::Task<Result<Version>> GatedCatalog::commit(Batch batch) {
  // Counted before the look: whoever shuts the gate looks at the count afterwards.
  const Counted under_way(commits_under_way_);
  if (is_shut_.load() && !is_exempt(batch)) {
    co_return fail(Code::kUnavailable, "this server takes no writes: its data is moving");
  }
  co_return co_await inner_->commit(std::move(batch));
}

io::Task<Result<std::optional<Entry>>> GatedCatalog::get(std::string key,
                                                         const Snapshot* snapshot) {
  return inner_->get(std::move(key), snapshot);
}

io::Task<Result<ScanPage>> GatedCatalog::scan(ScanRequest request, const Snapshot* snapshot) {
  return inner_->scan(std::move(request), snapshot);
}

io::Task<Result<std::shared_ptr<const Snapshot>>> GatedCatalog::snapshot() {
  return inner_->snapshot();
}

io::Task<Result<std::vector<Change>>> GatedCatalog::tail(Version after, size_t limit) {
  return inner_->tail(after, limit);
}

io::Task<Status> GatedCatalog::close() {
  return inner_->close();
}

io::Task<Status> GatedCatalog::catch_up() {
  return inner_->catch_up();
}

io::Task<Result<std::optional<Entry>>> GatedCatalog::get_recent(std::string key) {
  return inner_->get_recent(std::move(key));
}

}  // namespace cairn::catalog
