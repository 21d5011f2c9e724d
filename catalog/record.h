// A value on disk: 8 bytes big-endian version, then the payload. The same 8 bytes mark the
// beginning of each commit in the log. Included by .cc files only.
#pragma once

#include <rocksdb/slice.h>

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "catalog/catalog.h"

namespace cairn::catalog {

inline constexpr size_t kVersionBytes = 8;
using VersionBytes = std::array<char, kVersionBytes>;

inline VersionBytes encode_version(Version version) {
  VersionBytes bytes;
  store_be(reinterpret_cast<uint8_t*>(bytes.data()), version);
  return bytes;
}

// REQUIRES: value.size() >= kVersionBytes.
inline Version version_of(const rocksdb::Slice& value) {
  return load_be<Version>(reinterpret_cast<const uint8_t*>(value.data()));
}

}  // namespace cairn::catalog
