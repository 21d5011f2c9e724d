// Whether a file and an object, or two objects, hold the same bytes, told by checksums: CRC-64/NVME
// or SHA-256 where the server tells one of the whole object, else an ETag that is an MD5.
#pragma once

#include <optional>

#include "cli/session.h"

namespace cairn::cli {

// SHA-256, CRC-64/NVME or MD5 of a file; blocking reads on the pool's threads.
io::Task<Result<crypto::DigestValue>> digest_of_file(std::string path, crypto::DigestKind kind);

// nullopt when the server tells nothing that could be compared.
io::Task<Result<std::optional<bool>>> file_equals_object(Session& session, std::string path,
                                                         std::string bucket, std::string key);
io::Task<Result<std::optional<bool>>> objects_equal(Session& session, std::string bucket_a,
                                                    std::string key_a, std::string bucket_b,
                                                    std::string key_b);

}  // namespace cairn::cli
