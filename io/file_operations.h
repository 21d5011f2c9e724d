// File operations by blocking system calls on worker threads, for backends that have no better way.
#pragma once

#include <cstdint>

#include "io/backend.h"
#include "io/workers.h"

namespace cairn::io {

// Carries out a kRead, kWrite, kSyncData or kAllocate. Returns a count or a negated errno value.
// Thread rule: any thread.
int32_t carry_out_file_operation(const Operation& operation);

// The process's threads for it (8 threads, 65536 operations).
Workers& file_workers();

}  // namespace cairn::io
