// Multipart uploads.
#include "io/reactor.h"
#include "transfer/s3_call.h"
#include "transfer/xml_replies.h"

namespace cairn::transfer {
namespace {

// CompleteMultipartUpload may tell "try again" inside a 200.
constexpr unsigned kCompleteAttemptsMax = 4;
constexpr Duration kCompleteBackoff = milliseconds(200);

}  // namespace

io::Task<S3Result<std::string>> S3Client::create_upload(std::string bucket, std::string key,
                                                        std::vector<HeaderPair> headers,
                                                        io::Until until) {
  Call call{.method = "POST", .bucket = std::move(bucket), .key = std::move(key)};
  call.query = {{"uploads", ""}};
  call.headers = std::move(headers);
  call.begins_upload = true;
  // A second upload that nobody completes does no harm beyond what a crash would leave.
  call.retry_safe = true;
  const std::string body = co_await or_fail(ask(std::move(call), until));
  std::string id = co_await or_fail(parse_upload_id(body));
  co_return id;
}

io::Task<S3Result<PutResult>> S3Client::upload_part(std::string bucket, std::string key,
                                                    std::string upload_id, uint32_t number,
                                                    UploadBody body, io::Until until) {
  Call call{.method = "PUT", .bucket = std::move(bucket), .key = std::move(key)};
  call.query = {{"partNumber", std::to_string(number)}, {"uploadId", std::move(upload_id)}};
  call.body = body;
  call.is_object_body = true;
  http::ClientResponse response = co_await or_fail(perform(std::move(call), until));
  PutResult result{.etag = detail::etag_of(response.head()),
                   .version_id = {},
                   .was_instant = !response.request_was_sent()};
  co_await or_fail(response.receive_all(kXmlReplyBytesMax));
  co_return result;
}

io::Task<S3Result<PutResult>> S3Client::complete_upload(std::string bucket, std::string key,
                                                        std::string upload_id,
                                                        std::vector<PartEntry> parts,
                                                        std::optional<uint64_t> crc64_nvme,
                                                        Conditions conditions, io::Until until) {
  const std::string xml = write_complete(parts);
  for (unsigned attempt = 1;; ++attempt) {
    Call call{.method = "POST", .bucket = bucket, .key = key};
    call.query = {{"uploadId", upload_id}};
    call.headers = {{"Content-Type", "application/xml"}};
    detail::add_conditions(call.headers, conditions);
    call.body.crc64_nvme = crc64_nvme;
    call.body.bytes = as_bytes(xml);
    call.retry_safe = true;
    http::ClientResponse response = co_await or_fail(perform(std::move(call), until));
    PutResult result{.etag = {},
                     .version_id = detail::text_of(response.head(), "x-amz-version-id"),
                     .was_instant = false};
    const std::string body = co_await or_fail(response.receive_all(kXmlReplyBytesMax));
    if (!is_error_reply(body)) {
      result.etag = co_await or_fail(parse_result_etag(body));
      co_return result;
    }
    ErrorReply reply = parse_error_reply(body);
    const bool is_ours = reply.code == "InternalError" || reply.code == "SlowDown" ||
                         reply.code == "ServiceUnavailable";
    if (!is_ours || attempt == kCompleteAttemptsMax) {
      co_return std::unexpected(
          failure_of(is_ours ? 500 : 400, reply.code, reply.message, reply.request_id));
    }
    const Duration pause{kCompleteBackoff.nanoseconds << attempt};
    co_await or_fail(io::sleep_for(pause, until.stop));
  }
}

io::Task<S3Status> S3Client::abort_upload(std::string bucket, std::string key,
                                          std::string upload_id, io::Until until) {
  Call call{.method = "DELETE", .bucket = std::move(bucket), .key = std::move(key)};
  call.query = {{"uploadId", std::move(upload_id)}};
  co_await or_fail(ask(std::move(call), until));
  co_return S3Status();
}

io::Task<S3Result<PartsPage>> S3Client::list_parts(std::string bucket, std::string key,
                                                   std::string upload_id, uint32_t marker,
                                                   io::Until until) {
  Call call{.bucket = std::move(bucket), .key = std::move(key)};
  call.query = {{"uploadId", std::move(upload_id)}};
  if (marker > 0) call.query.emplace_back("part-number-marker", std::to_string(marker));
  const std::string body = co_await or_fail(ask(std::move(call), until));
  PartsPage page = co_await or_fail(parse_parts_page(body));
  co_return page;
}

io::Task<S3Result<UploadsPage>> S3Client::list_uploads(std::string bucket, std::string prefix,
                                                       std::string key_marker,
                                                       std::string id_marker, io::Until until) {
  Call call{.bucket = std::move(bucket)};
  call.query = {{"uploads", ""}, {"encoding-type", "url"}, {"prefix", std::move(prefix)}};
  if (!key_marker.empty()) call.query.emplace_back("key-marker", std::move(key_marker));
  if (!id_marker.empty()) call.query.emplace_back("upload-id-marker", std::move(id_marker));
  const std::string body = co_await or_fail(ask(std::move(call), until));
  UploadsPage page = co_await or_fail(parse_uploads_page(body));
  co_return page;
}

}  // namespace cairn::transfer
