// Every message that the native door parses; the first byte chooses which. Laws: what was parsed is
// within the bounds that the code behind it relies on.
#include <cstdint>
#include <cstdlib>

#include "native/messages.h"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

void check_names(const std::vector<cairn::object::ContentName>& names, size_t count_max) {
  expect(names.size() <= count_max);
  for (const auto& name : names) {
    expect(name.size_bytes > 0 && name.size_bytes <= cairn::object::kBodyChunkBytesMax);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  if (size == 0) return 0;
  const BytesView body(data + 1, size - 1);
  switch (data[0] % 6) {
    case 0: {
      static_cast<void>(native::parse_begin(body));
      break;
    }
    case 1: {
      const auto offer = native::parse_offer(body);
      if (offer) check_names(*offer, object::kNativeOfferNamesMax);
      break;
    }
    case 2: {
      const auto proofs = native::parse_prove(body);
      if (!proofs) break;
      expect(proofs->size() <= native::kProofsMax);
      for (const native::Proof& proof : *proofs) expect(proof.nonce.size() == native::kNonceBytes);
      break;
    }
    case 3: {
      const auto chunks = native::parse_segments(body);
      if (!chunks) break;
      size_t count = 0;
      for (const auto& chunk : *chunks) count += chunk.size();
      expect(count <= object::kNativeOfferNamesMax);
      break;
    }
    case 4: {
      const auto recipe = native::parse_fill_head(body);
      if (!recipe) break;
      expect(object::check_recipe(*recipe).has_value());
      expect(recipe->sent_bytes() <= recipe->size_bytes());
      expect(recipe->size_bytes() <= object::kBodyChunkBytesMax);
      break;
    }
    default: {
      const auto chunks = native::parse_commit(body);
      if (chunks) check_names(*chunks, object::kNativeChunksMax);
      break;
    }
  }
  return 0;
}
