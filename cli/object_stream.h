// The bytes of an object, in order, into a descriptor: what `cat` and `cp s3://... -` need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/units.h"
#include "cli/session.h"

namespace cairn::cli {

struct ObjectName {
  std::string bucket;
  std::string key;
  std::string version_id = {};
};

// Writes the whole object or a range of it to `descriptor`. A connection that breaks is taken up
// where it broke, on the same object (ETag). A whole object whose CRC-64/NVME the server tells is
// verified: kCorruption, after the bytes were written. A reader that went away is kClosed.
// Returns how many bytes were written.
io::Task<transfer::S3Result<uint64_t>> write_object(Session& session, ObjectName name,
                                                    std::optional<ByteRange> range, int descriptor);

}  // namespace cairn::cli
