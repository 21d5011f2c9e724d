#include "catalog/memory_catalog.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace cairn::catalog {
namespace {

// The values of one key, oldest first; nullopt = deleted at that version.
struct Revision {
  Version version = 0;
  std::optional<std::string> value;
};
using History = std::vector<Revision>;

struct State {
  std::mutex mutex;  // Guards everything below.
  std::map<std::string, History> keys;
  std::deque<Change> changes;
  Version version = 0;
  Version forgotten = 0;             // Changes up to this version are gone.
  std::multiset<Version> snapshots;  // Versions that some snapshot shows.
  bool closed = false;
};

class MemorySnapshot final : public Snapshot {
 public:
  explicit MemorySnapshot(std::shared_ptr<State> state) : state_(std::move(state)) {
    const std::lock_guard lock(state_->mutex);
    version_ = state_->version;
    state_->snapshots.insert(version_);
  }
  ~MemorySnapshot() override {
    const std::lock_guard lock(state_->mutex);
    state_->snapshots.erase(state_->snapshots.find(version_));
  }
  MemorySnapshot(const MemorySnapshot&) = delete;
  MemorySnapshot& operator=(const MemorySnapshot&) = delete;
  Version version() const override { return version_; }

 private:
  std::shared_ptr<State> state_;
  Version version_ = 0;
};

// The revision that a reader at `version` sees; null when the key is absent there.
const Revision* visible(const History& history, Version version) {
  for (auto at = history.rbegin(); at != history.rend(); ++at) {
    if (at->version <= version) return at->value ? &*at : nullptr;
  }
  return nullptr;
}

class MemoryCatalog final : public Catalog {
 public:
  explicit MemoryCatalog(MemoryOptions options) : options_(options) {}

  io::Task<Result<std::optional<Entry>>> get(std::string key, const Snapshot* snapshot) override {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->keys.find(key);
    std::optional<Entry> entry;
    if (found != state_->keys.end()) {
      const Revision* revision = visible(found->second, version_at(snapshot));
      if (revision != nullptr) entry = Entry{key, *revision->value, revision->version};
    }
    co_return std::move(entry);
  }

  io::Task<Result<ScanPage>> scan(ScanRequest request, const Snapshot* snapshot) override {
    const std::lock_guard lock(state_->mutex);
    ScanPage page;
    if (!request.end.empty() && request.begin >= request.end) co_return std::move(page);
    const auto begin = state_->keys.lower_bound(request.begin);
    const auto end =
        request.end.empty() ? state_->keys.end() : state_->keys.lower_bound(request.end);
    const Version version = version_at(snapshot);
    if (request.reverse) {
      collect(std::make_reverse_iterator(end), std::make_reverse_iterator(begin), request, version,
              page);
    } else {
      collect(begin, end, request, version, page);
    }
    co_return std::move(page);
  }

  io::Task<Result<std::shared_ptr<const Snapshot>>> snapshot() override {
    co_return std::make_shared<const MemorySnapshot>(state_);
  }

  io::Task<Result<Version>> commit(Batch batch) override {
    const std::lock_guard lock(state_->mutex);
    if (state_->closed) co_return fail(Code::kUnavailable, "the catalog is closed");
    for (const Precondition& precondition : batch.preconditions) {
      if (!holds(precondition)) co_return fail(Code::kFailedPrecondition, "precondition");
    }
    if (!batch.puts.empty() || !batch.deletes.empty()) apply(std::move(batch));
    co_return state_->version;
  }

  io::Task<Result<std::vector<Change>>> tail(Version after, size_t limit) override {
    const std::lock_guard lock(state_->mutex);
    if (after < state_->forgotten) {
      co_return fail(Code::kOutOfRange, "the history no longer reaches back that far");
    }
    const auto begin = std::upper_bound(
        state_->changes.begin(), state_->changes.end(), after,
        [](Version version, const Change& change) { return version < change.version; });
    const auto available = static_cast<size_t>(state_->changes.end() - begin);
    const auto count = static_cast<std::ptrdiff_t>(std::min(limit, available));
    co_return std::vector<Change>(begin, begin + count);
  }

  io::Task<Status> close() override {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    co_return Status();
  }

 private:
  Version version_at(const Snapshot* snapshot) const {
    return snapshot != nullptr ? snapshot->version() : state_->version;
  }

  template <typename Iterator>
  static void collect(Iterator at, Iterator end, const ScanRequest& request, Version version,
                      ScanPage& page) {
    size_t bytes = 0;
    for (; at != end; ++at) {
      const Revision* revision = visible(at->second, version);
      if (revision == nullptr) continue;
      if (page.entries.size() >= request.limit_entries || bytes >= request.limit_bytes) {
        page.more = true;
        return;
      }
      Entry& entry = page.entries.emplace_back();
      entry.key = at->first;
      if (!request.keys_only) entry.value = *revision->value;
      entry.version = revision->version;
      bytes += entry.key.size() + entry.value.size();
    }
  }

  bool holds(const Precondition& precondition) const {
    if (precondition.kind == Precondition::Kind::kRangeEmpty) {
      auto at = state_->keys.lower_bound(precondition.key);
      for (; at != state_->keys.end(); ++at) {
        if (!precondition.end.empty() && at->first >= precondition.end) return true;
        if (visible(at->second, state_->version) != nullptr) return false;
      }
      return true;
    }
    const auto found = state_->keys.find(precondition.key);
    const Revision* now =
        found == state_->keys.end() ? nullptr : visible(found->second, state_->version);
    switch (precondition.kind) {
      case Precondition::Kind::kAbsent: return now == nullptr;
      case Precondition::Kind::kPresent: return now != nullptr;
      default: return now != nullptr && now->version == precondition.version;
    }
  }

  void apply(Batch batch) {
    const Version version = ++state_->version;
    for (const Put& put : batch.puts) write(put.key, put.value, version);
    for (const std::string& key : batch.deletes) write(key, std::nullopt, version);
    state_->changes.push_back(Change{version, std::move(batch.puts), std::move(batch.deletes)});
    if (state_->changes.size() > options_.history_commits_max) {
      state_->forgotten = state_->changes.front().version;
      state_->changes.pop_front();
    }
  }

  // Adds a revision and drops those that no snapshot can see any more.
  void write(const std::string& key, std::optional<std::string> value, Version version) {
    History& history = state_->keys[key];
    std::erase_if(history, [version](const Revision& old) { return old.version == version; });
    history.push_back(Revision{version, std::move(value)});
    const Version oldest =
        state_->snapshots.empty() ? version : std::min(version, *state_->snapshots.begin());
    while (history.size() > 1 && history[1].version <= oldest) history.erase(history.begin());
    if (history.size() == 1 && !history[0].value) state_->keys.erase(key);
  }

  const MemoryOptions options_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace

std::unique_ptr<Catalog> make_memory_catalog(MemoryOptions options) {
  return std::make_unique<MemoryCatalog>(options);
}

}  // namespace cairn::catalog
