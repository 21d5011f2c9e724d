// Standard input as an object: one PUT when it is short, else parts as they come in.
#pragma once

#include <optional>

#include "cli/object_flags.h"
#include "cli/session.h"

namespace cairn::cli {

inline constexpr uint64_t kStreamPartBytes = 16 * MiB;  // 156 GiB in S3's 10,000 parts.
inline constexpr size_t kStreamPartsAtOnce = 4;

// `expected_bytes` makes parts large enough for a stream of that length. A stream that fails or is
// interrupted leaves nothing: it cannot be read again. kOutOfRange beyond 10,000 parts.
io::Task<transfer::S3Result<transfer::PutResult>> upload_stream(
    Session& session, int descriptor, std::string bucket, std::string key, ObjectFlags flags,
    std::optional<uint64_t> expected_bytes);

}  // namespace cairn::cli
