// Everything that another site sends, and the rows of site sync; the first byte chooses the parser.
// Laws: what was parsed is within bounds and has one encoding that parses back to itself.
#include <cstdint>

#include "base/assert.h"
#include "object/site_messages.h"

namespace {

using namespace cairn;
using namespace cairn::object;

template <typename Parse, typename Encode>
void check_stable(BytesView input, Parse parse, Encode encode) {
  const auto record = parse(input);
  if (!record) return;
  const std::string encoded = encode(*record);
  const auto again = parse(as_bytes(encoded));
  ASSERT(again.has_value());
  ASSERT(encode(*again) == encoded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const BytesView input(data + 1, size - 1);
  switch (data[0] % 8) {
    case 0: {
      const auto message = parse_replica(input);
      if (message) ASSERT(message->replica.origin.size() == kSiteIdBytes);
      if (message) ASSERT(message->body.size() <= kReplicaInlineBytesMax);
      check_stable(input, parse_replica, encode_replica);
      break;
    }
    case 1: check_stable(input, parse_replica_reply, encode_replica_reply); break;
    case 2: {
      const auto question = parse_question(input);
      if (question) ASSERT(question->versions.size() <= kComparedMax);
      check_stable(input, parse_question, encode_question);
      break;
    }
    case 3: {
      const auto parse = [](BytesView bytes) { return parse_answer(bytes, 3); };
      check_stable(input, parse, encode_answer);
      break;
    }
    case 4: check_stable(input, parse_sync_rule, encode_sync_rule); break;
    case 5: check_stable(input, parse_sync_change, encode_sync_change); break;
    case 6: check_stable(input, parse_tombstone, encode_tombstone); break;
    default:
      check_stable(input, parse_comparison, encode_comparison);
      static_cast<void>(keys::parse_sync_sequence(as_text(input)));
      static_cast<void>(keys::parse_tombstone_key(as_text(input)));
  }
  return 0;
}
