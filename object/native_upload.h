// Uploads by names of chunks: what the native door does (docs/native-protocol.md). Begin, offer
// what a file is made of, fill what is missing, commit.
//
// An upload survives restarts and is listed, expired and aborted as the multipart upload that it
// is; content never comes into it but by name, and every name is verified against the bytes.
// Thread rule: any reactor; a ChunkFill is used on the reactor that made it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/native_commit.h"
#include "object/native_fill.h"
#include "object/native_lend.h"
#include "object/native_offer.h"
#include "object/native_rows.h"
#include "object/objects.h"

namespace cairn::object {

class NativeUploads {
 public:
  explicit NativeUploads(Context& context) : context_(context) {}

  struct Begin {
    uint64_t size_bytes = 0;
    std::optional<Sha256Value> sha256;
    SseRequest sse;                  // Not a customer's key: kUnsupported.
    std::string storage_class = {};  // As in ObjectMetadata: says where the chunks go.
    std::string owner_head = {};     // Of a replica: how its owner id begins (replica.h).
  };
  // kResourceExhausted when the body cannot fit; kInvalidArgument kSizeMismatch when no native
  // upload can be so large.
  io::Task<Result<UploadInfo>> begin(BucketInfo bucket, std::string key, Begin what);
  // kNotFound kNoSuchUpload when it is unknown, ended, or an upload of parts.
  io::Task<Result<UploadInfo>> find(BucketInfo bucket, std::string key, std::string upload_id);

  // See native_offer.h.
  io::Task<Result<std::vector<bool>>> offer(BucketInfo bucket, UploadInfo upload,
                                            std::vector<ContentName> names, ReadRights& rights) {
    return offer_chunks(context_, std::move(bucket), std::move(upload), std::move(names), rights);
  }
  // Whether each segment is stored where the caller may know it.
  io::Task<Result<std::vector<bool>>> know_segments(BucketInfo bucket, UploadInfo upload,
                                                    std::vector<ContentName> names,
                                                    ReadRights& rights);
  io::Task<Result<std::unique_ptr<ChunkFill>>> fill(BucketInfo bucket, UploadInfo upload,
                                                    ChunkRecipe recipe, ReadRights& rights) {
    return ChunkFill::open(context_, std::move(bucket), std::move(upload), std::move(recipe),
                           rights);
  }
  // See native_lend.h.
  io::Task<Result<std::optional<TenantId>>> find_lender(std::vector<TenantId> lenders,
                                                        ContentName name) {
    return object::find_lender(context_, std::move(lenders), name);
  }
  io::Task<Result<bool>> borrow(BucketInfo bucket, UploadInfo upload, ContentName name,
                                std::vector<TenantId> lenders, ProofCheck check,
                                ReadRights& rights) {
    return borrow_chunk(context_, std::move(bucket), std::move(upload), name, std::move(lenders),
                        std::move(check), rights);
  }
  // Names of chunks that the upload holds behind `after`, in the order of their hashes.
  io::Task<Result<std::vector<ContentName>>> held(BucketInfo bucket, UploadInfo upload,
                                                  std::optional<Sha256Value> after, size_t limit);
  // See native_commit.h.
  io::Task<Result<ObjectInfo>> commit(BucketInfo bucket, std::string key, std::string upload_id,
                                      NativeCommit what) {
    return commit_native(context_, std::move(bucket), std::move(key), std::move(upload_id),
                         std::move(what));
  }

 private:
  Context& context_;
};

}  // namespace cairn::object
