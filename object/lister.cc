#include "object/lister.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "object/keys.h"
#include "object/signed_row.h"

namespace cairn::object {
namespace {

// Walks the rows under a prefix and tells keys from common prefixes.
class Walk {
 public:
  // Keys come from rows in [begin, end); `root` is what rows have before the key.
  Walk(Context& context, std::string root, std::string prefix, std::string delimiter,
       std::string begin, size_t limit)
      : context_(context),
        root_(std::move(root)),
        prefix_(std::move(prefix)),
        delimiter_(std::move(delimiter)),
        scan_entries_(std::clamp(delimiter_.empty() ? limit + 1 : kScanEntriesMin, kScanEntriesMin,
                                 kScanEntriesMax)) {
    request_.begin = root_ + prefix_;
    if (request_.begin < begin) request_.begin = std::move(begin);
    request_.end = catalog::prefix_end(root_ + prefix_);
  }

  struct Item {
    catalog::Entry entry;       // The first row of a common prefix.
    std::string common_prefix;  // Empty for a key.
  };
  // The next key or common prefix; nullopt at the end.
  io::Task<Result<std::optional<Item>>> next();

 private:
  // The common prefix that the row's key falls under; empty when none.
  std::string common_prefix_of(std::string_view row) const {
    if (delimiter_.empty()) return {};
    // What follows the key's NUL (a version, an upload id) is no part of the key.
    const std::string_view key =
        row.substr(root_.size(), row.find('\0', root_.size()) - root_.size());
    const size_t at = key.find(delimiter_, prefix_.size());
    if (at == std::string_view::npos) return {};
    return std::string(key.substr(0, at + delimiter_.size()));
  }
  io::Task<Status> scan();

  Context& context_;
  const std::string root_;
  const std::string prefix_;
  const std::string delimiter_;
  size_t scan_entries_;
  catalog::ScanRequest request_;
  catalog::ScanPage page_;
  size_t position_ = 0;
  bool started_ = false;
};

io::Task<Status> Walk::scan() {
  if (started_ && position_ > 0) scan_entries_ = std::min(scan_entries_ * 2, kScanEntriesMax);
  started_ = true;
  request_.limit_entries = scan_entries_;
  page_ = co_await io::or_return(context_.catalog.scan(request_));
  position_ = 0;
  if (!page_.entries.empty()) request_.begin = page_.entries.back().key + '\0';
  co_return Status{};
}

io::Task<Result<std::optional<Walk::Item>>> Walk::next() {
  while (position_ == page_.entries.size()) {
    if (started_ && !page_.more) co_return std::optional<Item>();
    co_await io::or_return(scan());
  }
  Item item;
  item.common_prefix = common_prefix_of(page_.entries[position_].key);
  item.entry = std::move(page_.entries[position_++]);
  if (item.common_prefix.empty()) co_return std::optional(std::move(item));

  // Past everything under the prefix: in this page, or else by a seek.
  const std::string behind = catalog::prefix_end(root_ + item.common_prefix);
  while (position_ < page_.entries.size() && page_.entries[position_].key < behind) ++position_;
  if (position_ == page_.entries.size() && page_.more) {
    page_ = {};
    position_ = 0;
    started_ = false;
    scan_entries_ = kScanEntriesMin;
    request_.begin = std::max(request_.begin, behind);
    if (behind.empty() || request_.begin >= request_.end) started_ = true;
  }
  co_return std::optional(std::move(item));
}

// The first row that a listing after `start_after` may show.
std::string begin_after(const std::string& root, std::string_view start_after,
                        std::string_view prefix, std::string_view delimiter) {
  if (start_after.empty()) return root;
  const bool is_common_prefix =
      !delimiter.empty() && start_after.starts_with(prefix) && start_after.size() > prefix.size() &&
      start_after.find(delimiter, prefix.size()) == start_after.size() - delimiter.size() &&
      start_after.size() >= prefix.size() + delimiter.size();
  std::string row = root + std::string(start_after);
  if (is_common_prefix) return catalog::prefix_end(std::move(row));
  // Behind every version of the key: its rows go on with NUL, and no key holds one.
  row.push_back('\x01');
  return row;
}

}  // namespace

io::Task<Result<ListPage>> list_objects(Context& context, BucketInfo bucket, ListRequest request) {
  ListPage page;
  const size_t limit = std::min(request.limit, kListLimitMax);
  if (limit == 0 || request.prefix.find('\0') != std::string::npos) co_return page;
  const std::string root = keys::objects(bucket.id);
  Walk walk(context, root, request.prefix, request.delimiter,
            begin_after(root, request.start_after, request.prefix, request.delimiter), limit);
  while (true) {
    std::optional<Walk::Item> item = co_await io::or_return(walk.next());
    if (!item) break;
    if (page.objects.size() + page.common_prefixes.size() == limit) {
      page.truncated = true;
      break;
    }
    if (!item->common_prefix.empty()) {
      page.next = item->common_prefix;
      page.common_prefixes.push_back(std::move(item->common_prefix));
      continue;
    }
    const std::optional<keys::ParsedObject> parsed = keys::parse_object(item->entry.key);
    if (!parsed) co_return fail(Code::kCorruption, "an object row has a damaged key");
    const BytesView record = co_await io::or_return(peek_row(item->entry.value));
    Head head = co_await io::or_return(parse_head(record, false));
    head.info.key = std::string(parsed->key);
    if (page.objects.empty()) page.objects.reserve(limit);
    page.next = head.info.key;
    page.objects.push_back(std::move(head.info));
  }
  if (!page.truncated) page.next.clear();
  co_return page;
}

io::Task<Result<UploadListPage>> list_uploads(Context& context, BucketInfo bucket,
                                              UploadListRequest request) {
  UploadListPage page;
  const size_t limit = std::min(request.limit, kListLimitMax);
  if (limit == 0 || request.prefix.find('\0') != std::string::npos) co_return page;
  const std::string root = keys::uploads(bucket.id);
  std::string begin = begin_after(root, request.key_marker, request.prefix, request.delimiter);
  if (!request.key_marker.empty() && !request.upload_id_marker.empty()) {
    begin = keys::upload(bucket.id, request.key_marker, request.upload_id_marker) + '\0';
  }
  Walk walk(context, root, request.prefix, request.delimiter, std::move(begin), limit);
  while (true) {
    std::optional<Walk::Item> item = co_await io::or_return(walk.next());
    if (!item) break;
    if (page.uploads.size() + page.common_prefixes.size() == limit) {
      page.truncated = true;
      break;
    }
    if (!item->common_prefix.empty()) {
      page.next_key = item->common_prefix;
      page.next_upload_id.clear();
      page.common_prefixes.push_back(std::move(item->common_prefix));
      continue;
    }
    const std::optional<keys::ParsedUpload> parsed = keys::parse_upload(item->entry.key);
    if (!parsed) co_return fail(Code::kCorruption, "an upload row has a damaged key");
    const BytesView record = co_await io::or_return(peek_row(item->entry.value));
    UploadInfo upload = co_await io::or_return(parse_upload_record(record));
    upload.key = std::string(parsed->key);
    upload.upload_id = std::string(parsed->upload_id);
    page.next_key = upload.key;
    page.next_upload_id = upload.upload_id;
    page.uploads.push_back(std::move(upload));
  }
  if (!page.truncated) {
    page.next_key.clear();
    page.next_upload_id.clear();
  }
  co_return page;
}

}  // namespace cairn::object
