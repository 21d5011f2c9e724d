// Invariants: no input makes a reader of background rows or of the audit log crash; an accepted
// event has one encoding that parses back; no line that was not sealed under the key continues the
// chain. The first byte of the input chooses the reader.
#include <cstdint>

#include "base/assert.h"
#include "object/event_codec.h"
#include "server/audit_chain.h"
#include "server/webhook_targets.h"

namespace {

using namespace cairn;

void check_event(BytesView input) {
  const Result<object::Event> event = object::decode_event(input);
  if (!event) return;
  const std::string encoded = object::encode_event(*event);
  const Result<object::Event> again = object::decode_event(as_bytes(encoded));
  ASSERT(again.has_value());
  ASSERT(object::encode_event(*again) == encoded);
}

void check_row(std::string_view row) {
  const std::optional<object::QueuedEvent> queued = object::parse_event_row(row);
  if (queued) ASSERT(queued->row == row);
}

void check_audit(std::string_view input) {
  static const crypto::SecretKey key{BytesView(Bytes(32, 3))};
  server::AuditChain chain(key, {});
  ASSERT(!chain.accept(input));
  ASSERT(chain.end().sequence == 0);
  static_cast<void>(server::previous_of(input));
  static_cast<void>(server::parse_audit_file_name(input));
  ASSERT(!server::decode_anchor(key.view(), input));
  // Whatever the fields hold, a sealed line continues the chain, and with one bit changed does not.
  if (input.find('\n') != std::string_view::npos) return;
  std::string line;
  chain.append(input, line);
  line.pop_back();
  server::AuditChain reader(key, {});
  ASSERT(reader.accept(line));
  server::AuditChain other(key, {});
  line[line.size() / 2] = static_cast<char>(line[line.size() / 2] ^ 1);
  ASSERT(!other.accept(line));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  if (size_bytes == 0) return 0;
  const BytesView input(data + 1, size_bytes - 1);
  switch (data[0] % 4) {
    case 0: check_event(input); break;
    case 1: check_row(as_text(input)); break;
    case 2: check_audit(as_text(input)); break;
    default:
      static_cast<void>(cairn::server::parse_webhooks({std::string(as_text(input))},
                                                      {std::string(as_text(input))}));
      break;
  }
  return 0;
}
