// Tags of buckets and objects (S3.md 2.3): the Tagging document, the x-amz-tagging header, and the
// rules both obey. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "s3/errors.h"

namespace cairn::s3 {

// In the order in which they were given; keys are unique.
using Tags = std::vector<std::pair<std::string, std::string>>;

enum class TagOwner : uint8_t { kBucket, kObject };

// Limits of AWS, in characters.
inline constexpr size_t kBucketTagsMax = 50;
inline constexpr size_t kObjectTagsMax = 10;
inline constexpr size_t kTagKeyCharsMax = 128;
inline constexpr size_t kTagValueCharsMax = 256;

// MalformedXML, InvalidTag (with TagKey, TagValue), BadRequest for too many tags of a bucket.
S3Result<Tags> parse_tagging(std::string_view body, TagOwner owner);
// x-amz-tagging of an object: URL-encoded pairs. InvalidArgument when it is not, else as above.
S3Result<Tags> parse_tagging_header(std::string_view header);
// Keys and values alone. InvalidTag.
S3Status check_tags(const Tags& tags, TagOwner owner);

// The document: what GET answers and what is stored.
std::string write_tagging(const Tags& tags);

}  // namespace cairn::s3
