// Where a migration is (migration.h): a row of the catalog that it fills, written with the rows
// that it tells of. docs/format.md has the form. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn::server {

// No row of the object layer or of accounts begins so.
inline constexpr std::string_view kMigrationRow = "migrate/state";
inline constexpr size_t kMigrationStateBytesMax = 64 * 1024;

struct MigrationState {
  std::string source;     // Which data directory is copied: a digest, hex.
  uint64_t version = 0;   // Changes of the source up to this one are in the target.
  std::string cursor;     // Rows below were compared once in this pass.
  bool compared = false;  // The pass is through.
  bool done = false;      // The target may be served; the source takes no writes.
  friend bool operator==(const MigrationState&, const MigrationState&) = default;
};

std::string encode_migration_state(const MigrationState& state);
// kCorruption for anything else.
Result<MigrationState> parse_migration_state(std::string_view text);

}  // namespace cairn::server
