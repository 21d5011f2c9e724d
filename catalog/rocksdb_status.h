// RocksDB's statuses as our errors. Included by .cc files only.
#pragma once

#include <rocksdb/status.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn::catalog {

// REQUIRES: !status.ok().
inline std::unexpected<Error> to_error(const rocksdb::Status& status, std::string_view what) {
  Code code = Code::kIo;
  if (status.IsNoSpace()) {
    code = Code::kNoSpace;
  } else if (status.IsCorruption()) {
    code = Code::kCorruption;
  } else if (status.IsBusy() || status.IsTryAgain() || status.IsIncomplete() ||
             status.IsTimedOut() || status.IsShutdownInProgress()) {
    code = Code::kUnavailable;
  }
  std::string message(what);
  message += ": ";
  message += status.ToString();
  return fail(code, std::move(message));
}

}  // namespace cairn::catalog
