#include "gateway/copy_source.h"

#include <algorithm>
#include <cstring>

#include "gateway/reply.h"
#include "s3/conditions.h"
#include "s3/range_header.h"

namespace cairn::gateway {
namespace {

using s3::Call;
using s3::or_fail;
using s3::S3Code;
using s3::S3Result;
using s3::S3Status;

constexpr std::string_view kMetaPrefix = "x-amz-meta-";

S3Status check_source_conditions(const Call& call, const Source& source) {
  const object::Conditions conditions = s3::parse_copy_source_conditions(call.view, call.now());
  const s3::Evaluation evaluation =
      s3::evaluate_copy_source(conditions, source.etag, source.modified);
  if (evaluation.verdict != s3::Verdict::kFailed) return {};
  return std::unexpected(s3::precondition_failed(evaluation.condition));
}

object::ObjectMetadata metadata_of(const ObjectFacts& facts) {
  object::ObjectMetadata metadata;
  metadata.content_type = facts.content_type;
  const std::pair<std::string_view, std::string*> plain[] = {
      {"cache-control", &metadata.cache_control},
      {"content-disposition", &metadata.content_disposition},
      {"content-encoding", &metadata.content_encoding},
      {"content-language", &metadata.content_language},
      {"expires", &metadata.expires}};
  for (const auto& [name, value] : facts.headers) {
    for (const auto& [wanted, into] : plain) {
      if (name == wanted) *into = value;
    }
    if (name.starts_with(kMetaPrefix)) metadata.user[name.substr(kMetaPrefix.size())] = value;
  }
  return metadata;
}

}  // namespace

Status Source::start(ByteRange range) {
  if (local != nullptr) return local->start(range);
  remote->start(range);
  return {};
}

io::Task<Result<Buffer>> Source::next() {
  return local != nullptr ? local->next() : remote->next();
}

io::Task<S3Result<Source>> open_local_source(Served& served, object::BucketInfo bucket,
                                             s3::CopySource named) {
  const Call& call = served.call;
  Result<std::unique_ptr<object::ObjectReader>> opened =
      co_await served.services.objects.open(bucket, named.key, named.version_id.value_or(""));
  if (!opened) {
    co_return std::unexpected(s3::translate_named(call, opened.error(), named.bucket, named.key));
  }
  const object::ObjectInfo& info = (*opened)->info();
  Source source;
  source.size_bytes = info.size_bytes;
  source.etag = info.etag;
  source.modified = info.modified;
  source.metadata = info.metadata;
  source.metadata.tags.clear();
  source.local = std::move(*opened);
  co_await or_fail(check_source_conditions(call, source));
  co_return source;
}

io::Task<S3Result<Source>> open_remote_source(Served& served, std::shared_ptr<Link> link,
                                              s3::CopySource named) {
  const Call& call = served.call;
  const std::string version = named.version_id.value_or("");
  transfer::S3Result<FactsPointer> found =
      co_await served.services.resolver.resolve(link, Resolver::Wanted{named.key, version, true});
  if (!found) co_return std::unexpected(error_of(call, found.error()));
  const ObjectFacts& facts = **found;
  Result<RemoteObjectPointer> remote =
      open_remote(served.services, std::move(link), named.key, version, facts);
  RemoteObjectPointer object = co_await or_fail(s3::translated(call, std::move(remote)));
  Source source;
  source.size_bytes = facts.size_bytes;
  source.etag = facts.etag;
  source.modified = facts.modified;
  source.metadata = metadata_of(facts);
  source.remote = std::make_unique<BodyReader>(served.services.objects, std::move(object));
  co_await or_fail(check_source_conditions(call, source));
  co_return source;
}

S3Status check_copy_size(uint64_t size_bytes) {
  if (size_bytes <= object::kPartBytesMax) return {};
  return s3::s3_fail(S3Code::kInvalidRequest,
                     "The specified copy source is larger than the maximum allowable size for a "
                     "copy source: " +
                         std::to_string(object::kPartBytesMax));
}

S3Result<ByteRange> range_of_copy(const Call& call, const Source& source) {
  ByteRange range{0, source.size_bytes};
  const auto header = call.header("x-amz-copy-source-range");
  if (header && call.query.has("uploadId")) {
    S3Result<ByteRange> parsed = s3::parse_copy_source_range(*header, source.size_bytes);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    range = *parsed;
  }
  if (S3Status good = check_copy_size(range.size_bytes); !good) {
    return std::unexpected(std::move(good.error()));
  }
  return range;
}

io::Task<Result<size_t>> SourceBody::read(MutableBytes into) {
  if (piece_at_ == piece_.size()) {
    Result<Buffer> next = co_await source_.next();
    if (!next) {
      failure_ = next.error();
      co_return std::unexpected(std::move(next.error()));
    }
    piece_ = std::move(*next);
    piece_at_ = 0;
  }
  const size_t count = std::min(into.size(), piece_.size() - piece_at_);
  if (count > 0) std::memcpy(into.data(), piece_.data() + piece_at_, count);
  piece_at_ += count;
  co_return count;
}

}  // namespace cairn::gateway
