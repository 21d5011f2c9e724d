// Invariants: no input makes the reader of a migration's state crash; what it accepts has one
// encoding that is read back the same.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "server/migration_state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<server::MigrationState> state = server::parse_migration_state(text);
  if (!state) return 0;
  const Result<server::MigrationState> again =
      server::parse_migration_state(server::encode_migration_state(*state));
  ASSERT(again.has_value() && *again == *state);
  return 0;
}
