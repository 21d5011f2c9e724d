#include "object/native_upload.h"

#include <algorithm>
#include <utility>

#include "object/multipart.h"
#include "object/native_segments.h"
#include "object/replica.h"

namespace cairn::object {

io::Task<Result<UploadInfo>> NativeUploads::begin(BucketInfo bucket, std::string key, Begin what) {
  if (what.sse.customer_key != nullptr) {
    co_return fail(Code::kUnsupported,
                   "uploads by names of chunks take no customer's keys: use an S3 upload");
  }
  if (what.size_bytes > kNativeBytesMax) {
    co_return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) +
                                               ": an upload by names of chunks has at "
                                               "most " +
                                               std::to_string(kNativeBytesMax) +
                                               " bytes: use a multipart upload");
  }
  const Usage whole{static_cast<int64_t>(what.size_bytes), 1};
  co_await io::or_return(context_.usage.check(usage_change(bucket, whole)));
  UploadOptions options;
  options.sse = std::move(what.sse);
  options.metadata.storage_class = std::move(what.storage_class);
  options.native.emplace();
  options.native->size_bytes = what.size_bytes;
  options.native->sha256 = what.sha256;
  if (what.owner_head.size() == kOwnerHeadBytes) {
    options.native->owner = context_.new_owner();
    std::ranges::copy(as_bytes(what.owner_head), options.native->owner.bytes.begin());
  }
  co_return co_await create_upload(context_, std::move(bucket), std::move(key), std::move(options));
}

io::Task<Result<UploadInfo>> NativeUploads::find(BucketInfo bucket, std::string key,
                                                 std::string upload_id) {
  UploadInfo upload = co_await io::or_return(
      find_upload(context_, std::move(bucket), std::move(key), std::move(upload_id)));
  if (upload.native) co_return upload;
  co_return fail(Code::kNotFound, std::string(reason::kNoSuchUpload));
}

io::Task<Result<std::vector<bool>>> NativeUploads::know_segments(BucketInfo bucket,
                                                                 UploadInfo upload,
                                                                 std::vector<ContentName> names,
                                                                 ReadRights& rights) {
  const KnownSegments known = co_await io::or_return(find_known_segments(
      context_, std::move(bucket), std::move(upload), std::move(names), rights));
  std::vector<bool> out;
  out.reserve(known.places.size());
  for (const std::optional<Extent>& place : known.places) out.push_back(place.has_value());
  co_return out;
}

io::Task<Result<std::vector<ContentName>>> NativeUploads::held(BucketInfo bucket, UploadInfo upload,
                                                               std::optional<Sha256Value> after,
                                                               size_t limit) {
  const std::vector<HeldChunk> chunks = co_await io::or_return(
      load_native_chunks(context_, bucket.tenant, std::move(upload.upload_id), after, limit));
  std::vector<ContentName> out;
  out.reserve(chunks.size());
  for (const HeldChunk& chunk : chunks) out.push_back(chunk.name);
  co_return out;
}

}  // namespace cairn::object
