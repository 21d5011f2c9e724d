#include "object/version_lister.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "object/keys.h"
#include "object/lister_walk.h"
#include "object/rows.h"
#include "object/signed_row.h"
#include "object/stale_reads.h"

namespace cairn::object {
namespace {

// A walk with its next item at hand.
class Peeked {
 public:
  explicit Peeked(Walk walk) : walk_(std::move(walk)) {}

  // Takes the next row of those that were read already; without one, fill() has to be called.
  Status step() {
    is_filled_ = walk_.has_row();
    if (!is_filled_) return {};
    item_ = walk_.take();
    if (is_prefix()) return {};
    const std::optional<keys::ParsedObject> parsed = keys::parse_object(item_.entry->key);
    if (!parsed) return fail(Code::kCorruption, "an object row has a damaged key");
    key_ = parsed->key;
    return {};
  }
  bool needs_rows() const { return !is_filled_ && !walk_.at_end(); }
  io::Task<Status> fill() {
    co_await io::or_return(walk_.fetch());
    co_return step();
  }
  bool at_end() const { return !is_filled_; }  // Of a walk that was filled.
  // The key or the common prefix.
  const std::string& key() const { return is_prefix() ? item_.common_prefix : key_; }
  bool is_prefix() const { return !item_.common_prefix.empty(); }
  const catalog::Entry& entry() const { return *item_.entry; }

 private:
  Walk walk_;
  Walk::Item item_;
  std::string key_;
  bool is_filled_ = false;
};

// Where the version rows behind the marker begin. Where the marker's version is the current one, or
// is not known any more, that is at the key's newest version row, or behind the whole key.
io::Task<Result<std::string>> begin_in_key(Context& context, const BucketInfo& bucket,
                                           const VersionListRequest& request) {
  const std::string& key = request.key_marker;
  std::optional<uint64_t> order = order_of(request.version_id_marker);
  if (request.version_id_marker == kNullVersionId) {
    const std::optional<HeadRow> row =
        co_await io::or_return(find_version(context, bucket, key, request.version_id_marker));
    if (row) order = row->head.order;
  }
  if (!order) co_return keys::versions_of(bucket.id, key) + '\xff';
  co_return keys::version(bucket.id, key, *order) + '\0';
}

class VersionLister final : public VersionCursor {
 public:
  // The versions are those of the snapshot's moment; no scan is longer than `scan_max`.
  VersionLister(Context& context, BucketInfo bucket, VersionListRequest request,
                std::shared_ptr<const catalog::Snapshot> snapshot, size_t scan_max)
      : context_(context),
        bucket_(std::move(bucket)),
        request_(std::move(request)),
        snapshot_(std::move(snapshot)),
        scan_max_(scan_max) {}

  // Awaited once, before next().
  io::Task<Status> start();
  io::Task<Result<VersionListPage>> next(size_t limit) override;

 private:
  io::Task<Status> fill();
  // Takes the first of the two walks, or both where they stand at one common prefix.
  Status take();
  Status add(const Peeked& from, bool is_current);

