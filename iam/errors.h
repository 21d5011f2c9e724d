// How operations on accounts fail. The Code tells the class; where one class has several names in
// AWS's API, Error::message starts with a reason.
//
//   kNotFound            NoSuchEntity
//   kAlreadyExists       EntityAlreadyExists
//   kResourceExhausted   LimitExceeded
//   kFailedPrecondition  DeleteConflict
//   kInvalidArgument     ValidationError, or one of the reasons below
//   kPermissionDenied    AccessDenied
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn::iam {

namespace reason {
inline constexpr std::string_view kMalformedPolicy = "MalformedPolicyDocument: ";
inline constexpr std::string_view kInvalidInput = "InvalidInput: ";
inline constexpr std::string_view kUnmodifiable = "UnmodifiableEntity: ";
// Of session tokens and identity tokens.
inline constexpr std::string_view kExpiredToken = "ExpiredToken: ";
inline constexpr std::string_view kInvalidToken = "InvalidIdentityToken: ";
inline constexpr std::string_view kRejectedClaim = "IDPRejectedClaim: ";
inline constexpr std::string_view kProviderUnreachable = "IDPCommunicationError: ";
}  // namespace reason

// `reason` and `message` joined.
std::unexpected<Error> fail_with(Code code, std::string_view why, std::string_view message);
// "The user with name NAME cannot be found."
std::unexpected<Error> no_such(std::string_view kind, std::string_view name);
std::unexpected<Error> exists_already(std::string_view kind, std::string_view name);
// "Cannot exceed quota for UsersPerAccount: 5000"
std::unexpected<Error> over_limit(std::string_view quota, size_t most);

}  // namespace cairn::iam
