// Tells a write-ahead log's torn tail from damage.
//
// A pre-written log ends in zeros instead of at the end of the file, so the database's own reader
// cannot see where a power cut left it. The log's records (RocksDB's format: 32 KiB blocks of
// fragments {masked crc32c, length, type, data}) say it exactly, because each group of commits is
// one record and a record begins only after the one before was synced:
// - torn: the last record lacks sectors (they are still zero) and no record begins after it;
// - damaged: anything else that does not parse. Nothing of it may be dropped.
// Thread rule: pure functions.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

namespace cairn::catalog {

inline constexpr uint64_t kLogBlockBytes = 32 * 1024;
inline constexpr uint64_t kLogHeaderBytes = 7;

// Offset just behind the last whole record of `log`. kCorruption when the log is damaged.
Result<uint64_t> find_log_end(BytesView log);

}  // namespace cairn::catalog
