#include "object/sync_follow.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "object/signed_row.h"
#include "object/sync_rows.h"

namespace cairn::object {
namespace {

// jr/, jt/, jf/, jo/ and jc/, then the rule's id (object/sync_rows.h).
constexpr size_t kPrefixBytes = 3;
constexpr size_t kRuleBytes = 8;
constexpr char kRule = 'r';
constexpr char kChange = 't';
constexpr char kFailure = 'f';
constexpr char kOverflow = 'o';
constexpr char kComparison = 'c';

// The kind of a rule's row; nullopt for all others.
std::optional<char> kind_of(std::string_view row) {
  const bool is_long_enough = row.size() >= kPrefixBytes + kRuleBytes;
  if (!is_long_enough || row[0] != 'j' || row[2] != '/') return std::nullopt;
  const std::string_view kinds = "rtfoc";
  return kinds.contains(row[1]) ? std::optional(row[1]) : std::nullopt;
}

uint64_t rule_of(std::string_view row) {
  return load_be<uint64_t>(as_bytes(row).data() + kPrefixBytes);
}

// Of the object that a change is about. A damaged row counts as a change of nothing.
int64_t bytes_of(std::string_view value) {
  const Result<BytesView> record = peek_row(value);
  if (!record) return 0;
  const Result<SyncChange> change = parse_sync_change(*record);
  return change ? static_cast<int64_t>(change->size_bytes) : 0;
}

uint64_t at_least_zero(int64_t value) {
  return static_cast<uint64_t>(std::max<int64_t>(value, 0));
}

}  // namespace

SyncFollower::SyncFollower(catalog::Catalog& catalog) : catalog_(catalog) {
  catalog_.add_observer(*this);
}

SyncFollower::~SyncFollower() {
  catalog_.remove_observer(*this);
}

std::shared_ptr<SyncDepth> SyncFollower::depth(uint64_t rule_id) {
  const std::lock_guard lock(mutex_);
  return rules_[rule_id].depth;
}

void SyncFollower::forget(uint64_t rule_id) {
  const std::lock_guard lock(mutex_);
  rules_.erase(rule_id);
}

uint64_t SyncFollower::begin_count(uint64_t rule_id) {
  const std::lock_guard lock(mutex_);
  Followed& followed = rules_[rule_id];
  followed.count_id = ++count_ids_;
  followed.waiting.clear();
  return followed.count_id;
}

bool SyncFollower::end_count(uint64_t rule_id, uint64_t count_id, catalog::Version at,
                             const SyncCount& count) {
  const std::lock_guard lock(mutex_);
  const auto found = rules_.find(rule_id);
  if (found == rules_.end() || found->second.count_id != count_id) return false;
  Followed& followed = found->second;
  followed.count_id = 0;
  followed.count = count;
  for (const Delta& delta : std::exchange(followed.waiting, {})) {
    if (delta.version > at) add(followed.count, delta);
  }
  show(followed);
  return true;
}

bool SyncFollower::wants_before(std::string_view key) {
  const std::optional<char> kind = kind_of(key);
  return kind && (*kind == kChange || *kind == kFailure);
}

SyncFollower::Delta SyncFollower::delta_of(const catalog::RowChange& change,
                                           const std::optional<std::string>& before) {
  Delta delta{.rule_id = rule_of(change.key), .version = change.version};
  const int64_t by = int64_t{change.value.has_value()} - int64_t{before.has_value()};
  switch (change.key[1]) {
    case kChange:
      delta.rows = by;
      delta.bytes = (change.value ? bytes_of(*change.value) : 0) - (before ? bytes_of(*before) : 0);
      break;
    case kFailure: delta.failures = by; break;
    case kOverflow: delta.has_overflow = change.value.has_value(); break;
    case kComparison: delta.has_comparison = change.value.has_value(); break;
    default: break;
  }
  return delta;
}

void SyncFollower::add(SyncCount& count, const Delta& delta) {
  count.rows += delta.rows;
  count.bytes += delta.bytes;
  count.failures += delta.failures;
  count.has_overflow = delta.has_overflow.value_or(count.has_overflow);
  count.has_comparison = delta.has_comparison.value_or(count.has_comparison);
}

void SyncFollower::show(const Followed& followed) {
  const SyncCount& count = followed.count;
  followed.depth->rows.store(at_least_zero(count.rows));
  followed.depth->bytes.store(at_least_zero(count.bytes));
  followed.depth->failures.store(at_least_zero(count.failures));
  followed.depth->needs_comparison.store(count.has_overflow || count.has_comparison);
}

// A rule's first rows are in the commit that makes it.
void SyncFollower::learn(const catalog::RowChange& change) {
  if (kind_of(change.key) != kRule) return;
  if (change.value) {
    rules_.try_emplace(rule_of(change.key));
  } else {
    rules_.erase(rule_of(change.key));
  }
}

void SyncFollower::before_apply(std::span<const catalog::RowChange> changes) {
  coming_.clear();
  for (size_t i = 0; i < changes.size(); ++i) {
    const std::optional<char> kind = kind_of(changes[i].key);
    if (kind && *kind != kRule) coming_.push_back(delta_of(changes[i], before_[i]));
  }
}

// Who is woken by the counts finds the rows.
void SyncFollower::after_apply(std::span<const catalog::RowChange> changes) {
  const std::lock_guard lock(mutex_);
  for (const catalog::RowChange& change : changes) learn(change);
  for (const Delta& delta : std::exchange(coming_, {})) {
    const auto found = rules_.find(delta.rule_id);
    if (found == rules_.end()) continue;
    Followed& followed = found->second;
    if (followed.count_id != 0 && followed.waiting.size() >= kWaitingMax) {
      followed.count_id = 0;
      followed.waiting.clear();
    }
    if (followed.count_id != 0) followed.waiting.push_back(delta);
    add(followed.count, delta);
    if (delta.rows > 0) followed.depth->added.fetch_add(static_cast<uint64_t>(delta.rows));
    show(followed);
  }
}

// Nobody tells what changed. The rules are read, and counted, again (SyncTail::catch_up).
void SyncFollower::after_replace() {
  const std::lock_guard lock(mutex_);
  for (auto& [id, followed] : rules_) {
    followed.count_id = 0;
    followed.waiting.clear();
  }
}

}  // namespace cairn::object
