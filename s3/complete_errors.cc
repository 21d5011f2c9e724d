#include "s3/complete_errors.h"

#include <algorithm>
#include <utility>

#include "s3/checksum_headers.h"
#include "s3/object_headers.h"

namespace cairn::s3 {
namespace {

S3Error invalid(std::string message) {
  return S3Error{S3Code::kInvalidRequest, std::move(message), {}};
}

// Where a composite upload lacks a part's checksum.
S3Error missing_part_checksum(const object::UploadInfo& upload,
                              const object::CompleteOptions& asked) {
  const auto lacking =
      std::ranges::find_if(asked.parts, [](const auto& part) { return !part.checksum; });
  const uint32_t number = lacking == asked.parts.end() ? 1 : lacking->number;
  return invalid("The upload was created using a " +
                 std::string(checksum_header_suffix(upload.checksum)) +
                 " checksum. The complete request must include the checksum for each part. It was "
                 "missing for part " +
                 std::to_string(number) + " in the request.");
}

// A part named with a checksum that the upload does not keep; unset when none is.
std::optional<S3Error> part_checksum_of_another_kind(const object::UploadInfo& upload,
                                                     const object::CompleteOptions& asked) {
  const auto differs = [&](const object::CompletedPart& part) {
    return part.checksum && part.checksum->first != upload.checksum;
  };
  const auto part = std::ranges::find_if(asked.parts, differs);
  if (part == asked.parts.end()) return std::nullopt;
  return S3Error{S3Code::kBadDigest,
                 "The " + std::string(checksum_header_suffix(part->checksum->first)) +
                     " you specified for part " + std::to_string(part->number) +
                     " did not match what we received.",
                 {}};
}

// EntityTooSmall with the part at fault.
io::Task<S3Error> small_part(Call& call, object::UploadInfo upload, object::CompleteOptions asked) {
  S3Error error{S3Code::kEntityTooSmall, {}, {}};
  const Result<std::vector<object::PartInfo>> parts =
      co_await call.objects().list_parts(call.bucket, std::move(upload), 0, object::kPartNumberMax);
  if (!parts) co_return error;
  for (const object::PartInfo& part : *parts) {
    const bool is_listed = std::ranges::any_of(
        asked.parts, [&](const auto& entry) { return entry.number == part.number; });
    if (!is_listed || part.size_bytes >= object::kPartBytesMin ||
        part.number == asked.parts.back().number) {
      continue;
    }
    error.fields = {{"ProposedSize", std::to_string(part.size_bytes)},
                    {"MinSizeAllowed", std::to_string(object::kPartBytesMin)},
                    {"PartNumber", std::to_string(part.number)},
                    {"ETag", part.etag}};
    break;
  }
  co_return error;
}

// What needs nothing but the upload; unset for everything else.
std::optional<S3Error> explain(const object::UploadInfo& upload,
                               const object::CompleteOptions& asked, const Error& error) {
  namespace reason = object::reason;
  const auto is = [&](std::string_view why) { return error.message.starts_with(why); };
  if (is(reason::kChecksumMissing)) return missing_part_checksum(upload, asked);
  if (is(reason::kInvalidPart)) return part_checksum_of_another_kind(upload, asked);
  if (is(reason::kChecksumTypeDiffers)) {
    return invalid("The upload was created using the " +
                   std::string(checksum_type_name(upload.checksum_type)) +
                   " checksum mode. The complete request must use the same checksum mode.");
  }
  if (is(reason::kChecksumKindDiffers) && asked.checksum) {
    return invalid(checksum_kind_mismatch(upload.checksum, asked.checksum->first));
  }
  if (is(reason::kChecksumMismatch) && asked.checksum) {
    return S3Error{S3Code::kBadDigest,
                   "The " + std::string(checksum_name(asked.checksum->first)) +
                       " you specified did not match the calculated checksum.",
                   {}};
  }
  const std::string size_prefix = std::string(reason::kSizeMismatch) + ": ";
  if (is(size_prefix) && asked.size_bytes) {
    return invalid(
        "The provided 'x-amz-mp-object-size' header value " + std::to_string(*asked.size_bytes) +
        " does not match what was computed: " + error.message.substr(size_prefix.size()));
  }
  return std::nullopt;
}

}  // namespace

io::Task<S3Error> complete_error(Call& call, Error error, object::CompleteOptions asked) {
  if (error.code != Code::kInvalidArgument) co_return translate(call, error);
  const Result<object::UploadInfo> upload = co_await call.objects().upload(
      call.bucket, call.target.key, std::string(call.param("uploadId")));
  if (!upload) co_return translate(call, error);
  if (error.message.starts_with(object::reason::kPartTooSmall)) {
    co_return co_await small_part(call, *upload, std::move(asked));
  }
  std::optional<S3Error> explained = explain(*upload, asked, error);
  co_return explained ? std::move(*explained) : translate(call, error);
}

}  // namespace cairn::s3
