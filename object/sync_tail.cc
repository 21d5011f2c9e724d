#include "object/sync_tail.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "catalog/commit_apart.h"
#include "object/buckets.h"
#include "object/context.h"
#include "object/keys.h"
#include "object/signed_row.h"
#include "object/versions.h"

namespace cairn::object {
namespace {

constexpr size_t kCountPageRows = 4096;
constexpr size_t kDropPageRows = 1024;
constexpr std::string_view kSecretContext = "cairn sync secret ";

std::string secret_context(uint64_t rule_id) {
  return std::string(kSecretContext) + std::to_string(rule_id);
}

catalog::ScanRequest scan_of(std::string prefix, size_t limit) {
  catalog::ScanRequest scan;
  scan.end = catalog::prefix_end(prefix);
  scan.begin = std::move(prefix);
  scan.limit_entries = limit;
  return scan;
}

std::vector<PendingChange> changes_of(const Context& context, const catalog::ScanPage& page) {
  std::vector<PendingChange> out;
  for (const catalog::Entry& entry : page.entries) {
    const std::optional<uint64_t> sequence = keys::parse_sync_sequence(entry.key);
    if (!sequence) continue;
    PendingChange pending{*sequence, entry.key, entry.version, {}};
    const Result<OpenedRow> opened = open_row(context.keys, entry.key, entry.value);
    if (opened) {
      Result<SyncChange> change = parse_sync_change(opened->record);
      if (change) pending.change = std::move(*change);
    }
    out.push_back(std::move(pending));
  }
  return out;
}

bool is_about(const SyncRule& rule, ChangeKind kind, const ObjectInfo& info,
              std::string_view version_id, std::string_view origin) {
  if (!info.key.starts_with(rule.prefix)) return false;
  if (!origin.empty() && origin == rule.peer) return false;
  if (kind == ChangeKind::kMarker) return rule.sends_markers;
  return kind != ChangeKind::kRemoval || version_id.empty() || rule.sends_removals;
}

void subtract(std::atomic<uint64_t>& from, uint64_t count) {
  uint64_t now = from.load(std::memory_order_relaxed);
  while (!from.compare_exchange_weak(now, now - std::min(now, count))) {
  }
}

}  // namespace

bool SyncTail::wants(uint64_t bucket_id) const {
  if (!has_rules_.load(std::memory_order_acquire)) return false;
  const std::shared_ptr<const Rules> rules = snapshot();
  return std::ranges::any_of(
      *rules, [&](const KnownRule& known) { return known.rule.bucket_id == bucket_id; });
}

std::shared_ptr<const SyncTail::Rules> SyncTail::snapshot() const {
  const std::lock_guard guard(mutex_);
  return rules_;
}

// Microseconds of the wall clock, or one more than the last when the clock stood still or jumped.
uint64_t SyncTail::next_sequence(WallTime at) {
  uint64_t wall = static_cast<uint64_t>(std::max<int64_t>(at.unix_ms, 0)) * 1000;
  // Another process may number a change of the same moment.
  if (context_.catalog.is_shared()) wall += context_.random.below(kSequencesPerMs);
  uint64_t last = last_sequence_.load(std::memory_order_relaxed);
  uint64_t next;
  do {
    next = std::max(last + 1, wall);
  } while (!last_sequence_.compare_exchange_weak(last, next, std::memory_order_relaxed));
  return next;
}

bool SyncTail::has_room(SyncDepth& depth, bool is_version_removal) const {
  const uint64_t max = rows_max_.load(std::memory_order_relaxed);
  const uint64_t rows = depth.rows.load(std::memory_order_relaxed);
  if (rows < max || (is_version_removal && rows < 2 * max)) return true;
  if (is_version_removal && depth.removals_dropped.fetch_add(1) == 0) {
    log::error("sync-removal-dropped", {{"rows", rows}});
  }
  return false;
}

void SyncTail::note(const KeyScope& scope, ChangeKind kind, const ObjectInfo& info,
                    std::string_view version_id, std::string_view origin) {
  if (!has_rules_.load(std::memory_order_acquire)) return;
  const std::shared_ptr<const Rules> rules = snapshot();
  catalog::Batch& batch = scope.change.batch;
  for (const KnownRule& known : *rules) {
    const SyncRule& rule = known.rule;
    const bool concerns =
        rule.bucket_id == scope.bucket.id && is_about(rule, kind, info, version_id, origin);
    if (!concerns) continue;
    SyncDepth& depth = *known.depth;
    // Of a shared catalog the follower counts what became of it.
    if (!follower_) depth.added.fetch_add(1, std::memory_order_relaxed);
    const bool is_version_removal = kind == ChangeKind::kRemoval && !version_id.empty();
    if (!has_room(depth, is_version_removal)) {
      if (!follower_) depth.needs_comparison.store(true, std::memory_order_relaxed);
      std::string row = keys::sync_overflow(rule.id);
      // One commit of several removals names it once.
      std::erase_if(batch.puts, [&](const catalog::Put& put) { return put.key == row; });
      std::string value = sign_row(scope.tenant_keys, row, {});
      batch.puts.push_back({std::move(row), std::move(value)});
      continue;
    }
    SyncChange change;
    change.kind = kind;
    change.key = info.key;
    change.version_id = version_id;
    change.size_bytes = info.size_bytes;
    change.at = scope.context.now();
    const uint64_t sequence = next_sequence(change.at);
    std::string row = keys::sync_change(rule.id, sequence);
    std::string value = sign_row(scope.tenant_keys, row, encode_sync_change(change));
    // The commit is made anew, under another number, when it is taken.
    if (context_.catalog.is_shared()) {
      batch.preconditions.push_back(catalog::Precondition::absent(row));
    }
    batch.puts.push_back({std::move(row), std::move(value)});
    batch.puts.push_back(
        {keys::sync_pending(rule.bucket_id, info.key, version_id, rule.id, sequence), {}});
    if (follower_) continue;
    depth.rows.fetch_add(1, std::memory_order_relaxed);
    depth.bytes.fetch_add(info.size_bytes, std::memory_order_relaxed);
  }
}

std::vector<KnownRule> SyncTail::rules() const {
  return *snapshot();
}

std::optional<KnownRule> SyncTail::rule(uint64_t id) const {
  const std::shared_ptr<const Rules> rules = snapshot();
  const auto found =
      std::ranges::find_if(*rules, [&](const KnownRule& known) { return known.rule.id == id; });
  if (found == rules->end()) return std::nullopt;
  return *found;
}

void SyncTail::publish(Rules rules) {
  std::ranges::sort(rules, {}, [](const KnownRule& known) {
    return std::pair(known.rule.created.unix_ms, known.rule.id);
  });
  const bool any = !rules.empty();
  {
    const std::lock_guard guard(mutex_);
    rules_ = std::make_shared<const Rules>(std::move(rules));
  }
  has_rules_.store(any, std::memory_order_release);
}

SyncTail::SyncTail(Context& context)
    : context_(context),
      follower_(context.catalog.is_shared() ? std::make_unique<SyncFollower>(context.catalog)
                                            : nullptr),
      rule_rows_(context.catalog, {keys::all_sync_rules()}) {}

std::shared_ptr<SyncDepth> SyncTail::new_depth(uint64_t rule_id) {
  return follower_ ? follower_->depth(rule_id) : std::make_shared<SyncDepth>();
}

io::Task<Status> SyncTail::catch_up() {
  if (!is_behind()) co_return Status();
  co_return co_await load();
}

io::Task<Status> SyncTail::load() {
  const uint64_t changes_count = rule_rows_.changes_count();
  const catalog::ScanPage page =
      co_await io::or_return(context_.catalog.scan(scan_of(keys::all_sync_rules(), kSyncRulesMax)));
  Rules rules;
  for (const catalog::Entry& entry : page.entries) {
    const OpenedRow opened =
        co_await io::or_return(open_row(context_.keys, entry.key, entry.value));
    SyncRule rule = co_await io::or_return(parse_sync_rule(opened.record));
    const uint64_t id = rule.id;
    const std::optional<KnownRule> known = this->rule(id);
    rules.push_back({std::move(rule), known ? known->depth : new_depth(id)});
  }
  publish(rules);
  for (const KnownRule& known : rules) co_await io::or_return(recount(known.rule.id));
  rule_rows_.note_read(changes_count);
  co_return Status();
}

io::Task<Result<SyncCount>> SyncTail::count(uint64_t rule_id, const catalog::Snapshot* view) {
  SyncCount count;
  uint64_t last = 0;
  catalog::ScanRequest scan = scan_of(keys::sync_changes(rule_id), kCountPageRows);
  for (bool more = true; more;) {
    const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(scan, view));
    for (const PendingChange& pending : changes_of(context_, page)) {
      ++count.rows;
      if (pending.change) count.bytes += static_cast<int64_t>(pending.change->size_bytes);
      last = std::max(last, pending.sequence);
    }
    more = page.more && !page.entries.empty();
    if (more) scan.begin = page.entries.back().key + '\0';
  }
  const catalog::ScanPage failed = co_await io::or_return(
      context_.catalog.scan(scan_of(keys::sync_failures(rule_id), kCountPageRows), view));
  const std::optional<catalog::Entry> overflow =
      co_await io::or_return(context_.catalog.get(keys::sync_overflow(rule_id), view));
  const std::optional<catalog::Entry> comparison =
      co_await io::or_return(context_.catalog.get(keys::sync_comparison(rule_id), view));
  count.failures = static_cast<int64_t>(failed.entries.size());
  count.has_overflow = overflow.has_value();
  count.has_comparison = comparison.has_value();
  // A clock that was set back does not put new changes before old ones.
  uint64_t seen = last_sequence_.load();
  while (seen < last && !last_sequence_.compare_exchange_weak(seen, last)) {
  }
  co_return count;
}

