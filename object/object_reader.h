// ObjectReader over a verified record: bytes of a small object from memory, others from chunks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "object/chunk_reader.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

// Used on the reactor that made it.
class StoredObjectReader final : public ObjectReader {
 public:
  // REQUIRES: object->has_body; `pin` was taken before the object was looked up. `customer_key`
  // under SSE-C; failures of keys as open_sse().
  static Result<std::unique_ptr<StoredObjectReader>> create(
      Context& context, std::shared_ptr<const OpenObject> object, ReadEpochs::ReadPin pin,
      const crypto::SseKeyPointer& customer_key);

  const ObjectInfo& info() const override { return shown_ ? *shown_ : object_->head.info; }
  // Tells another version id from now on.
  void show_as(std::string version_id) {
    shown_ = object_->head.info;
    shown_->version_id = std::move(version_id);
  }
  io::Task<Result<std::optional<std::pair<ByteRange, PartInfo>>>> part(uint32_t number) override;
  io::Task<Result<std::vector<PartInfo>>> parts(uint32_t after, size_t limit) override;
  Status start(ByteRange range) override;
  io::Task<Result<Buffer>> next() override;
  Status start_warming(ByteRange range, bool pin) override;
  Status warm_later(ByteRange range) override;
  uint64_t cached_bytes() const override { return chunks_ ? chunks_->cached_bytes() : 0; }
  std::vector<ChunkSpan> chunk_spans(ByteRange range) const override;

  const OpenObject& object() const { return *object_; }
  // What the body is sealed under besides the tenant's keys; may be null.
  const crypto::SseKeyPointer& key() const { return key_; }

 private:
  StoredObjectReader(Context& context, std::shared_ptr<const OpenObject> object,
                     ReadEpochs::ReadPin pin, crypto::SseKeyPointer key);
  BytesView inline_bytes() const { return key_ == nullptr ? object_->inline_bytes : opened_; }
  io::Task<Result<Buffer>> next_inline();
  void read_ahead(ByteRange range);

  Context& context_;
  std::shared_ptr<const OpenObject> object_;
  crypto::SseKeyPointer key_;
  Bytes opened_;                       // A small body under `key_`.
  std::optional<ObjectInfo> shown_;    // Set where info() differs from the record.
  std::optional<ChunkReader> chunks_;  // Unset for a body in memory.
  ByteRange inline_left_;
};

}  // namespace cairn::object
