#include "transfer/tagging.h"

#include <algorithm>
#include <array>

#include "sigv4/uri.h"
#include "transfer/xml_replies.h"

namespace cairn::transfer {
namespace {

// Forbidden, not found, not allowed, not implemented.
constexpr std::array kHasNone = {403, 404, 405, 501};

}  // namespace

io::Task<S3Result<std::string>> fetch_tagging(S3Client& client, std::string bucket, std::string key,
                                              std::string version_id, io::Until until) {
  S3Client::Forwarded request{.bucket = std::move(bucket), .key = std::move(key)};
  request.query.emplace_back("tagging", "");
  if (!version_id.empty()) request.query.emplace_back("versionId", std::move(version_id));
  S3Result<http::ClientResponse> answer = co_await client.forward(std::move(request), until);
  if (!answer && std::ranges::find(kHasNone, answer.error().status) != kHasNone.end()) {
    co_return std::string();
  }
  http::ClientResponse response = co_await or_fail(std::move(answer));
  const std::string body = co_await or_fail(response.receive_all(kTaggingBytesMax));
  const std::vector<HeaderPair> tags = co_await or_fail(parse_tagging(body));
  std::string out;
  for (const auto& [name, value] : tags) {
    if (!out.empty()) out += '&';
    sigv4::append_uri_encoded(out, name, sigv4::Slash::kEncode);
    out += '=';
    sigv4::append_uri_encoded(out, value, sigv4::Slash::kEncode);
  }
  co_return out;
}

}  // namespace cairn::transfer