io::Task<Status> SyncTail::recount(uint64_t rule_id) {
  const std::optional<KnownRule> known = rule(rule_id);
  if (!known) co_return Status();
  if (follower_) co_return co_await recount_shared(rule_id);
  const SyncCount counted = co_await io::or_return(count(rule_id, nullptr));
  known->depth->rows.store(static_cast<uint64_t>(counted.rows));
  known->depth->bytes.store(static_cast<uint64_t>(counted.bytes));
  known->depth->failures.store(static_cast<uint64_t>(counted.failures));
  known->depth->needs_comparison.store(counted.has_overflow || counted.has_comparison);
  co_return Status();
}

// What is of no use any more is left to the count that began meanwhile, or to the one that follows
// when the catalog was read anew.
io::Task<Status> SyncTail::recount_shared(uint64_t rule_id) {
  const uint64_t count_id = follower_->begin_count(rule_id);
  const std::shared_ptr<const catalog::Snapshot> view =
      co_await io::or_return(context_.catalog.snapshot());
  const SyncCount counted = co_await io::or_return(count(rule_id, view.get()));
  static_cast<void>(follower_->end_count(rule_id, count_id, view->version(), counted));
  co_return Status();
}

io::Task<Result<bool>> SyncTail::has_unheard(uint64_t bucket_id) {
  for (const KnownRule& known : rules()) {
    if (known.rule.bucket_id != bucket_id) continue;
    if (known.depth->needs_comparison.load()) co_return true;
    const std::vector<PendingChange> waiting = co_await io::or_return(read(known.rule.id, 1));
    if (!waiting.empty()) co_return true;
    uint64_t after = 0;
    while (true) {
      const std::vector<PendingChange> failed =
          co_await io::or_return(read_failures(known.rule.id, after, kCountPageRows));
      if (failed.empty()) break;
      after = failed.back().sequence;
      const bool any_removal = std::ranges::any_of(failed, [](const PendingChange& pending) {
        return pending.change && pending.change->kind == ChangeKind::kRemoval;
      });
      if (any_removal) co_return true;
    }
  }
  co_return false;
}

