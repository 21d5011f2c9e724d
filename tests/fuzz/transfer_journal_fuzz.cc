// Invariants: no bytes make the reader of journals exceed their bounds; records that it gives back
// are framed within the input.
#include "base/assert.h"
#include "transfer/journal.h"

using namespace cairn;
using namespace cairn::transfer;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  size_t sum_bytes = 0;
  for (const Bytes& record : parse_journal({data, size})) {
    ASSERT(!record.empty() && record.size() <= kJournalRecordBytesMax);
    sum_bytes += record.size();
  }
  ASSERT(sum_bytes <= size);
  RecordReader in({data, size});
  while (in.number() != 0) static_cast<void>(in.text());
  static_cast<void>(in.is_whole());
  return 0;
}
