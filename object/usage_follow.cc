#include "object/usage_follow.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "object/keys.h"
#include "object/records.h"
#include "object/signed_row.h"
#include "object/usage_count.h"

namespace cairn::object {
namespace {

// o/ or v/, the bucket's id, the rest; p/ or c/, the upload's id, a slash, the rest.
constexpr size_t kPrefixBytes = 2;
constexpr size_t kBucketIdBytes = 8;
constexpr Duration kRecountPoll = seconds(1);

Usage& operator+=(Usage& usage, const Usage& by) {
  usage.size_bytes += by.size_bytes;
  usage.versions_count += by.versions_count;
  return usage;
}

bool is_kind(std::string_view row, std::string_view kinds) {
  return row.size() > kPrefixBytes && row[1] == '/' && kinds.find(row[0]) != std::string_view::npos;
}

bool is_version(std::string_view row) {
  return is_kind(row, "ov") && row.size() > kPrefixBytes + kBucketIdBytes;
}

bool is_part(std::string_view row) {
  return is_kind(row, "pc") && row.size() > kPrefixBytes + kUploadIdDigits;
}

uint64_t bucket_of(std::string_view row) {
  return load_be<uint64_t>(as_bytes(row).data() + kPrefixBytes);
}

std::string upload_of(std::string_view row) {
  return std::string(row.substr(kPrefixBytes, kUploadIdDigits));
}

// What a row of that kind counts for; damaged ones count for nothing, here as in their absence.
Usage usage_of(std::string_view row, std::optional<std::string_view> value) {
  if (!value) return {};
  const Result<BytesView> record = peek_row(*value);
  if (!record) return {};
  if (is_version(row)) {
    const Result<Head> head = parse_head(*record);
    return head ? Usage{static_cast<int64_t>(head->info.size_bytes), 1} : Usage{};
  }
  if (row[0] == 'c') {
    const Result<NativeChunk> chunk = parse_native_chunk(*record);
    return chunk ? Usage{static_cast<int64_t>(chunk->size_bytes()), 0} : Usage{};
  }
  const Result<Part> part = parse_part(*record);
  return part ? Usage{static_cast<int64_t>(part->info.size_bytes), 0} : Usage{};
}

std::optional<UsageChange> owner_of(std::string_view value) {
  const Result<BytesView> record = peek_row(value);
  if (!record) return std::nullopt;
  const Result<BucketInfo> bucket = parse_bucket(*record);
  if (!bucket) return std::nullopt;
  return usage_change(*bucket);
}

}  // namespace

UsageFollower::UsageFollower(catalog::Catalog& catalog, UsageTable& usage)
    : catalog_(catalog), usage_(usage) {
  catalog_.add_observer(*this);
}

UsageFollower::~UsageFollower() {
  catalog_.remove_observer(*this);
}

io::Task<Status> UsageFollower::begin(const catalog::Snapshot& view) {
  catalog::ScanRequest scan;
  scan.begin = keys::buckets_alive();
  scan.end = catalog::prefix_end(scan.begin);
  while (!scan.begin.empty()) {
    const catalog::ScanPage page = co_await io::or_return(catalog_.scan(scan, &view));
    const std::lock_guard lock(mutex_);
    for (const catalog::Entry& entry : page.entries) {
      std::optional<UsageChange> owner = owner_of(entry.value);
      // Those that changed since are known already.
      if (owner) buckets_.try_emplace(bucket_of(entry.key), std::move(*owner));
    }
    scan.begin.clear();
    if (page.more && !page.entries.empty()) scan.begin = page.entries.back().key + '\0';
  }
  const std::lock_guard lock(mutex_);
  counted_at_ = view.version();
  for (const Delta& delta : std::exchange(waiting_, {})) add(delta);
  co_return Status();
}

bool UsageFollower::wants_before(std::string_view key) {
  return is_version(key) || is_part(key);
}

void UsageFollower::learn(const catalog::RowChange& change) {
  if (is_kind(change.key, "n") && change.value) {
    std::optional<UsageChange> owner = owner_of(*change.value);
    if (owner) buckets_.insert_or_assign(bucket_of(change.key), std::move(*owner));
    return;
  }
  const std::optional<keys::ParsedUpload> upload =
      is_kind(change.key, "u") ? keys::parse_upload(change.key) : std::nullopt;
  if (!upload) return;
  if (uploads_.size() >= kFollowedUploadsMax) uploads_.clear();
  uploads_.insert_or_assign(std::string(upload->upload_id), bucket_of(change.key));
}

std::optional<UsageFollower::Delta> UsageFollower::delta_of(
    const catalog::RowChange& change, const std::optional<std::string>& before_value) const {
  Delta delta;
  if (is_version(change.key)) {
    delta.bucket_id = bucket_of(change.key);
  } else if (is_part(change.key)) {
    const auto upload = uploads_.find(upload_of(change.key));
    if (upload == uploads_.end()) return std::nullopt;
    delta.bucket_id = upload->second;
  } else {
    return std::nullopt;
  }
  const Usage now = usage_of(change.key, change.value);
  const Usage before = usage_of(change.key, before_value);
  delta.by = {now.size_bytes - before.size_bytes, now.versions_count - before.versions_count};
  delta.version = change.version;
  if (delta.by == Usage()) return std::nullopt;
  return delta;
}

void UsageFollower::add(const Delta& delta) {
  if (delta.version <= *counted_at_) return;
  const auto owner = buckets_.find(delta.bucket_id);
  if (owner == buckets_.end()) return;
  UsageChange change = owner->second;
  change.by = delta.by;
  apply(change);
  if (anew_) (*anew_)[delta.bucket_id] += delta.by;
}

void UsageFollower::apply(const UsageChange& change) {
  counted_[change.bucket_id] += change.by;
  usage_.add_counted(change);  // What grows,
  UsageChange less = change;
  less.by.size_bytes = std::min<int64_t>(change.by.size_bytes, 0);
  less.by.versions_count = std::min<int64_t>(change.by.versions_count, 0);
  Result<UsageReservation> freed = usage_.reserve(std::move(less));  // and what is freed.
  if (freed) freed->keep();
}

void UsageFollower::before_apply(std::span<const catalog::RowChange> changes) {
  const std::lock_guard lock(mutex_);
  // A part's row says nothing of its bucket; the upload's, which is of the same commit, does.
  for (const catalog::RowChange& change : changes) learn(change);
  for (size_t i = 0; i < changes.size(); ++i) {
    const std::optional<Delta> delta = delta_of(changes[i], before_[i]);
    if (!delta) continue;
    if (counted_at_) {
      add(*delta);
    } else {
      waiting_.push_back(*delta);
    }
  }
}

void UsageFollower::after_replace() {
  const std::lock_guard lock(mutex_);
  was_read_anew_ = true;
  // What a count that runs would say of the old view is of no use, and so are changes before the
  // view of the next one.
  anew_.reset();
  waiting_.clear();
  counted_at_.reset();
}

io::Task<Status> UsageFollower::count_and_follow(Context& context,
                                                 std::shared_ptr<const catalog::Snapshot> view,
                                                 io::StopToken stop) {
  const bool is_whole = co_await io::or_return(count_usage(
      context, std::move(view),
      [this](const UsageChange& bucket) {
        const std::lock_guard lock(mutex_);
        apply(bucket);
      },
      stop));
  if (is_whole) usage_.set_counted();
  while (!stop.stop_requested()) {
    static_cast<void>(co_await io::sleep_for(kRecountPoll, stop));
    const Status recounted = co_await recount(context, stop);
    if (!recounted) {
      log::warning("usage-not-recounted",
                   {{"message", std::string_view(recounted.error().message)}});
    }
  }
  co_return Status();
}

void UsageFollower::begin_recount() {
  const std::lock_guard lock(mutex_);
  was_read_anew_ = false;
  anew_.emplace();
  // Changes wait for the view, whose own would be added to it a second time.
  waiting_.clear();
  counted_at_.reset();
}

io::Task<Status> UsageFollower::recount(Context& context, io::StopToken stop) {
  {
    const std::lock_guard lock(mutex_);
    if (!was_read_anew_) co_return Status();
  }
  begin_recount();
  const auto ask_again = [this] {
    const std::lock_guard lock(mutex_);
    was_read_anew_ = true;
    anew_.reset();
  };
  const Result<std::shared_ptr<const catalog::Snapshot>> view = co_await catalog_.snapshot();
  Status begun = view ? Status() : std::unexpected(view.error());
  if (begun) begun = co_await begin(**view);
  Result<bool> is_whole = false;
  if (begun) {
    is_whole = co_await count_usage(
        context, *view,
        [this](const UsageChange& bucket) {
          const std::lock_guard lock(mutex_);
          buckets_.try_emplace(bucket.bucket_id, bucket);
          if (anew_) (*anew_)[bucket.bucket_id] += bucket.by;
        },
        stop);
  }
  if (begun && is_whole && *is_whole) {
    end_recount();
    co_return Status();
  }
  ask_again();
  if (!begun) co_return begun;
  if (!is_whole) co_return std::unexpected(is_whole.error());
  co_return Status();
}

// Puts right what was missed; nothing, when the catalog was read anew once more.
void UsageFollower::end_recount() {
  const std::lock_guard lock(mutex_);
  if (!anew_) return;
  Totals missed = *std::exchange(anew_, std::nullopt);
  for (const auto& [bucket_id, usage] : counted_) {
    Usage& by = missed[bucket_id];
    by = {by.size_bytes - usage.size_bytes, by.versions_count - usage.versions_count};
  }
  for (const auto& [bucket_id, by] : missed) {
    const auto owner = buckets_.find(bucket_id);
    if (owner == buckets_.end() || by == Usage()) continue;
    UsageChange change = owner->second;
    change.by = by;
    apply(change);
  }
  log::info("usage-recounted");
}

}  // namespace cairn::object