io::Task<Status> SyncTail::commit_rule(const SyncRule& rule, bool is_new) {
  const auto tenant_keys = co_await io::or_return(context_.keys_of(rule.tenant));
  const std::string row = keys::sync_rule(rule.id);
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    catalog::Batch batch;
    batch.puts.push_back({row, sign_row(*tenant_keys, row, encode_sync_rule(rule))});
    Generations::CommitSpan span(context_.generations);
    if (is_new) {
      const std::string overflow = keys::sync_overflow(rule.id);
      batch.puts.push_back({overflow, sign_row(*tenant_keys, overflow, {})});
      // Written anew, so that a commit which was planned before the rule was known is planned again
      // and notes its change: none falls between the comparison and the tail.
      const std::string alive = keys::bucket_alive(rule.bucket_id);
      std::optional<catalog::Entry> mode = co_await io::or_return(context_.catalog.get(alive));
      if (!mode) co_return fail(Code::kNotFound, std::string(reason::kNoSuchBucket));
      batch.preconditions.push_back(catalog::Precondition::version_is(alive, mode->version));
      batch.puts.push_back({alive, std::move(mode->value)});
      span.add(keys::bucket(rule.tenant, rule.bucket));
      span.add(keys::bucket_name(rule.bucket));
    } else {
      batch.preconditions.push_back(catalog::Precondition::present(row));
    }
    const Result<catalog::Version> done = co_await context_.catalog.commit(std::move(batch));
    if (done) co_return Status();
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
    if (!is_new) co_return fail(Code::kNotFound, "there is no such sync rule");
  }
  co_return fail(Code::kUnavailable, "the bucket changes faster than it can be configured");
}

