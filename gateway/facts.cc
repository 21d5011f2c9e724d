#include "gateway/facts.h"

#include <algorithm>

#include "base/dates.h"

namespace cairn::gateway {
namespace {

constexpr std::string_view kAmzPrefix = "x-amz-";
constexpr std::string_view kChecksumPrefix = "x-amz-checksum-";

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

std::string_view bare_etag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return etag;
}

bool is_told(std::string_view name) {
  static constexpr std::string_view kPlain[] = {"cache-control", "content-disposition",
                                                "content-encoding", "content-language", "expires"};
  if (std::ranges::find(kPlain, name) != std::end(kPlain)) return true;
  // Of the request, of the upstream's place, or of one way to ask.
  static constexpr std::string_view kNotTold[] = {"x-amz-request-id",
                                                  "x-amz-id-2",
                                                  "x-amz-bucket-region",
                                                  "x-amz-mp-parts-count",
                                                  "x-amz-cf-id",
                                                  "x-amz-request-charged",
                                                  "x-amz-access-point-alias",
                                                  "x-amz-bucket-arn",
                                                  "x-amz-content-sha256",
                                                  "x-amz-sdk-checksum-algorithm",
                                                  "x-amz-replication-status"};
  return name.starts_with(kAmzPrefix) && std::ranges::find(kNotTold, name) == std::end(kNotTold);
}

uint64_t ObjectFacts::memory_bytes() const {
  uint64_t bytes = sizeof *this + etag.size() + version_id.size() + content_type.size() +
                   absence.error.message.size() + absence.code.size();
  const auto add = [&](const std::vector<transfer::HeaderPair>& pairs) {
    for (const auto& [name, value] : pairs) {
      bytes += sizeof(transfer::HeaderPair) + name.size() + value.size();
    }
  };
  add(headers);
  add(checksums);
  add(absence.headers);
  return bytes;
}

Result<ObjectFacts> facts_of(const http::ReceivedHead& head) {
  ObjectFacts facts;
  const auto etag = head.get("etag");
  const auto modified = parse_http_date(head.get("last-modified").value_or(""));
  if (!head.content_length || !etag || bare_etag(*etag).empty()) {
    return fail(Code::kUnsupported,
                "the upstream tells no ETag or no length of its object: it cannot be cached");
  }
  facts.size_bytes = *head.content_length;
  facts.etag = bare_etag(*etag);
  facts.modified = modified.value_or(WallTime{});
  facts.version_id = head.get("x-amz-version-id").value_or("");
  facts.content_type = head.get("content-type").value_or("");
  for (const http::Field field : head.fields) {
    std::string name = lower_case(field.name);
    if (!is_told(name) || name == "x-amz-checksum-algorithm") continue;
    auto& into = name.starts_with(kChecksumPrefix) ? facts.checksums : facts.headers;
    into.emplace_back(std::move(name), field.value);
  }
  // Some servers tell the checksum of the parts' checksums as if it were the object's: clients
  // would find every body wrong.
  const bool has_parts = facts.etag.find('-') != std::string::npos;
  const bool is_typed = head.get("x-amz-checksum-type").has_value();
  if (has_parts && !is_typed) facts.checksums.clear();
  return facts;
}

}  // namespace cairn::gateway
