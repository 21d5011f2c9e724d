// Where the endpoint, the region and the credentials of a command come from.
//
// A *profile* is one set of them. Its name is --profile, else AWS_PROFILE, else "default". Each
// setting is taken from the first of these that has it:
//   1. flags (--endpoint-url, --region, --ca-bundle),
//   2. the profile, when --profile names it (as with aws-cli, that outweighs the environment),
//   3. the environment: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION,
//      AWS_CA_BUNDLE, and AWS_ACCESS_KEY_ID + AWS_SECRET_ACCESS_KEY (+ AWS_SESSION_TOKEN),
//   4. the profile: ~/.config/cairn/config, then ~/.aws/credentials, then ~/.aws/config,
//   5. defaults: http://127.0.0.1:9000 (a `cairn serve` beside us), us-east-1, the system's CAs.
// Access key, secret and session token are taken from one source, never mixed.
// Blocking file reads; used before the reactor runs. Secrets are never part of a message.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace cairn::cli {

inline constexpr char kDefaultEndpoint[] = "http://127.0.0.1:9000";
inline constexpr char kDefaultRegion[] = "us-east-1";

struct Profile {
  std::string name = "default";
  std::string endpoint = kDefaultEndpoint;
  std::string region = kDefaultRegion;
  std::string ca_bundle;  // Empty = the system's.
  std::string access_key;
  std::string secret_key;
  std::string session_token;
  std::string addressing = "path";    // Or "virtual".
  bool has_default_endpoint = false;  // Nobody named one.
  bool has_credentials() const { return !access_key.empty(); }
};

using Environment = std::function<std::optional<std::string>(const std::string& variable)>;
// Of this process; an empty variable counts as absent.
Environment process_environment();

struct ProfileFlags {
  std::string profile;
  std::string endpoint;
  std::string region;
  std::string ca_bundle;
};

// kNotFound when --profile (or AWS_PROFILE) names none that exists; kInvalidArgument names the file
// and line that does not parse, an endpoint that is not an origin, half a pair of credentials;
// kPermissionDenied when Cairn's file can be read by others. Texts for people to be shown are added
// to `warnings`.
Result<Profile> resolve_profile(const ProfileFlags& flags, const Environment& environment,
                                std::vector<std::string>& warnings);

// $CAIRN_CONFIG_FILE, $XDG_CONFIG_HOME/cairn/config or ~/.config/cairn/config.
std::string profile_file_path(const Environment& environment);
// Writes the settings of `profile` into the file, atomically, mode 0600 in a folder of mode 0700;
// other profiles stay, comments do not.
Status save_profile(const std::string& path, const Profile& profile);

// http(s)://HOST[:PORT] without path, query or user. A trailing '/' is taken off.
Result<std::string> checked_endpoint(std::string endpoint);

}  // namespace cairn::cli
