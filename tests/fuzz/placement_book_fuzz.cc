// Invariants: no input makes the reader of DIR/PLACEMENTS crash; what it accepts has a text that
// reads back as the same. The checksum is made right, so that the lines behind it are reached.
#include <cstdint>

#include "base/assert.h"
#include "base/encoding.h"
#include "crypto/digest.h"
#include "server/placement_book.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  using namespace cairn;
  const BytesView input(data, size_bytes);
  static_cast<void>(server::PlacementBook::parse(as_text(input)));
  const std::string whole =
      std::string(as_text(input)) + "check " + to_hex(crypto::sha256(input)) + "\n";
  const Result<server::PlacementBook> book = server::PlacementBook::parse(whole);
  if (!book) return 0;
  const Result<server::PlacementBook> again = server::PlacementBook::parse(book->text());
  ASSERT(again.has_value());
  ASSERT(*again == *book);
  return 0;
}
