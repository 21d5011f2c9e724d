// Records of TLS as a peer may send them. Law: nothing that was not sealed opens, no size is beyond
// what a record may have, and what was sealed opens as it was.
#include <array>
#include <cstdint>
#include <cstdlib>

#include "crypto/tls_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  using namespace cairn::crypto;
  if (!RecordProtection::works()) return 0;
  const BytesView input(data, size);
  const Sha256Value secret{7};
  if (size >= kRecordHeaderBytes) {
    const auto bytes = RecordProtection::record_bytes(input);
    if (bytes && (*bytes < kRecordOverheadBytes || *bytes > kRecordBytesMax)) std::abort();
    if (bytes && *bytes <= size) {
      RecordProtection by(secret);
      Bytes into(*bytes - kRecordOverheadBytes);
      if (by.open(input.first(*bytes), into)) std::abort();
    }
  }
  const BytesView plain = input.first(std::min(size, kRecordPlainBytesMax));
  const std::array<BytesView, 2> pieces{plain.first(plain.size() / 2),
                                        plain.subspan(plain.size() / 2)};
  RecordProtection there(secret);
  RecordProtection here(secret);
  Bytes record(plain.size() + kRecordOverheadBytes);
  there.seal(RecordType::kData, pieces, record);
  Bytes into(plain.size());
  const auto opened = here.open(record, into);
  if (!opened || opened->size_bytes != plain.size()) std::abort();
  if (!std::equal(plain.begin(), plain.end(), into.begin())) std::abort();
  return 0;
}
