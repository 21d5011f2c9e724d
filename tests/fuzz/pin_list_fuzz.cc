// The list of pins of a data directory: any bytes are a list or refused, and a list that was read
// is written back as what reads the same.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "server/pin_list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using cairn::server::CacheSelection;
  using cairn::server::PinList;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const cairn::Result<std::vector<CacheSelection>> pins = PinList::decode(text);
  if (!pins) return 0;
  const cairn::Result<std::vector<CacheSelection>> again = PinList::decode(PinList::encode(*pins));
  ASSERT(again.has_value() && *again == *pins);
  return 0;
}
