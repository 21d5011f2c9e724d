#include "cli/object_listing.h"

#include <iterator>

#include "cli/local_tree.h"

namespace cairn::cli {

using transfer::or_fail;
using transfer::S3Result;

io::Task<S3Result<std::optional<transfer::ListPage>>> ObjectListing::next() {
  if (is_done_) co_return std::nullopt;
  transfer::ListPage page =
      co_await or_fail(session_.s3().list_objects(bucket_, query_, token_, session_.until()));
  // A server that tells the same token again would be asked for ever.
  is_done_ = page.next_token.empty() || page.next_token == token_;
  token_ = page.next_token;
  co_return std::optional(std::move(page));
}

io::Task<S3Result<std::vector<transfer::ObjectEntry>>> list_all(Session& session,
                                                                std::string bucket,
                                                                std::string prefix) {
  transfer::ListQuery query;
  query.prefix = std::move(prefix);
  ObjectListing listing(session, std::move(bucket), std::move(query));
  std::vector<transfer::ObjectEntry> objects;
  for (;;) {
    std::optional<transfer::ListPage> page = co_await or_fail(listing.next());
    if (!page) co_return objects;
    objects.insert(objects.end(), std::make_move_iterator(page->objects.begin()),
                   std::make_move_iterator(page->objects.end()));
    if (objects.size() > kTreeFilesMax) {
      co_return std::unexpected(transfer::Failure(
          {Code::kResourceExhausted, "more than 20 million objects in one command"}));
    }
  }
}

io::Task<S3Result<std::optional<transfer::VersionPage>>> VersionListing::next() {
  if (is_done_) co_return std::nullopt;
  transfer::VersionPage page = co_await or_fail(session_.s3().list_versions(
      bucket_, prefix_, key_marker_, version_marker_, session_.until()));
  is_done_ = page.next_key.empty() ||
             (page.next_key == key_marker_ && page.next_version == version_marker_);
  key_marker_ = page.next_key;
  version_marker_ = page.next_version;
  co_return std::optional(std::move(page));
}

}  // namespace cairn::cli
