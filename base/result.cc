#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace cairn {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return "invalid argument";
    case Code::kNotFound: return "not found";
    case Code::kAlreadyExists: return "already exists";
    case Code::kFailedPrecondition: return "failed precondition";
    case Code::kOutOfRange: return "out of range";
    case Code::kPermissionDenied: return "permission denied";
    case Code::kCorruption: return "corruption";
    case Code::kIo: return "I/O error";
    case Code::kNoSpace: return "no space";
    case Code::kResourceExhausted: return "resource exhausted";
    case Code::kUnavailable: return "unavailable";
    case Code::kDeadlineExceeded: return "deadline exceeded";
    case Code::kCancelled: return "cancelled";
    case Code::kClosed: return "closed";
    case Code::kUnsupported: return "unsupported";
    case Code::kInternal: return "internal error";
  }
  return "unknown";
}

Error Error::with_context(std::string_view where) const {
  std::string text(where);
  text += ": ";
  text += message;
  return Error{code, std::move(text)};
}

namespace {

Code code_of_errno(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT: return Code::kNoSpace;
    case ENOENT: return Code::kNotFound;
    case EEXIST: return Code::kAlreadyExists;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS: return Code::kResourceExhausted;
    case ECANCELED: return Code::kCancelled;
    case ETIMEDOUT: return Code::kDeadlineExceeded;
    case EACCES:
    case EPERM: return Code::kPermissionDenied;
    case EINVAL: return Code::kInvalidArgument;
    default: return Code::kIo;
  }
}

}  // namespace

Error errno_error(int error_number, std::string_view what) {
  std::string text(what);
  text += ": ";
  text += ::strerror(error_number);  // NOLINT(concurrency-mt-unsafe): glibc's is thread-safe.
  return Error{code_of_errno(error_number), std::move(text)};
}

}  // namespace cairn