io::Task<Result<SyncRule>> SyncTail::add_rule(SyncRule rule, std::string_view secret) {
  Rules now = rules();
  if (now.size() >= kSyncRulesMax) {
    co_return fail(Code::kResourceExhausted,
                   "there are " + std::to_string(kSyncRulesMax) + " sync rules: remove one");
  }
  const auto tenant_keys = co_await io::or_return(context_.keys_of(rule.tenant));
  rule.id = context_.random.next_u64();
  rule.created = context_.now();
  rule.sealed_secret = co_await io::or_return(
      crypto::seal_value(*tenant_keys, secret_context(rule.id), context_.random, as_bytes(secret)));
  const std::shared_ptr<SyncDepth> depth = new_depth(rule.id);
  depth->needs_comparison.store(true);
  now.push_back({rule, depth});
  publish(std::move(now));
  const Status committed = co_await commit_rule(rule, true);
  if (committed) co_return rule;
  Rules without = rules();
  std::erase_if(without, [&](const KnownRule& known) { return known.rule.id == rule.id; });
  publish(std::move(without));
  if (follower_) follower_->forget(rule.id);
  co_return std::unexpected(committed.error());
}

io::Task<Status> SyncTail::change_rule(SyncRule rule) {
  co_await io::or_return(commit_rule(rule, false));
  Rules now = rules();
  for (KnownRule& known : now) {
    if (known.rule.id == rule.id) known.rule = rule;
  }
  publish(std::move(now));
  co_return Status();
}

io::Task<Status> SyncTail::drop_rows(std::string prefix, const SyncRule& rule,
                                     bool keeps_removals) {
  catalog::ScanRequest scan = scan_of(std::move(prefix), kDropPageRows);
  for (bool more = true; more;) {
    const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(scan));
    catalog::Batch batch;
    for (const PendingChange& pending : changes_of(context_, page)) {
      const std::optional<SyncChange>& change = pending.change;
      const bool is_kept = keeps_removals && change && change->kind == ChangeKind::kRemoval;
      if (is_kept) continue;
      batch.deletes.push_back(pending.row);
      if (!change) continue;
      batch.deletes.push_back(keys::sync_pending(rule.bucket_id, change->key, change->version_id,
                                                 rule.id, pending.sequence));
    }
    more = page.more && !page.entries.empty();
    if (more) scan.begin = page.entries.back().key + '\0';
    co_await io::or_return(catalog::commit_apart(context_.catalog, std::move(batch)));
  }
  co_return Status();
}

io::Task<Status> SyncTail::remove_rule(uint64_t id) {
  const std::optional<KnownRule> known = rule(id);
  if (!known) co_return fail(Code::kNotFound, "there is no such sync rule");
  catalog::Batch batch;
  batch.deletes = {keys::sync_rule(id), keys::sync_overflow(id), keys::sync_comparison(id)};
  co_await io::or_return(context_.catalog.commit(std::move(batch)));
  Rules now = rules();
  std::erase_if(now, [&](const KnownRule& each) { return each.rule.id == id; });
  publish(std::move(now));
  co_await io::or_return(drop_rows(keys::sync_changes(id), known->rule, false));
  co_return co_await drop_rows(keys::sync_failures(id), known->rule, false);
}

