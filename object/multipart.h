// Multipart uploads. A part is stored like a body of its own, with its own owner of reference
// edges; Complete makes an object whose manifest lists the parts, so it moves no data and adds no
// edge.
//
// Every commit that changes a part also rewrites the upload's row, and Complete and Abort depend on
// that row's version: they see all parts or none of a racing one (a part that loses is refused).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"
#include "object/records.h"

namespace cairn::object {

io::Task<Result<UploadInfo>> create_upload(Context& context, BucketInfo bucket, std::string key,
                                           UploadOptions options);
// kNotFound kNoSuchUpload when it is unknown, complete or aborted.
io::Task<Result<UploadInfo>> find_upload(Context& context, BucketInfo bucket, std::string key,
                                         std::string upload_id);
// kInvalidArgument kInvalidPart outside 1 to kPartNumberMax.
Status check_part_number(uint32_t number);
Result<std::unique_ptr<ObjectWriter>> make_part_writer(Context& context, BucketInfo bucket,
                                                       UploadInfo upload, uint32_t part_number,
                                                       PutOptions options);
// In an upload under an SSE key a part tells and keeps no digest that a guess of its bytes could be
// compared with, but the checksum that clients ask for.
void hide_digests(Context& context, const UploadInfo& upload, Part& part);
// Makes `part` the upload's part of that number, with `new_edges` and the hooks of its new chunks,
// and gives a replaced one to the collector.
io::Task<Status> commit_part(Context& context, BucketInfo bucket, UploadInfo upload, Part part,
                             std::vector<std::pair<ChunkId, OwnerId>> new_edges,
                             std::vector<catalog::Put> hooks = {});
io::Task<Result<std::vector<PartInfo>>> list_parts(Context& context, BucketInfo bucket,
                                                   UploadInfo upload, uint32_t after, size_t limit);
io::Task<Result<ObjectInfo>> complete_upload(Context& context, BucketInfo bucket, std::string key,
                                             std::string upload_id, CompleteOptions options);
io::Task<Status> abort_upload(Context& context, BucketInfo bucket, std::string key,
                              std::string upload_id);
io::Task<Status> abort_all_uploads(Context& context, BucketInfo bucket);

// All parts of an upload, by number.
io::Task<Result<std::vector<Part>>> load_parts(Context& context, TenantId tenant,
                                               std::string upload_id);

// An upload's row as it stands; its version changes with everything that is put into the upload.
struct UploadRow {
  std::string row_key;
  std::string value;
  catalog::Version version = 0;
  UploadInfo upload;
};
io::Task<Result<std::optional<UploadRow>>> load_upload(Context& context, BucketInfo bucket,
                                                       std::string key, std::string upload_id);
// Makes an object of an upload: `attempt` tries it with the upload's row as it stands, and again
// when it lost a race. An upload that is complete gives the object that it became; kNotFound
// kNoSuchUpload when that is not remembered.
using FinishAttempt = std::function<io::Task<Result<ObjectInfo>>(UploadRow row)>;
io::Task<Result<ObjectInfo>> finish_upload(Context& context, BucketInfo bucket, std::string key,
                                           std::string upload_id, FinishAttempt attempt);
// The digest of a whole body, by reading it.
io::Task<Result<DigestValue>> digest_body(Context& context, TenantId tenant, DigestKind kind,
                                          crypto::SseKeyPointer key, std::vector<Extent> extents);

}  // namespace cairn::object
