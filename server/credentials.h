// The root user's access key and secret: from the environment, else from DIR/credentials, which is
// made on the first start. The secret is never logged.
// Thread rule: start-up thread only.
#pragma once

#include <string>

#include "base/random.h"
#include "base/result.h"

namespace cairn::server {

inline constexpr const char* kAccessKeyVariable = "CAIRN_ROOT_ACCESS_KEY";
inline constexpr const char* kSecretKeyVariable = "CAIRN_ROOT_SECRET_KEY";

struct RootCredentials {
  std::string access_key;
  std::string secret_key;
  bool created = false;  // The file was made just now; the caller says where.
};

// CAIRN_ROOT_ACCESS_KEY and CAIRN_ROOT_SECRET_KEY when both are set (they are then wiped from the
// environment), else the file at `path`, else a new pair written there with mode 0600. The file's
// lines are AWS_ACCESS_KEY_ID=... and AWS_SECRET_ACCESS_KEY=..., so a shell can source it.
// kInvalidArgument when one variable of the two is missing or a value is unusable;
// kPermissionDenied when others may read the file.
Result<RootCredentials> load_root_credentials(const std::string& path, Random& random);

// The pair in a file of that form. kNotFound, kInvalidArgument, kPermissionDenied.
Result<RootCredentials> read_credentials(const std::string& path);

// Reads a variable, overwrites its bytes (also in /proc/PID/environ) and removes it. Not
// thread-safe.
std::string take_environment_secret(const char* name);

}  // namespace cairn::server