Result<std::string> SyncTail::secret_of(const SyncRule& rule) const {
  const Result<Bytes> opened = crypto::open_value(
      context_.keys, rule.tenant, secret_context(rule.id), as_bytes(rule.sealed_secret));
  if (!opened) return std::unexpected(opened.error());
  return std::string(as_text(*opened));
}

io::Task<Result<std::vector<PendingChange>>> SyncTail::read(uint64_t rule_id, size_t limit) {
  const catalog::ScanPage page =
      co_await io::or_return(context_.catalog.scan(scan_of(keys::sync_changes(rule_id), limit)));
  co_return changes_of(context_, page);
}

io::Task<Result<std::vector<PendingChange>>> SyncTail::read_failures(uint64_t rule_id,
                                                                     uint64_t after, size_t limit) {
  catalog::ScanRequest scan = scan_of(keys::sync_failures(rule_id), limit);
  if (after != 0) scan.begin = keys::sync_failure(rule_id, after) + '\0';
  const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(std::move(scan)));
  co_return changes_of(context_, page);
}

io::Task<Status> SyncTail::acknowledge(const SyncRule& rule, std::vector<PendingChange> done) {
  if (done.empty()) co_return Status();
  catalog::Batch batch;
  uint64_t bytes = 0;
  for (const PendingChange& pending : done) {
    batch.deletes.push_back(pending.row);
    if (!pending.change) continue;
    bytes += pending.change->size_bytes;
    batch.deletes.push_back(keys::sync_pending(rule.bucket_id, pending.change->key,
                                               pending.change->version_id, rule.id,
                                               pending.sequence));
  }
  co_await io::or_return(catalog::commit_apart(context_.catalog, std::move(batch)));
  const std::optional<KnownRule> known = this->rule(rule.id);
  if (!known || follower_) co_return Status();
  subtract(known->depth->rows, done.size());
  subtract(known->depth->bytes, bytes);
  co_return Status();
}

io::Task<Status> SyncTail::put_aside(const SyncRule& rule, PendingChange pending,
                                     std::string reason) {
  const auto tenant_keys = co_await io::or_return(context_.keys_of(rule.tenant));
  SyncChange change = pending.change.value_or(SyncChange());
  change.reason = std::move(reason);
  ++change.attempts;
  const std::string row = keys::sync_failure(rule.id, pending.sequence);
  catalog::Batch batch;
  if (!pending.row.empty()) batch.deletes.push_back(pending.row);
  batch.puts.push_back({row, sign_row(*tenant_keys, row, encode_sync_change(change))});
  // Any value: the version's state is told as failed.
  batch.puts.push_back(
      {keys::sync_pending(rule.bucket_id, change.key, change.version_id, rule.id, pending.sequence),
       "f"});
  co_await io::or_return(context_.catalog.commit(std::move(batch)));
  const std::optional<KnownRule> known = this->rule(rule.id);
  if (!known || follower_) co_return Status();
  if (!pending.row.empty()) {
    subtract(known->depth->rows, 1);
    subtract(known->depth->bytes, change.size_bytes);
  }
  known->depth->failures.fetch_add(1);
  co_return Status();
}

io::Task<Status> SyncTail::retry_failures(SyncRule rule) {
  const auto tenant_keys = co_await io::or_return(context_.keys_of(rule.tenant));
  uint64_t after = 0;
  while (true) {
    const std::vector<PendingChange> failed =
        co_await io::or_return(read_failures(rule.id, after, kDropPageRows));
    if (failed.empty()) break;
    after = failed.back().sequence;
    catalog::Batch batch;
    for (const PendingChange& pending : failed) {
      batch.deletes.push_back(pending.row);
      if (!pending.change) continue;
      const std::string row = keys::sync_change(rule.id, pending.sequence);
      batch.puts.push_back({row, sign_row(*tenant_keys, row, encode_sync_change(*pending.change))});
      batch.puts.push_back(
          {keys::sync_pending(rule.bucket_id, pending.change->key, pending.change->version_id,
                              rule.id, pending.sequence),
           {}});
    }
    // A crash may leave a change in both places: it is sent twice then, not forgotten.
    co_await io::or_return(catalog::commit_apart(context_.catalog, std::move(batch)));
  }
  co_return co_await recount(rule.id);
}

