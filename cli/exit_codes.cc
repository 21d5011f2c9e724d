#include "cli/exit_codes.h"

namespace cairn::cli {

int exit_code_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return kExitUsage;
    case Code::kNotFound: return kExitNotFound;
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition: return kExitPrecondition;
    case Code::kPermissionDenied: return kExitDenied;
    case Code::kCorruption: return kExitDamaged;
    case Code::kCancelled: return kExitInterrupted;
    default: return kExitFailed;
  }
}

int exit_code_of_status(int status) {
  switch (status) {
    case 200: return kExitDone;
    case 400: return kExitUsage;
    case 401:
    case 403: return kExitDenied;
    case 404: return kExitNotFound;
    case 409: return kExitPrecondition;
    default: return kExitFailed;
  }
}

void ExitCodeSum::add(const Error& error) {
  const int code = exit_code_of(error.code);
  if (code == kExitInterrupted || code_ == kExitInterrupted) {
    code_ = kExitInterrupted;
  } else if (code_ == kExitDone || code_ == code) {
    code_ = code;
  } else {
    code_ = kExitFailed;
  }
}

int ExitCodeSum::value() const {
  const bool is_mixed =
      has_success_ && code_ != kExitDone && code_ != kExitInterrupted && code_ != kExitDamaged;
  return is_mixed ? kExitFailed : code_;
}

}  // namespace cairn::cli
