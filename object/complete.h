// What CompleteMultipartUpload checks and computes from the parts: pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "object/objects.h"
#include "object/records.h"

namespace cairn::object {

// The stored parts that `options` lists, in order. kInvalidArgument with kInvalidPart,
// kInvalidPartOrder, kPartTooSmall, kSizeMismatch or kChecksumMissing.
Result<std::vector<const Part*>> choose_parts(const std::vector<Part>& stored,
                                              const UploadInfo& upload,
                                              const CompleteOptions& options);

// Checksums of this kind can be joined.
bool is_crc(DigestKind kind);

// Hex MD5 over the parts' MD5s and "-N".
std::string combined_etag(const std::vector<const Part*>& parts);
std::string etag_of_parts(const std::vector<ManifestPart>& parts);

// The object's checksum as far as the parts tell it: composite, or combined CRCs. Unset for a
// full-object digest that only reading the bytes can give.
std::optional<ObjectChecksum> combined_checksum(const std::vector<const Part*>& parts,
                                                const UploadInfo& upload);

// kInvalidArgument kChecksumMismatch unless the caller's checksum of the whole object agrees.
Status check_whole(const CompleteOptions& options, const ObjectChecksum& checksum);

}  // namespace cairn::object
