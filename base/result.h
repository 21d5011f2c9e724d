// Error values. Every fallible function of Cairn returns Result<T>; exceptions never cross a
// module.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace cairn {

// The closed set of failure classes. A caller decides by the code; the message is for people.
enum class Code : unsigned char {
  kInvalidArgument,     // The input is malformed; the same call can never succeed.
  kNotFound,            // The named thing does not exist.
  kAlreadyExists,       // The named thing exists and must not.
  kFailedPrecondition,  // A stated precondition did not hold (lost race, conditional write).
  kOutOfRange,          // An offset or index lies outside the thing.
  kPermissionDenied,    // The caller may not do this.
  kCorruption,          // Bytes do not authenticate or do not parse; never served.
  kIo,                  // The device or the peer failed (EIO, reset).
  kNoSpace,             // Disk or quota is full; reads and deletes still work.
  kResourceExhausted,   // A bound of memory, descriptors or queue depth was reached; retry later.
  kUnavailable,         // Temporarily not able to serve (draining, read-only, dependency down).
  kDeadlineExceeded,    // The deadline passed before the work was done.
  kCancelled,           // The owner asked the work to stop.
  kClosed,              // The peer closed the stream in good order.
  kUnsupported,         // Valid, but deliberately not implemented here.
  kInternal,            // A bug of ours that was contained.
};

std::string_view to_string(Code code);

// A failure: what class, and one sentence that tells a person what happened and what to do.
struct [[nodiscard]] Error {
  Code code = Code::kInternal;
  std::string message;

  // Returns this error with `where: ` put before its message.
  Error with_context(std::string_view where) const;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// Makes the value that a function returning any Result<T> can return on failure.
inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

// Makes an Error from an errno value: ENOSPC/EDQUOT -> kNoSpace, ENOENT -> kNotFound, EEXIST ->
// kAlreadyExists, EMFILE/ENFILE/ENOMEM -> kResourceExhausted, ECANCELED -> kCancelled,
// ETIMEDOUT -> kDeadlineExceeded, EACCES/EPERM -> kPermissionDenied, anything else -> kIo.
Error errno_error(int error_number, std::string_view what);

}  // namespace cairn
