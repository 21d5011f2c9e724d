// What cp, mv, sync, push and pull move: one file or object, from where to where.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/location.h"
#include "crypto/digest.h"
#include "transfer/s3_types.h"

namespace cairn::cli {

struct TransferItem {
  Location from;
  Location to;
  uint64_t size_bytes = 0;
  WallTime modified;  // Of the source.
  std::string etag;   // Of a source object; empty = not known.
  std::string version_id;
  // Of a target in a directory: the directory; to.path is made inside it when its turn comes.
  std::string directory;
  std::string relative_path;  // Below it; what filters look at.
  // Required of what is downloaded.
  std::optional<crypto::Sha256Value> sha256;
  // Permission bits that a downloaded file gets; nullopt = as new files are.
  std::optional<uint32_t> mode;
  // Added to the headers of a new object.
  std::vector<transfer::HeaderPair> headers;
};

}  // namespace cairn::cli
