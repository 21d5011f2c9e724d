// Request bodies in XML. Before the parser sees a byte, a scan refuses DOCTYPE, entity
// declarations, processing instructions, unknown entities, NUL, bad UTF-8 and nesting deeper than
// kXmlDepthMax (RELIABILITY.md S10, S11). Names are compared without prefix and namespace. Every
// failure is 400 MalformedXML, but a body over its bound: 400 MaxMessageLengthExceeded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/units.h"
#include "crypto/digest.h"
#include "s3/errors.h"

namespace cairn::s3 {

inline constexpr size_t kXmlDepthMax = 16;
inline constexpr size_t kXmlBodyBytesMax = 64 * KiB;
inline constexpr size_t kXmlListBodyBytesMax = 4 * MiB;  // Delete, CompleteMultipartUpload.
inline constexpr size_t kDeleteKeysMax = 1000;
inline constexpr size_t kCompletePartsMax = 10000;

// The scan alone; used by every parser below.
S3Status check_xml(std::string_view body, size_t size_bytes_max);

// One grant of an AccessControlPolicy; of the names of its grantee, those that were given.
struct AclGrant {
  std::string id;
  std::string uri;
  std::string email;
  std::string type;  // xsi:type of the grantee; empty when it is left out.
  std::string permission;
};
struct AclDocument {
  std::string owner_id;
  std::vector<AclGrant> grants;
};
// At most kAclGrantsMax grants. MalformedACLError when the Owner or the list is missing.
inline constexpr size_t kAclGrantsMax = 100;
S3Result<AclDocument> parse_acl(std::string_view body);

// The settings of a PublicAccessBlockConfiguration by name; those left out are not there.
S3Result<std::vector<std::pair<std::string, bool>>> parse_public_access_block(
    std::string_view body);
// The ObjectOwnership of the one rule of OwnershipControls.
S3Result<std::string> parse_ownership_controls(std::string_view body);

// An empty body is an empty constraint. The tags are as they came: config_tagging.h judges them.
struct CreateBucketConfiguration {
  std::string location_constraint;
  std::vector<std::pair<std::string, std::string>> tags;
};
S3Result<CreateBucketConfiguration> parse_create_bucket(std::string_view body);

struct DeleteEntry {
  std::string key;
  std::optional<std::string> version_id;
  std::optional<std::string> etag;  // Without quotes.
  std::optional<WallTime> last_modified;
  std::optional<uint64_t> size_bytes;
};
struct DeleteRequest {
  bool quiet = false;
  std::vector<DeleteEntry> objects;
};
// More than kDeleteKeysMax or no objects are MalformedXML.
S3Result<DeleteRequest> parse_delete(std::string_view body);

struct CompletePart {
  uint32_t number = 0;
  std::string etag;  // Without quotes.
  std::vector<std::pair<crypto::DigestKind, crypto::DigestValue>> checksums;
};
struct CompleteRequest {
  std::vector<CompletePart> parts;  // In the order of the body; the order is not judged here.
};
S3Result<CompleteRequest> parse_complete(std::string_view body);

}  // namespace cairn::s3
