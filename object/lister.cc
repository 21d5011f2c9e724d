#include "object/lister.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "object/keys.h"
#include "object/lister_walk.h"
#include "object/signed_row.h"
#include "object/stale_reads.h"

namespace cairn::object {

io::Task<Result<ListPage>> list_objects(Context& context, BucketInfo bucket, ListRequest request) {
  ListPage page;
  const size_t limit = std::min(request.limit, kListLimitMax);
  if (limit == 0 || request.prefix.find('\0') != std::string::npos) co_return page;
  const std::string root = keys::objects(bucket.id);
  std::shared_ptr<const catalog::Snapshot> view;
  if (reads_stale(bucket)) view = co_await io::or_return(view_of(context, bucket));
  Walk walk(context, root, request.prefix, request.delimiter,
            begin_after(root, request.start_after, request.prefix, request.delimiter), limit,
            view.get());
  ListedParser parser;
  while (true) {
    if (!walk.has_row()) co_await io::or_return(walk.fetch());
    if (!walk.has_row()) break;
    if (page.objects.size() + page.common_prefixes.size() == limit) {
      page.truncated = true;
      break;
    }
    Walk::Item item = walk.take();
    if (!item.common_prefix.empty()) {
      page.next = item.common_prefix;
      page.common_prefixes.push_back(std::move(item.common_prefix));
      continue;
    }
    const std::optional<keys::ParsedObject> parsed = keys::parse_object(item.entry->key);
    if (!parsed) co_return fail(Code::kCorruption, "an object row has a damaged key");
    const BytesView record = co_await io::or_return(peek_row(item.entry->value));
    if (page.objects.empty()) page.objects.reserve(limit);
    ObjectInfo& info = page.objects.emplace_back();
    co_await io::or_return(parser.parse(record, info));
    info.key = parsed->key;
    page.next = info.key;
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
    if (!walk.has_row()) co_await io::or_return(walk.fetch());
    if (!walk.has_row()) break;
    if (page.uploads.size() + page.common_prefixes.size() == limit) {
      page.truncated = true;
      break;
    }
    Walk::Item item = walk.take();
    if (!item.common_prefix.empty()) {
      page.next_key = item.common_prefix;
      page.next_upload_id.clear();
      page.common_prefixes.push_back(std::move(item.common_prefix));
      continue;
    }
    const std::optional<keys::ParsedUpload> parsed = keys::parse_upload(item.entry->key);
    if (!parsed) co_return fail(Code::kCorruption, "an upload row has a damaged key");
    const BytesView record = co_await io::or_return(peek_row(item.entry->value));
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
