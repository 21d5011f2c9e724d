// Keeps the file system's journal out of a synced log write.
//
// A log that grows changes its size and extents, so each fdatasync commits the file system's
// journal as well (150 us quiet, up to 2 ms on a busy ext4; a write into a pre-written file takes
// half of that and does not feel the neighbours). This decorator gives RocksDB log files that were
// filled with zeros and synced before they are used. A spare one is prepared in the background.
//
// Readers of a log that is still open see its end where the last append ended. A log that is closed
// is cut to its contents. What a crash leaves is cut by repair_logs() before the database opens.
// Thread rule: any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace rocksdb {
class FileSystem;
}  // namespace rocksdb

namespace cairn::catalog {

// `directory` is the database's; the spare file lives there. `spare_bytes` = size of a spare log.
std::shared_ptr<rocksdb::FileSystem> make_wal_file_system(std::shared_ptr<rocksdb::FileSystem> base,
                                                          std::string directory,
                                                          uint64_t spare_bytes);

// Cuts every log of `directory` behind its last whole record. kCorruption when a log is damaged
// before its tail (wal_tail.h); nothing is changed then.
Status repair_logs(rocksdb::FileSystem& base, const std::string& directory);

}  // namespace cairn::catalog
