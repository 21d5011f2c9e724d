#include "storage/log_file.h"

#include "base/assert.h"

namespace cairn::storage {

LogFile::~LogFile() {
  ASSERT(uses_.load() == 0);
}

io::Task<void> LogFile::release() {
  if (uses_.fetch_sub(1, std::memory_order_acq_rel) != 1) co_return;
  co_await file_->close();
}

}  // namespace cairn::storage
