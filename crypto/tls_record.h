// Protection of TLS 1.3 records with AES-128-GCM (RFC 8446 sections 5.2 to 5.5 and 7.3), for one
// direction of a connection whose handshake somebody else made.
//
// OpenSSL 3.0 seals a record into memory of its own, copies it twice more, and has no AES-GCM for
// VAES. Here bytes go from where they lie into the record, and from the record to where they shall
// be, in one pass at several times the speed (bench/README.md).
//
// Thread rule: not thread-safe. Keys are cleansed when they are replaced and at the end.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/units.h"
#include "crypto/digest.h"

namespace cairn::crypto {

inline constexpr size_t kRecordHeaderBytes = 5;
// What a record carries at most, and what it adds: its header, the byte of its type and the tag.
inline constexpr size_t kRecordPlainBytesMax = 16 * KiB;
inline constexpr size_t kRecordOverheadBytes = kRecordHeaderBytes + 1 + 16;
// With all the padding that a sender may add.
inline constexpr size_t kRecordBytesMax = kRecordHeaderBytes + kRecordPlainBytesMax + 256;
// A key seals 2^24.5 records at most (RFC 8446 5.5).
inline constexpr uint64_t kRecordsPerKeyMax = uint64_t{1} << 24;

enum class RecordType : uint8_t { kAlert = 21, kHandshake = 22, kData = 23 };

class RecordProtection {
 public:
  // Whether this processor and build have what it takes.
  static bool works();

  // REQUIRES: works(). `secret` is client_ or server_application_traffic_secret_N.
  explicit RecordProtection(const Sha256Value& secret);
  RecordProtection(const RecordProtection&) = delete;
  RecordProtection& operator=(const RecordProtection&) = delete;
  ~RecordProtection();

  // The size of the whole record that begins with these bytes; nullopt when none can begin so.
  // REQUIRES: kRecordHeaderBytes are there.
  static std::optional<size_t> record_bytes(BytesView begin);

  // Writes one record that carries `pieces`. REQUIRES: they are not more than kRecordPlainBytesMax
  // and `into` has their size and kRecordOverheadBytes.
  void seal(RecordType type, std::span<const BytesView> pieces, MutableBytes into);

  struct Opened {
    RecordType type = RecordType::kData;
    size_t size_bytes = 0;
  };
  // Opens one whole record into `into`, of which nothing else is promised behind what is counted.
  // nullopt when it does not verify or is none; `into` is cleansed then.
  // REQUIRES: into.size() >= record.size() - kRecordOverheadBytes.
  std::optional<Opened> open(BytesView record, MutableBytes into);

  // With the present key.
  uint64_t records_count() const { return records_count_; }
  // On to the next key, as a KeyUpdate says.
  void update();

 private:
  struct Key;
  void derive();
  std::array<uint8_t, 12> next_nonce();

  Sha256Value secret_;
  std::unique_ptr<Key> key_;
  std::array<uint8_t, 12> iv_{};
  uint64_t records_count_ = 0;
};

}  // namespace cairn::crypto