io::Task<Status> SyncTail::ask_for_comparison(uint64_t rule_id) {
  const std::optional<KnownRule> known = rule(rule_id);
  if (!known) co_return fail(Code::kNotFound, "there is no such sync rule");
  const auto tenant_keys = co_await io::or_return(context_.keys_of(known->rule.tenant));
  const std::string row = keys::sync_overflow(rule_id);
  catalog::Batch batch;
  batch.puts.push_back({row, sign_row(*tenant_keys, row, {})});
  co_await io::or_return(context_.catalog.commit(std::move(batch)));
  if (!follower_) known->depth->needs_comparison.store(true);
  co_return Status();
}

io::Task<Result<std::optional<SyncComparison>>> SyncTail::begin_comparison(SyncRule rule) {
  using Answer = std::optional<SyncComparison>;
  const std::string row = keys::sync_comparison(rule.id);
  const std::string overflow_row = keys::sync_overflow(rule.id);
  const std::optional<catalog::Entry> kept = co_await io::or_return(context_.catalog.get(row));
  if (kept) {
    const OpenedRow opened = co_await io::or_return(open_row(context_.keys, row, kept->value));
    SyncComparison at = co_await io::or_return(parse_comparison(opened.record));
    co_return Answer(std::move(at));
  }
  const auto tenant_keys = co_await io::or_return(context_.keys_of(rule.tenant));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    const std::optional<catalog::Entry> overflow =
        co_await io::or_return(context_.catalog.get(overflow_row));
    if (!overflow) co_return Answer();
    // Room first: changes are noted again before the comparison begins.
    co_await io::or_return(drop_rows(keys::sync_changes(rule.id), rule, true));
    co_await io::or_return(recount(rule.id));
    SyncComparison at;
    at.begun = context_.now();
    catalog::Batch batch;
    batch.preconditions.push_back(
        catalog::Precondition::version_is(overflow_row, overflow->version));
    batch.deletes.push_back(overflow_row);
    batch.puts.push_back({row, sign_row(*tenant_keys, row, encode_comparison(at))});
    const Result<catalog::Version> done = co_await context_.catalog.commit(std::move(batch));
    if (done) co_return Answer(std::move(at));
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  }
  co_return fail(Code::kUnavailable, "the bucket changes faster than it can be compared");
}

io::Task<Status> SyncTail::keep_comparison(uint64_t rule_id, SyncComparison at) {
  const std::optional<KnownRule> known = rule(rule_id);
  if (!known) co_return fail(Code::kNotFound, "there is no such sync rule");
  const auto tenant_keys = co_await io::or_return(context_.keys_of(known->rule.tenant));
  const std::string row = keys::sync_comparison(rule_id);
  catalog::Batch batch;
  batch.puts.push_back({row, sign_row(*tenant_keys, row, encode_comparison(at))});
  co_await io::or_return(context_.catalog.commit(std::move(batch)));
  co_return Status();
}

io::Task<Status> SyncTail::end_comparison(uint64_t rule_id) {
  catalog::Batch batch;
  batch.deletes.push_back(keys::sync_comparison(rule_id));
  co_await io::or_return(context_.catalog.commit(std::move(batch)));
  co_return co_await recount(rule_id);
}

io::Task<Result<std::string>> SyncTail::status_of(BucketInfo bucket, std::string key,
                                                  std::string version_id) {
  bool concerns = false;
  bool compares = false;
  for (const KnownRule& known : rules()) {
    if (known.rule.bucket_id != bucket.id || !key.starts_with(known.rule.prefix)) continue;
    concerns = true;
    compares = compares || known.depth->needs_comparison.load(std::memory_order_relaxed);
  }
  if (!concerns) co_return std::string();
  const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(
      scan_of(keys::sync_pending_of(bucket.id, key, version_id), kSyncRulesMax)));
  const bool failed = std::ranges::any_of(
      page.entries, [](const catalog::Entry& entry) { return !entry.value.empty(); });
  if (failed) co_return std::string("FAILED");
  if (!page.entries.empty() || compares) co_return std::string("PENDING");
  co_return std::string("COMPLETED");
}

}  // namespace cairn::object
