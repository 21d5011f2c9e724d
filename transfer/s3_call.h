// Internal to the S3 client: one request before it is signed, and headers read back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.h"
#include "transfer/content_range.h"
#include "transfer/s3_client.h"

namespace cairn::transfer {

struct S3Client::Call {
  std::string method = "GET";
  std::string bucket = {};
  std::string key = {};
  std::vector<HeaderPair> query = {};  // Not encoded yet.
  std::vector<HeaderPair> headers = {};
  UploadBody body = {};
  bool is_object_body = false;      // Wants checksums and, where it pays, 100-continue.
  bool begins_upload = false;       // Announces the checksum of the parts.
  bool retry_safe = false;          // May be repeated although it is no idempotent method.
  std::string raw_target = {};      // Instead of bucket, key and query.
  bool any_status = false;          // Every answer is a success.
  std::string content_sha256 = {};  // Instead of what the body would be signed with.
  bool keeps_headers = false;       // In the failure.
};

namespace detail {

std::string encode_query(const std::vector<HeaderPair>& query);
std::string text_of(const http::ReceivedHead& head, std::string_view name);
std::string etag_of(const http::ReceivedHead& head);
ObjectInfo info_of(const http::ReceivedHead& head);
std::string crc64_text(uint64_t crc);
// Retry-After and x-amz-*, names in lower case.
std::vector<HeaderPair> told_headers(const http::ReceivedHead& head);
void add_conditions(std::vector<HeaderPair>& headers, const Conditions& conditions);
std::string range_text(ByteRange range);

}  // namespace detail
}  // namespace cairn::transfer
