// The object of one chunk in a shared bucket: "chunks/<2 hex>/<chunk id hex>/<generation hex>", and
// its bytes, one record (docs/format.md). Every writing of a chunk has a generation of its own, so
// an object is written once, and a removal that comes late removes nothing that was written since.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/hmac.h"
#include "storage/chunk_directory.h"
#include "storage/record_fetch.h"
#include "storage/upstream_body.h"

namespace cairn::storage {

inline constexpr const char* kChunkObjects = "chunks/";  // Behind the store's prefix.

std::string chunk_object_name(const ChunkId& id, const RandomId& generation);
// nullopt for a name of another form.
std::optional<TrashEntry> parse_chunk_object_name(std::string_view name);
uint64_t chunk_object_bytes(uint64_t payload_bytes);
// `may_be_gone`: see UpstreamObject.
RecordPlace chunk_object_place(const ChunkId& id, const DirectoryRow& row, bool may_be_gone);

// The body of its PUT. Holds the chunk's memory; digests are made at once.
class ChunkObjectBody final : public UpstreamBody {
 public:
  ChunkObjectBody(const ChunkId& id, const RandomId& generation, SealedChunk chunk,
                  bool with_sha256);

  std::string name() const override { return name_; }
  uint64_t object_bytes() const override { return block_.size() + payload_.size(); }
  uint64_t crc64_nvme() const override { return crc64_; }
  bool has_sha256() const override { return with_sha256_; }
  const crypto::Sha256Value& sha256() const override { return sha256_; }
  // The header block says whose bytes these are, and of an object of the right length with the
  // right last bytes that is enough here: every read verifies the rest.
  BytesView trailer() const override;
  std::optional<uint64_t> size_bytes() const override { return object_bytes(); }
  io::Task<Result<size_t>> read(MutableBytes into) override;
  bool rewind() override {
    sent_bytes_ = 0;
    return true;
  }

 private:
  const std::string name_;
  const bool with_sha256_;
  Bytes block_;
  Buffer payload_;
  uint64_t crc64_ = 0;
  crypto::Sha256Value sha256_{};
  uint64_t sent_bytes_ = 0;
};

}  // namespace cairn::storage
