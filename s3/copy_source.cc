#include "s3/copy_source.h"

#include <algorithm>

#include "s3/uri.h"

namespace cairn::s3 {

S3Result<CopySource> parse_copy_source(std::string_view header) {
  constexpr std::string_view kVersion = "?versionId=";
  const auto bad = [&](std::string message) {
    return invalid_argument(std::move(message), "x-amz-copy-source", header);
  };
  // The version is split off while '?' of the key is still %3F; both are decoded once.
  const size_t question = header.find(kVersion);
  const std::optional<std::string> path = percent_decode(header.substr(0, question), Plus::kSpace);
  if (!path) return bad("Invalid copy source encoding.");
  CopySource source;
  if (question != std::string_view::npos) {
    source.version_id = percent_decode(header.substr(question + kVersion.size()), Plus::kSpace);
    if (!source.version_id) return bad("Invalid copy source encoding.");
    if (source.version_id->empty()) return bad("Version id cannot be the empty string");
  }
  std::string_view rest = *path;
  if (rest.starts_with('/')) rest.remove_prefix(1);
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos || slash + 1 == rest.size()) {
    return bad("Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
  }
  source.bucket = rest.substr(0, slash);
  source.key = rest.substr(slash + 1);
  if (!check_bucket_name(source.bucket)) return bad("Invalid copy source bucket name");
  if (!check_key(source.key)) return bad("Invalid copy source object key");
  return source;
}

}  // namespace cairn::s3
