// The hash chain of the audit log: what a line looks like, and what its MAC covers.
//
//   line = {"seq":N,<fields>,"mac":"<64 hex digits>"} LF
//   mac  = HMAC-SHA256(audit key, mac of the line before (32 bytes; zeros before line 1)
//                                 | the line up to, not including, `,"mac":"`)
//
// The audit key is made of the root tenant's id key, which only the root key opens and which every
// rotation keeps: whoever has the disk alone can neither forge nor shorten the chain.
// Thread rule: plain values; one thread at a time each.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/digest.h"
#include "crypto/key_ring.h"

namespace cairn::server {

using AuditMac = std::array<uint8_t, 32>;

// A place in the chain: the last line before it. Sequence 0 = before everything.
struct AuditPosition {
  uint64_t sequence = 0;
  AuditMac mac{};
  friend bool operator==(const AuditPosition&, const AuditPosition&) = default;
};

// What the catalog remembers, so that lines missing at either end are noticed.
struct AuditAnchor {
  uint64_t first_sequence = 1;  // Of the oldest line that is kept.
  AuditPosition end;            // The last line known to be on disk.
  friend bool operator==(const AuditAnchor&, const AuditAnchor&) = default;
};

// Row of the catalog that holds the anchor; authenticated with the audit key.
inline constexpr std::string_view kAuditAnchorRow = "a/anchor";
std::string encode_anchor(BytesView key, const AuditAnchor& anchor);
// kCorruption when it was altered.
Result<AuditAnchor> decode_anchor(BytesView key, std::string_view value);

// kNotFound when the root tenant has no keys.
Result<crypto::SecretKey> audit_key(const crypto::KeyRing& keys);

class AuditChain {
 public:
  // `key` outlives it.
  AuditChain(const crypto::SecretKey& key, AuditPosition end) : key_(key), end_(end) {}

  // Appends the line of `fields` (`"name":value,...`, JSON, without a line break).
  void append(std::string_view fields, std::string& out);
  // Takes the next line, without its line break. False, and nothing changes, when it does not
  // continue the chain.
  bool accept(std::string_view line);
  const AuditPosition& end() const { return end_; }
  void restart(AuditPosition end) { end_ = end; }

 private:
  AuditMac mac_of(std::string_view text) const;

  const crypto::SecretKey& key_;
  AuditPosition end_;
};

// Files: audit-<sequence of its first line, 20 digits>.jsonl. The first line of a file names the
// MAC before it ("previous"), so that a file can be checked when older ones are gone.
std::string audit_file_name(uint64_t first_sequence);
std::optional<uint64_t> parse_audit_file_name(std::string_view name);
std::string audit_header_fields(const AuditPosition& before, std::string_view event, WallTime at);
// `previous` of a file's first line; nullopt when it has none.
std::optional<AuditMac> previous_of(std::string_view header_line);

}  // namespace cairn::server