  Context& context_;
  const BucketInfo bucket_;
  const VersionListRequest request_;
  const std::shared_ptr<const catalog::Snapshot> snapshot_;
  const size_t scan_max_;
  std::optional<Peeked> current_;
  std::optional<Peeked> others_;
  std::string last_key_;  // Of which a version was shown, on this page or the one before.
  ListedParser parser_;
  VersionListPage page_;
};

io::Task<Status> VersionLister::start() {
  const size_t limit = std::min(request_.limit, kListLimitMax);
  const std::string current_root = keys::objects(bucket_.id);
  const std::string others_root = keys::versions(bucket_.id);
  const auto begin = [&](const std::string& root) {
    return begin_after(root, request_.key_marker, request_.prefix, request_.delimiter);
  };
  std::string others_begin = begin(others_root);
  if (!request_.key_marker.empty() && !request_.version_id_marker.empty()) {
    others_begin = co_await io::or_return(begin_in_key(context_, bucket_, request_));
    last_key_ = request_.key_marker;
  }
  // A page is a few keys where each has many versions, and the rows of such keys are slow to pass:
  // the catalog holds what they were before. So few at first, and then twice as many each time.
  current_.emplace(Walk(context_, current_root, request_.prefix, request_.delimiter,
                        begin(current_root), kScanEntriesMin, snapshot_.get(), scan_max_));
  others_.emplace(Walk(context_, others_root, request_.prefix, request_.delimiter,
                       std::move(others_begin), limit, snapshot_.get(), scan_max_));
  co_return Status{};
}

io::Task<Status> VersionLister::fill() {
  if (current_->needs_rows()) co_await io::or_return(current_->fill());
  if (others_->needs_rows()) co_await io::or_return(others_->fill());
  co_return Status{};
}

Status VersionLister::add(const Peeked& from, bool is_current) {
  const Result<BytesView> record = peek_row(from.entry().value);
  if (!record) return std::unexpected(record.error());
  ObjectInfo& info = page_.versions.emplace_back();
  const Status parsed = parser_.parse(*record, info);
  if (!parsed) return parsed;
  info.key = from.key();
  if (info.version_id.empty()) info.version_id = kNullVersionId;  // Written unversioned.
  info.is_latest = is_current || info.key != last_key_;
  last_key_ = page_.next_key = info.key;
  page_.next_version_id = info.version_id;
  return {};
}

Status VersionLister::take() {
  const bool current_first =
      !current_->at_end() && (others_->at_end() || current_->key() <= others_->key());
  Peeked& from = current_first ? *current_ : *others_;
  if (!from.is_prefix()) {
    const Status added = add(from, current_first);
    return added ? from.step() : added;
  }
  const std::string prefix = from.key();
  page_.next_key = prefix;
  page_.next_version_id.clear();
  page_.common_prefixes.push_back(prefix);
  for (Peeked* const walk : {&*current_, &*others_}) {
    if (walk->at_end() || walk->key() != prefix) continue;
    const Status stepped = walk->step();
    if (!stepped) return stepped;
  }
  return {};
}

io::Task<Result<VersionListPage>> VersionLister::next(size_t limit) {
  page_ = {};
  page_.versions.reserve(std::min(limit, kScanEntriesMin));
  limit = std::min(limit, kListLimitMax);
  if (limit == 0 || request_.prefix.find('\0') != std::string::npos) co_return std::move(page_);
  while (true) {
    co_await io::or_return(fill());
    if (current_->at_end() && others_->at_end()) break;
    if (page_.versions.size() + page_.common_prefixes.size() == limit) {
      page_.truncated = true;
      break;
    }
    co_await io::or_return(take());
  }
  if (!page_.truncated) {
    page_.next_key.clear();
    page_.next_version_id.clear();
  }
  co_return std::move(page_);
}

}  // namespace

io::Task<Result<VersionListPage>> list_versions(Context& context, BucketInfo bucket,
                                                VersionListRequest request) {
  const size_t limit = request.limit;
  // One view: a version may be on its way between the two kinds of rows.
  std::shared_ptr<const catalog::Snapshot> view = co_await io::or_return(view_of(context, bucket));
  VersionLister lister(context, std::move(bucket), std::move(request), std::move(view),
                       kScanEntriesMax);
  co_await io::or_return(lister.start());
  co_return co_await lister.next(limit);
}

io::Task<Result<std::unique_ptr<VersionCursor>>> walk_versions(Context& context, BucketInfo bucket,
                                                               VersionListRequest request) {
  if (request.limit == 0) co_return fail(Code::kInvalidArgument, "a walk reads no rows at once");
  std::shared_ptr<const catalog::Snapshot> snapshot =
      co_await io::or_return(context.catalog.snapshot());
  const size_t scan_max = std::min(request.limit, kListLimitMax);
  auto lister = std::make_unique<VersionLister>(context, std::move(bucket), std::move(request),
                                                std::move(snapshot), scan_max);
  co_await io::or_return(lister->start());
  co_return std::unique_ptr<VersionCursor>(std::move(lister));
}

}  // namespace cairn::object
