// x-amz-copy-source, parsed in one place, once: what is authorised is what is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "s3/errors.h"

namespace cairn::s3 {

struct CopySource {
  std::string bucket;
  std::string key;
  std::optional<std::string> version_id;
};
// `[/]bucket/key[?versionId=id]`, URL-encoded, '+' is a space, `%2F` may stand between bucket and
// key. 400 InvalidArgument when it is no such thing; bucket name and key are checked as in a path.
S3Result<CopySource> parse_copy_source(std::string_view header);

}  // namespace cairn::s3
