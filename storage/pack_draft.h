// PackDraft: records that wait to become a pack, and the body of its PUT.
//
// Chunks stay in the memory they came in; digests grow with every record, so that no long hashing
// stands between the last chunk and the request. Thread rule: one reactor.
#pragma once

#include <cstdint>
#include <vector>

#include "crypto/hmac.h"
#include "http/client.h"
#include "io/stop.h"
#include "io/sync.h"
#include "storage/log_format.h"

namespace cairn::storage {

class PackDraft final : public http::BodySource {
 public:
  // `with_sha256`: over plain http the request is signed with the body's SHA-256; over TLS the
  // channel protects it.
  PackDraft(LogHeader header, uint64_t size_max_bytes, bool with_sha256);

  const LogHeader& header() const { return header_; }
  // Whether a record of that payload still fits; the first one always does.
  bool fits(uint64_t payload_bytes) const;
  // REQUIRES: fits(), not sealed.
  void add(ChunkId id, SealedChunk chunk);
  // Adds the footer; no record may follow.
  void seal();

  const std::vector<FooterEntry>& entries() const { return entries_; }
  uint64_t pack_bytes() const { return end_bytes_; }  // Of the whole object once sealed.
  uint64_t records_bytes() const { return records_bytes_; }
  uint64_t crc64_nvme() const { return crc64_; }
  // The SHA-256; all zeros where none was asked for. REQUIRES: sealed.
  const crypto::Sha256Value& sha256() const { return sha256_value_; }
  bool has_sha256() const { return with_sha256_; }
  BytesView trailer() const;  // The last block. REQUIRES: sealed.

  // BodySource.
  std::optional<uint64_t> size_bytes() const override { return end_bytes_; }
  io::Task<Result<size_t>> read(MutableBytes into) override;
  bool rewind() override;

 private:
  void append(Buffer piece);

  const LogHeader header_;
  const uint64_t size_max_bytes_;
  const bool with_sha256_;
  std::vector<Buffer> pieces_;  // The object's bytes in order.
  std::vector<FooterEntry> entries_;
  uint64_t end_bytes_ = 0;
  uint64_t records_bytes_ = 0;
  crypto::Sha256 sha256_;
  crypto::Sha256Value sha256_value_{};
  uint64_t crc64_ = 0;
  // Where read() goes on.
  size_t next_piece_ = 0;
  size_t next_byte_ = 0;
};

}  // namespace cairn::storage
