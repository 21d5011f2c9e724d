// The root key of a data directory: loading it, and replacing it while the server runs.
//
// Rotation: the new key is written beside the old one (`<file>.new`), every tenant key is wrapped
// with it in one commit, then the file takes the old one's name. A crash in between leaves both
// files; which of the two fits is found out at the next start (Stores::open), which then finishes
// or forgets the rotation.
// Thread rule: one reactor, one rotation at a time.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "crypto/key_ring.h"
#include "io/task.h"
#include "server/config.h"
#include "server/data_directory.h"

namespace cairn::server {

class Stores;

// Where the root key lies, as RootKeySource::spec.
std::string root_key_spec(const Config& config, const DataDirectory& directory);
// Its path; nullopt when it is not kept in a file.
std::optional<std::string> root_key_file(const Config& config, const DataDirectory& directory);
// Of a rotation that was cut short.
std::string new_root_key_file(const std::string& root_key_file);

// Makes `<file>.new` the root key file, durably.
Status adopt_new_root_key(const std::string& root_key_file);
Status forget_new_root_key(const std::string& root_key_file);

// Returns the number of tenant keys that were wrapped anew. kInvalidArgument when the root key is
// not kept in a file: whoever provides it has to replace it.
io::Task<Result<size_t>> rotate_root_key(const Config& config, const DataDirectory& directory,
                                         Stores& stores);

}  // namespace cairn::server
