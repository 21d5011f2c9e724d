// PackDraft: records that wait to become a pack, and the body of its PUT.
//
// Chunks stay in the memory they came in; digests grow with every record, so that no long hashing
// stands between the last chunk and the request. Thread rule: one reactor.
#pragma once

#include <cstdint>
#include <vector>

#include "crypto/hmac.h"
#include "io/stop.h"
#include "io/sync.h"
#include "storage/log_format.h"
#include "storage/upstream_body.h"

namespace cairn::storage {

class PackDraft final : public UpstreamBody {
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

  // UpstreamBody. REQUIRES: sealed.
  std::string name() const override { return log_file_name(header_); }
  uint64_t object_bytes() const override { return end_bytes_; }
  uint64_t crc64_nvme() const override { return crc64_; }
  // All zeros where none was asked for.
  const crypto::Sha256Value& sha256() const override { return sha256_value_; }
  bool has_sha256() const override { return with_sha256_; }
  BytesView trailer() const override;
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
