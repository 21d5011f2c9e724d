#include "transfer/s3_client.h"

#include <array>
#include <cstdlib>

#include "base/dates.h"
#include "base/encoding.h"
#include "crypto/crc64.h"
#include "crypto/hmac.h"
#include "io/reactor.h"
#include "transfer/connector.h"
#include "transfer/s3_call.h"
#include "transfer/xml_replies.h"

namespace cairn::transfer {
namespace {

// How often one request is signed anew: another region, then a corrected clock.
constexpr unsigned kTurnsMax = 3;
constexpr int kForbidden = 403;
// A difference of clocks that is worth another attempt. S3 takes 15 minutes.
constexpr int64_t kSkewMsMin = int64_t{60} * 1000;
constexpr size_t kRegionsMax = 1024;
constexpr size_t kErrorBodyBytesMax = 64 * KiB;
constexpr uint32_t kPresignSecondsMax = 7 * 24 * 3600;
// From here on an early answer (instant upload, 412, 403) saves more than the round trip costs.
constexpr size_t kExpectBytesMin = 256 * KiB;
constexpr size_t kHashPieceBytes = 256 * KiB;

// The target of a request line as SigV4 sees it.
struct TargetParts {
  std::string_view path;
  std::string_view query;
};
TargetParts split(std::string_view target) {
  const size_t question = target.find('?');
  if (question == std::string_view::npos) return {target, {}};
  return {target.substr(0, question), target.substr(question + 1)};
}

// Reads a source once for its SHA-256 and rewinds it.
io::Task<S3Result<crypto::Sha256Value>> hash_source(http::BodySource& source) {
  crypto::Sha256 hash;
  Buffer piece =
      co_await or_fail(io::Reactor::current().buffers().acquire(kHashPieceBytes, io::Until{}));
  piece.resize(kHashPieceBytes);
  while (true) {
    const size_t size_bytes = co_await or_fail(source.read(piece.span()));
    if (size_bytes == 0) break;
    hash.update(piece.view(0, size_bytes));
  }
  if (!source.rewind()) {
    co_return std::unexpected(Failure(
        Error{Code::kInvalidArgument,
              "over plain http a body is signed by its SHA-256, and this one can be read only "
              "once: use https or give the hash"}));
  }
  co_return hash.finish();
}

S3ClientOptions with_agent(S3ClientOptions options) {
  if (options.http.user_agent == http::ClientOptions().user_agent) {
    options.http.user_agent = "cairn-transfer";
  }
  return options;
}

}  // namespace

Result<std::unique_ptr<S3Client>> S3Client::create(S3ClientOptions options, io::Network& network,
                                                   Random& random) {
  Result<S3Endpoint> endpoint =
      S3Endpoint::create(options.endpoint, options.identity.region, options.addressing);
  if (!endpoint) return std::unexpected(endpoint.error());
  auto connector = SecureConnector::create(network, options.ca_path);
  if (!connector) return std::unexpected(connector.error());
  return std::unique_ptr<S3Client>(new S3Client(
      with_agent(std::move(options)), std::move(*endpoint), std::move(*connector), random));
}

S3Client::S3Client(S3ClientOptions options, S3Endpoint endpoint,
                   std::unique_ptr<http::Connector> connector, Random& random)
    : options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      connector_(std::move(connector)),
      http_(*connector_, options_.http, random) {}

S3Client::~S3Client() = default;

io::Task<void> S3Client::close() {
  co_await http_.close();
}

const std::string& S3Client::region_of(const std::string& bucket) const {
  const auto found = regions_.find(bucket);
  return found == regions_.end() ? options_.identity.region : found->second;
}

void S3Client::sign(http::ClientRequest& request, std::string_view content_sha256,
                    const std::string& bucket) const {
  if (options_.identity.access_key.empty()) return;
  const std::string host = request.url.authority();
  std::vector<sigv4::HeaderView> headers{{"Host", host}};
  for (const auto& [name, value] : request.fields) headers.push_back({name, value});
  const TargetParts target = split(request.url.target);
  const sigv4::RequestView view{
      .method = request.method, .path = target.path, .query = target.query, .headers = headers};
  sigv4::SigningIdentity identity = options_.identity;
  identity.region = region_of(bucket);
  WallTime now = io::Reactor::current().clock().wall_now();
  now.unix_ms += clock_offset_ms_;
  sigv4::SignedRequest with = sigv4::sign_v4(identity, view, content_sha256, now);
  for (sigv4::SignedHeader& header : with.headers) {
    request.fields.emplace_back(std::move(header.name), std::move(header.value));
  }
}

void S3Client::add_crc64(Call& call, http::ClientRequest& request) const {
  if (call.begins_upload) {
    request.fields.emplace_back("x-amz-checksum-algorithm", "CRC64NVME");
    request.fields.emplace_back("x-amz-checksum-type", "FULL_OBJECT");
  }
  if (call.is_object_body && !call.body.crc64_nvme && call.body.source == nullptr) {
    call.body.crc64_nvme = crypto::crc64_nvme(0, call.body.bytes);
  }
  if (!call.body.crc64_nvme) return;
  request.fields.emplace_back("x-amz-checksum-crc64nvme",
                              detail::crc64_text(*call.body.crc64_nvme));
  // CompleteMultipartUpload: the checksum is that of the object, not of the XML.
  if (!call.is_object_body) request.fields.emplace_back("x-amz-checksum-type", "FULL_OBJECT");
}

io::Task<S3Result<http::ClientRequest>> S3Client::prepare(Call& call) {
  http::ClientRequest request;
  request.method = call.method;
  const S3Endpoint endpoint = endpoint_.in_region(region_of(call.bucket));
  request.url = endpoint.url(call.bucket, call.key, detail::encode_query(call.query));
  if (!call.raw_target.empty()) request.url.target = call.raw_target;
  request.fields = call.headers;
  request.body = call.body.bytes;
  request.source = call.body.source;
  request.pieces = call.body.pieces;
  request.retry_safe = call.retry_safe;

  std::string content_sha256(sigv4::kEmptySha256);
  const bool has_body = request.source != nullptr || request.memory_bytes() > 0;
  if (has_body && !call.body.sha256) {
    // TLS protects the body on its way; what lies in memory gets a checksum besides.
    if (call.body.is_unsigned || (endpoint_.is_https() && call.is_object_body)) {
      content_sha256 = sigv4::kUnsignedPayload;
    } else if (call.body.source == nullptr) {
      call.body.sha256 = crypto::sha256(call.body.bytes);
    } else {
      call.body.sha256 = co_await or_fail(hash_source(*call.body.source));
    }
  }
  if (call.body.sha256) content_sha256 = to_hex(*call.body.sha256);
  if (sends_crc64()) add_crc64(call, request);
  // Only where the server is known to answer: others may let us wait a second for nothing.
  request.expect_continue = call.is_object_body && server_is_cairn_ && call.body.sha256 &&
                            request.body.size() >= kExpectBytesMin;
  if (!call.content_sha256.empty()) content_sha256 = call.content_sha256;
  sign(request, content_sha256, call.bucket);
  co_return request;
}

namespace {

// The failure that a finished answer tells.
io::Task<Failure> read_failure(http::ClientResponse& response, std::string method) {
  const int status = response.status();
  std::string request_id = detail::text_of(response.head(), "x-amz-request-id");
  std::string region = detail::text_of(response.head(), "x-amz-bucket-region");
  ErrorReply reply;
  if (method != "HEAD") {
    const Result<std::string> body = co_await response.receive_all(kErrorBodyBytesMax);
    if (body) reply = parse_error_reply(*body);
  }
  if (!reply.request_id.empty()) request_id = reply.request_id;
  Failure failure = failure_of(status, reply.code, reply.message, std::move(request_id));
  failure.region = reply.region.empty() ? std::move(region) : std::move(reply.region);
  failure.details = std::move(reply.details);
  co_return failure;
}

}  // namespace

// True when the same call may go better now: the server's clock is known. One of both may have been
// set since it was learnt. Answers to HEAD and to other protocols do not say why they refuse: then
// `is_said` is false.
bool S3Client::learn_clock(const http::ClientResponse& response, bool is_said) {
  const auto date = parse_http_date(detail::text_of(response.head(), "date"));
  if (response.status() != kForbidden || !date) return false;
  const int64_t offset_ms = date->unix_ms - io::Reactor::current().clock().wall_now().unix_ms;
  if (!is_said && std::abs(offset_ms - clock_offset_ms_) < kSkewMsMin) return false;
  clock_offset_ms_ = offset_ms;
  return true;
}

// The same of the bucket's region, and of what the server knows.
bool S3Client::learn_from(const Call& call, const Failure& failure) {
  const bool elsewhere = failure.status == 301 || failure.status == 307 ||
                         failure.code == "AuthorizationHeaderMalformed" ||
                         (failure.status == 400 && call.method == "HEAD");
  if (elsewhere && !failure.region.empty() && failure.region != region_of(call.bucket)) {
    if (regions_.size() >= kRegionsMax) regions_.clear();
    regions_[call.bucket] = failure.region;
    return true;
  }
  // Servers older than 2024 do not know CRC64NVME and say so in many ways.
  const bool may_mean_crc64 =
      (failure.status == 400 || failure.status == 501) &&
      (failure.code == "InvalidRequest" || failure.code == "InvalidArgument" ||
       failure.code == "NotImplemented" || failure.code == "BadRequest");
  const bool had_crc64 = call.begins_upload || call.body.crc64_nvme.has_value();
  if (may_mean_crc64 && had_crc64 && sends_crc64() && !crc64_known_ && !server_is_cairn_) {
    crc64_refused_ = true;
    return true;
  }
  return false;
}

io::Task<S3Result<http::ClientResponse>> S3Client::perform(Call call, io::Until until) {
  for (unsigned turn = 1;; ++turn) {
    http::ClientRequest request = co_await or_fail(prepare(call));
    http::ClientResponse response = co_await or_fail(http_.send(std::move(request), until));
    const std::string server = detail::text_of(response.head(), "server");
    if (server.starts_with("Cairn")) server_is_cairn_ = true;
    const bool had_crc64 = call.begins_upload || call.body.crc64_nvme.has_value();
    if (response.status() >= 200 && response.status() < 300) {
      if (had_crc64 && sends_crc64()) crc64_known_ = true;
      co_return response;
    }
    const bool has_learnt = learn_clock(response, false) && turn < kTurnsMax &&
                            (call.body.source == nullptr || call.body.source->rewind());
    if (has_learnt) continue;
    if (call.any_status) co_return response;
    Failure failure = co_await read_failure(response, call.method);
    if (call.keeps_headers) failure.headers = detail::told_headers(response.head());
    const bool is_skewed = failure.code == "RequestTimeTooSkewed" && learn_clock(response, true);
    const bool again = turn < kTurnsMax && (is_skewed || learn_from(call, failure)) &&
                       (call.body.source == nullptr || call.body.source->rewind());
    if (again) continue;
    if (failure.status == 301 || failure.status == 307) {
      failure.error.message += "; the bucket is elsewhere: give its region" +
                               (failure.region.empty() ? "" : " (" + failure.region + ")") +
                               " or endpoint";
    }
    co_return std::unexpected(std::move(failure));
  }
}

io::Task<S3Result<std::string>> S3Client::ask(Call call, io::Until until) {
  http::ClientResponse response = co_await or_fail(perform(std::move(call), until));
  std::string body = co_await or_fail(response.receive_all(kXmlReplyBytesMax));
  co_return body;
}

io::Task<S3Result<http::ClientResponse>> S3Client::forward(Forwarded request, io::Until until) {
  Call call{.method = std::move(request.method),
            .bucket = std::move(request.bucket),
            .key = std::move(request.key),
            .query = std::move(request.query),
            .headers = std::move(request.headers),
            .body = request.body,
            .retry_safe = request.retry_safe,
            .content_sha256 = std::move(request.content_sha256),
            .keeps_headers = true};
  http::ClientResponse response = co_await or_fail(perform(std::move(call), until));
  co_return response;
}

io::Task<S3Result<http::ClientResponse>> S3Client::send_raw(std::string method, std::string target,
                                                            std::vector<HeaderPair> headers,
                                                            UploadBody body, bool retry_safe,
                                                            io::Until until) {
  Call call{.method = std::move(method),
            .headers = std::move(headers),
            .body = body,
            .retry_safe = retry_safe,
            .raw_target = std::move(target),
            .any_status = true};
  http::ClientResponse response = co_await or_fail(perform(std::move(call), until));
  co_return response;
}

std::string S3Client::presign(std::string_view method, std::string_view bucket,
                              std::string_view key, std::vector<HeaderPair> query,
                              uint32_t expires_seconds) const {
  const std::string region = region_of(std::string(bucket));
  http::Url url = endpoint_.in_region(region).url(bucket, key, detail::encode_query(query));
  const std::string host = url.authority();
  const std::array<sigv4::HeaderView, 1> headers{{{"Host", host}}};
  const TargetParts target = split(url.target);
  const sigv4::RequestView view{
      .method = method, .path = target.path, .query = target.query, .headers = headers};
  sigv4::SigningIdentity identity = options_.identity;
  identity.region = region;
  const std::string signed_query =
      sigv4::presign_v4(identity, view, io::Reactor::current().clock().wall_now(),
                        std::min(expires_seconds, kPresignSecondsMax));
  return (url.is_https ? "https://" : "http://") + host + std::string(target.path) + "?" +
         signed_query;
}

}  // namespace cairn::transfer
