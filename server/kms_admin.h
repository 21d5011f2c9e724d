// The admin commands about the keys of SSE-KMS, and the keys that a configuration asks for.
//
//   GET  /admin/v1/kms-list?tenant=N
//   POST /admin/v1/kms-create?tenant=N&id=NAME&alias=NAME     `alias` may repeat
//   POST /admin/v1/kms-enable?tenant=N&key=NAME   kms-disable, kms-rotate, kms-delete
//
// `tenant` is the root tenant's number when it is not given; replies are JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/key_ring.h"
#include "io/task.h"
#include "object/objects.h"

namespace cairn::server {

inline constexpr std::string_view kKmsListCommand = "kms-list";

struct KmsAdmin {
  object::Objects& objects;
  const crypto::KeyRing& keys;
  std::string region;
};

// `name` begins with "kms-". kNotFound for no such command or key, kInvalidArgument for parameters
// that are wrong or missing, and as Objects::change_kms_key().
io::Task<Result<std::string>> run_kms_command(KmsAdmin admin, std::string name, std::string query);

// Makes those keys of the root tenant that do not exist.
io::Task<Status> ensure_kms_keys(KmsAdmin admin, std::vector<std::string> names);

}  // namespace cairn::server
