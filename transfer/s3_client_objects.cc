// Buckets, listings and objects.
#include "base/encoding.h"
#include "crypto/digest.h"
#include "sigv4/uri.h"
#include "transfer/s3_call.h"
#include "transfer/xml_replies.h"

namespace cairn::transfer {
namespace {

constexpr size_t kDeleteKeysMax = 1000;

std::string copy_source_text(const CopySource& from) {
  std::string text = "/";
  sigv4::append_uri_encoded(text, from.bucket, sigv4::Slash::kEncode);
  text += '/';
  sigv4::append_uri_encoded(text, from.key, sigv4::Slash::kKeep);
  if (!from.version_id.empty()) {
    text += "?versionId=";
    sigv4::append_uri_encoded(text, from.version_id, sigv4::Slash::kEncode);
  }
  return text;
}

void add_copy_source(std::vector<HeaderPair>& headers, const CopySource& from) {
  headers.emplace_back("x-amz-copy-source", copy_source_text(from));
  if (!from.if_match.empty()) {
    headers.emplace_back("x-amz-copy-source-if-match", "\"" + from.if_match + "\"");
  }
  if (from.range) {
    headers.emplace_back("x-amz-copy-source-range", detail::range_text(*from.range));
  }
}

void add_version(std::vector<HeaderPair>& query, const std::string& version_id) {
  if (!version_id.empty()) query.emplace_back("versionId", version_id);
}

// A body of status 200 that is an error all the same.
S3Result<std::string> etag_of_copy(const std::string& body) {
  if (is_error_reply(body)) {
    ErrorReply reply = parse_error_reply(body);
    return std::unexpected(failure_of(500, reply.code, reply.message, reply.request_id));
  }
  Result<std::string> etag = parse_result_etag(body);
  if (!etag) return std::unexpected(Failure(etag.error()));
  return std::move(*etag);
}

}  // namespace

io::Task<S3Result<std::vector<BucketEntry>>> S3Client::list_buckets(io::Until until) {
  const std::string body = co_await or_fail(ask(Call{}, until));
  std::vector<BucketEntry> buckets = co_await or_fail(parse_buckets(body));
  co_return buckets;
}

io::Task<S3Result<std::string>> S3Client::head_bucket(std::string bucket, io::Until until) {
  Call call{.method = "HEAD", .bucket = std::move(bucket)};
  http::ClientResponse response = co_await or_fail(perform(std::move(call), until));
  co_return detail::text_of(response.head(), "x-amz-bucket-region");
}

io::Task<S3Status> S3Client::create_bucket(std::string bucket, io::Until until) {
  // Amazon wants the region in the body, but not that of us-east-1.
  std::string body;
  if (endpoint_.is_amazon() && options_.identity.region != "us-east-1") {
    body = write_create_bucket(options_.identity.region);
  }
  Call call{.method = "PUT", .bucket = std::move(bucket), .body = {.bytes = as_bytes(body)}};
  co_await or_fail(ask(std::move(call), until));
  co_return S3Status();
}

io::Task<S3Status> S3Client::delete_bucket(std::string bucket, io::Until until) {
  Call call{.method = "DELETE", .bucket = std::move(bucket)};
  co_await or_fail(ask(std::move(call), until));
  co_return S3Status();
}

io::Task<S3Result<ListPage>> S3Client::list_objects(std::string bucket, ListQuery query,
                                                    std::string token, io::Until until) {
  Call call{.bucket = std::move(bucket)};
  call.query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", query.prefix}};
  call.query.emplace_back("max-keys", std::to_string(query.keys_max));
  if (!query.delimiter.empty()) call.query.emplace_back("delimiter", query.delimiter);
  if (!query.start_after.empty()) call.query.emplace_back("start-after", query.start_after);
  if (!token.empty()) call.query.emplace_back("continuation-token", std::move(token));
  const std::string body = co_await or_fail(ask(std::move(call), until));
  ListPage page = co_await or_fail(parse_list_page(body));
  co_return page;
}

io::Task<S3Result<VersionPage>> S3Client::list_versions(std::string bucket, std::string prefix,
                                                        std::string key_marker,
                                                        std::string version_marker,
                                                        io::Until until) {
  Call call{.bucket = std::move(bucket)};
  call.query = {{"versions", ""}, {"encoding-type", "url"}, {"prefix", std::move(prefix)}};
  if (!key_marker.empty()) call.query.emplace_back("key-marker", std::move(key_marker));
  if (!version_marker.empty()) {
    call.query.emplace_back("version-id-marker", std::move(version_marker));
  }
  const std::string body = co_await or_fail(ask(std::move(call), until));
  VersionPage page = co_await or_fail(parse_version_page(body));
  co_return page;
}

io::Task<S3Result<ObjectInfo>> S3Client::head(std::string bucket, std::string key,
                                              std::string version_id, io::Until until) {
  Call call{.method = "HEAD", .bucket = std::move(bucket), .key = std::move(key)};
  call.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  add_version(call.query, version_id);
  http::ClientResponse response = co_await or_fail(perform(std::move(call), until));
  co_return detail::info_of(response.head());
}

io::Task<S3Result<ObjectBody>> S3Client::get(std::string bucket, std::string key,
                                             std::string version_id, std::optional<ByteRange> range,
                                             std::string if_match, io::Until until) {
  Call call{.bucket = std::move(bucket), .key = std::move(key)};
  add_version(call.query, version_id);
  if (range) {
    call.headers.emplace_back("Range", detail::range_text(*range));
  } else {
    call.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  }
  detail::add_conditions(call.headers, {.if_match = std::move(if_match)});
  http::ClientResponse response = co_await or_fail(perform(std::move(call), until));
  ObjectInfo info = detail::info_of(response.head());
  ByteRange coming{0, info.size_bytes};
  if (range) {
    const auto told = parse_content_range(response.head().get("content-range").value_or(""));
    const bool is_whole = response.status() == 200 && range->offset_bytes == 0;
    if (!is_whole && (!told || told->range.offset_bytes != range->offset_bytes)) {
      co_return std::unexpected(Failure(
          Error{Code::kUnsupported, "the server does not answer with the range it was asked for"}));
    }
    if (told) coming = told->range;
  }
  co_return ObjectBody{std::move(info), coming, std::move(response)};
}

io::Task<S3Result<PutResult>> S3Client::put(std::string bucket, std::string key, UploadBody body,
                                            PutOptions options, io::Until until) {
  Call call{.method = "PUT", .bucket = std::move(bucket), .key = std::move(key)};
  call.headers = std::move(options.headers);
  detail::add_conditions(call.headers, options.conditions);
  call.body = body;
  call.is_object_body = true;
  http::ClientResponse response = co_await or_fail(perform(std::move(call), until));
  PutResult result{.etag = detail::etag_of(response.head()),
                   .version_id = detail::text_of(response.head(), "x-amz-version-id"),
                   .was_instant = !response.request_was_sent()};
  co_await or_fail(response.receive_all(kXmlReplyBytesMax));
  co_return result;
}

io::Task<S3Result<std::string>> S3Client::copy(CopySource from, std::string bucket, std::string key,
                                               CopyOptions options, io::Until until) {
  Call call{.method = "PUT", .bucket = std::move(bucket), .key = std::move(key)};
  call.headers = std::move(options.headers);
  add_copy_source(call.headers, from);
  if (options.replace_metadata) {
    call.headers.emplace_back("x-amz-metadata-directive", "REPLACE");
  }
  detail::add_conditions(call.headers, options.conditions);
  const std::string body = co_await or_fail(ask(std::move(call), until));
  std::string etag = co_await or_fail(etag_of_copy(body));
  co_return etag;
}

io::Task<S3Result<std::string>> S3Client::copy_part(CopySource from, std::string bucket,
                                                    std::string key, std::string upload_id,
                                                    uint32_t number, io::Until until) {
  Call call{.method = "PUT", .bucket = std::move(bucket), .key = std::move(key)};
  call.query = {{"partNumber", std::to_string(number)}, {"uploadId", std::move(upload_id)}};
  add_copy_source(call.headers, from);
  const std::string body = co_await or_fail(ask(std::move(call), until));
  std::string etag = co_await or_fail(etag_of_copy(body));
  co_return etag;
}

io::Task<S3Status> S3Client::remove(std::string bucket, std::string key, std::string version_id,
                                    io::Until until) {
  Call call{.method = "DELETE", .bucket = std::move(bucket), .key = std::move(key)};
  add_version(call.query, version_id);
  co_await or_fail(ask(std::move(call), until));
  co_return S3Status();
}

io::Task<S3Result<std::vector<DeleteProblem>>> S3Client::remove_many(std::string bucket,
                                                                     std::vector<DeleteKey> keys,
                                                                     io::Until until) {
  if (keys.empty() || keys.size() > kDeleteKeysMax) {
    co_return std::unexpected(
        Failure(Error{Code::kInvalidArgument, "one request deletes 1 to 1000 keys"}));
  }
  const std::string xml = write_delete(keys);
  const crypto::DigestValue md5 = crypto::digest_of(crypto::DigestKind::kMd5, as_bytes(xml));
  Call call{.method = "POST", .bucket = std::move(bucket)};
  call.query = {{"delete", ""}};
  call.headers = {{"Content-MD5", to_base64(md5.view())}, {"Content-Type", "application/xml"}};
  call.body.bytes = as_bytes(xml);
  call.retry_safe = true;
  const std::string body = co_await or_fail(ask(std::move(call), until));
  std::vector<DeleteProblem> problems = co_await or_fail(parse_delete_result(body));
  co_return problems;
}

}  // namespace cairn::transfer
