#include "gateway/forward.h"

#include <algorithm>

#include "gateway/reply.h"
#include "s3/aws_chunked.h"
#include "transfer/xml_replies.h"

namespace cairn::gateway {
namespace {

using s3::Call;
using s3::or_fail;
using s3::S3Code;
using s3::S3Result;
using s3::S3Status;

constexpr std::string_view kMetaPrefix = "x-amz-meta-";

constexpr std::string_view kWriteHeaders[] = {"cache-control",
                                              "content-disposition",
                                              "content-language",
                                              "content-type",
                                              "expires",
                                              "if-match",
                                              "if-none-match",
                                              "x-amz-checksum-algorithm",
                                              "x-amz-checksum-type",
                                              "x-amz-checksum-crc32",
                                              "x-amz-checksum-crc32c",
                                              "x-amz-checksum-crc64nvme",
                                              "x-amz-checksum-sha1",
                                              "x-amz-checksum-sha256",
                                              "x-amz-checksum-sha512",
                                              "x-amz-checksum-md5",
                                              "x-amz-checksum-xxhash3",
                                              "x-amz-checksum-xxhash64",
                                              "x-amz-checksum-xxhash128",
                                              "x-amz-mp-object-size",
                                              "x-amz-object-lock-legal-hold",
                                              "x-amz-object-lock-mode",
                                              "x-amz-object-lock-retain-until-date",
                                              "x-amz-sdk-checksum-algorithm",
                                              "x-amz-server-side-encryption",
                                              "x-amz-server-side-encryption-aws-kms-key-id",
                                              "x-amz-server-side-encryption-bucket-key-enabled",
                                              "x-amz-server-side-encryption-context",
                                              "x-amz-storage-class",
                                              "x-amz-tagging",
                                              "x-amz-website-redirect-location",
                                              "x-amz-write-offset-bytes"};

// A list that grants something: no bucket of this kind keeps one.
S3Status refuse_grants(const Call& call) {
  const std::string_view canned = call.header("x-amz-acl").value_or("private");
  bool grants = canned != "private" && canned != "bucket-owner-full-control";
  for (const std::string_view name :
       {"x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-write", "x-amz-grant-read-acp",
        "x-amz-grant-write-acp"}) {
    grants = grants || call.header(name).has_value();
  }
  if (!grants) return {};
  return s3::s3_fail(
      S3Code::kAccessControlListNotSupported,
      "Objects of a gateway bucket have no access control lists here: use policies.");
}

void add_metadata(Link::Request& request, const Call& call) {
  for (const s3::HeaderView& header : call.headers) {
    if (s3::starts_with_ignoring_case(header.name, kMetaPrefix)) {
      request.headers.emplace_back(header.name, header.value);
    }
  }
  if (!call.auth.is_presigned()) return;
  for (const s3::QueryParam& param : call.query.params()) {
    const bool is_metadata = s3::starts_with_ignoring_case(param.name, kMetaPrefix);
    if (is_metadata && !call.view.header(param.name)) {
      request.headers.emplace_back(param.name, param.value);
    }
  }
}

}  // namespace

Link::Request request_of(const Served& served) {
  Link::Request request;
  request.method = served.call.view.method;
  if (!served.call.target.key.empty()) {
    request.key = served.link->upstream_key(served.call.target.key);
  }
  return request;
}

void add_params(Link::Request& request, const Served& served,
                std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const auto value = served.call.query.find(name)) request.query.emplace_back(name, *value);
  }
}

void add_key_params(Link::Request& request, const Served& served,
                    std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const auto value = served.call.query.find(name);
    const bool is_prefix = name == "prefix";
    if (is_prefix || (value && !value->empty())) {
      request.query.emplace_back(name, served.link->upstream_key(value.value_or("")));
    }
  }
}

void add_headers(Link::Request& request, const Served& served,
                 std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const auto value = served.call.header(name)) request.headers.emplace_back(name, *value);
  }
}

S3Status add_write_headers(Link::Request& request, const Served& served) {
  const Call& call = served.call;
  if (call.header("x-amz-server-side-encryption-customer-algorithm")) {
    return s3::s3_fail(S3Code::kNotImplemented,
                       "A gateway bucket does not take customers' keys (SSE-C).");
  }
  if (S3Status refused = refuse_grants(call); !refused) return refused;
  for (const std::string_view name : kWriteHeaders) {
    if (const auto value = call.header(name)) request.headers.emplace_back(name, *value);
  }
  const std::string coding = s3::without_aws_chunked(call.header("content-encoding").value_or(""));
  if (!coding.empty()) request.headers.emplace_back("content-encoding", coding);
  add_metadata(request, call);
  return {};
}

io::Task<S3Result<WholeAnswer>> ask(Served& served, Link::Request request, io::Until until) {
  transfer::S3Result<http::ClientResponse> answer =
      co_await served.link->send(std::move(request), until);
  if (!answer) co_return std::unexpected(error_of(served.call, answer.error()));
  WholeAnswer whole{served.call.make_head(answer->status()), {}};
  pass_headers(whole.head, answer->head());
  Result<std::string> body = co_await answer->receive_all(kReplyBytesMax);
  if (!body) {
    const transfer::Failure broken(body.error());
    served.link->note_trouble(broken);
    co_return std::unexpected(error_of(served.call, broken));
  }
  whole.body = std::move(*body);
  if (transfer::is_error_reply(whole.body)) {
    transfer::ErrorReply told = transfer::parse_error_reply(whole.body);
    const int status = told.code == "SlowDown" ? 503 : told.code == "InternalError" ? 500 : 400;
    transfer::Failure failure =
        transfer::failure_of(status, told.code, told.message, told.request_id);
    failure.details = std::move(told.details);
    co_return std::unexpected(error_of(served.call, failure));
  }
  co_return whole;
}

}  // namespace cairn::gateway
