// S3's XML answers as values, and the XML of the few requests that have any.
//
// The server is not trusted: bodies are bounded by the caller (kXmlReplyBytesMax), lists by
// kReplyEntriesMax; an answer of another shape is kCorruption. Names are compared without prefix
// and namespace; keys are decoded where the answer says that they are URL-encoded.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "transfer/s3_types.h"

namespace cairn::transfer {

// 1,000 keys of 1,024 bytes, each escaped threefold, with their attributes, twice over.
inline constexpr size_t kXmlReplyBytesMax = 8 * MiB;
inline constexpr size_t kReplyEntriesMax = 10'000;

struct ErrorReply {
  std::string code;
  std::string message;
  std::string request_id;
  std::string region;  // Of AuthorizationHeaderMalformed and redirects.
  // What else it says, by element; at most kErrorDetailsMax of kErrorDetailBytesMax each.
  std::vector<std::pair<std::string, std::string>> details;
};
inline constexpr size_t kErrorDetailsMax = 16;
inline constexpr size_t kErrorDetailBytesMax = 2048;
// Everything empty when the body is no error document.
ErrorReply parse_error_reply(std::string_view body);
// Whether a body that came with status 200 is an <Error> all the same (CompleteMultipartUpload and
// copies keep the connection alive that way).
bool is_error_reply(std::string_view body);

Result<std::vector<BucketEntry>> parse_buckets(std::string_view body);
Result<ListPage> parse_list_page(std::string_view body);
Result<VersionPage> parse_version_page(std::string_view body);
Result<std::string> parse_upload_id(std::string_view body);
Result<PartsPage> parse_parts_page(std::string_view body);
Result<UploadsPage> parse_uploads_page(std::string_view body);
// Tagging: name and value of each, at most kTagsMax.
inline constexpr size_t kTagsMax = 50;
inline constexpr size_t kTaggingBytesMax = 256 * 1024;
Result<std::vector<HeaderPair>> parse_tagging(std::string_view body);
// The ETag of CompleteMultipartUploadResult, CopyObjectResult or CopyPartResult.
Result<std::string> parse_result_etag(std::string_view body);
Result<std::vector<DeleteProblem>> parse_delete_result(std::string_view body);

std::string write_create_bucket(std::string_view region);
std::string write_complete(std::span<const PartEntry> parts);
std::string write_delete(std::span<const DeleteKey> keys);

}  // namespace cairn::transfer
