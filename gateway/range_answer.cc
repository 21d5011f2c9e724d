#include "gateway/range_answer.h"

#include "transfer/content_range.h"

namespace cairn::gateway {
namespace {

using transfer::Failure;
using transfer::S3Status;

constexpr int kPreconditionFailed = 412;

std::string range_text(ByteRange range) {
  return "bytes=" + std::to_string(range.offset_bytes) + "-" +
         std::to_string(range.end_bytes() - 1);
}

}  // namespace

Failure wrong_answer(std::string what) {
  Failure failure(Error{Code::kUnavailable, "the upstream " + std::move(what)});
  failure.is_retryable = true;
  return failure;
}

Failure late_answer() {
  Failure failure(Error{Code::kDeadlineExceeded, "the upstream sends nothing, or too slowly"});
  failure.is_retryable = true;
  return failure;
}

Link::Request range_request(const RemoteObject& object, ByteRange range) {
  Link::Request request;
  request.key = object.key;
  if (!object.version_id.empty()) request.query.emplace_back("versionId", object.version_id);
  request.headers = {{"Range", range_text(range)}, {"If-Match", "\"" + object.etag + "\""}};
  return request;
}

bool is_another_object(const Failure& failure) {
  return failure.status == kPreconditionFailed;
}

S3Status check_range(const http::ReceivedHead& head, const RemoteObject& object, ByteRange range) {
  if (bare_etag(head.get("etag").value_or("")) != object.etag) {
    Failure failure(Error{Code::kFailedPrecondition,
                          "the upstream answers with another ETag than it was asked for"});
    failure.status = kPreconditionFailed;
    return std::unexpected(std::move(failure));
  }
  const bool is_whole = range.offset_bytes == 0 && range.size_bytes == object.size_bytes;
  if (head.status == 200 && is_whole) {
    if (head.content_length && *head.content_length != range.size_bytes) {
      return std::unexpected(wrong_answer("answers with another length than it told"));
    }
    return {};
  }
  const auto told = transfer::parse_content_range(head.get("content-range").value_or(""));
  if (head.status != 206 || !told || told->range.offset_bytes != range.offset_bytes ||
      told->range.size_bytes != range.size_bytes || told->total_bytes != object.size_bytes ||
      (head.content_length && *head.content_length != range.size_bytes)) {
    return std::unexpected(wrong_answer("answers with another range than it was asked for"));
  }
  return {};
}

}  // namespace cairn::gateway
