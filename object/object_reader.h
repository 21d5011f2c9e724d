// ObjectReader over a verified record: bytes of a small object from memory, others from chunks.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "object/chunk_reader.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

// Used on the reactor that made it.
class StoredObjectReader final : public ObjectReader {
 public:
  // REQUIRES: object->has_body; `pin` was taken before the object was looked up.
  StoredObjectReader(Context& context, std::shared_ptr<const OpenObject> object,
                     ReadEpochs::ReadPin pin);

  const ObjectInfo& info() const override { return object_->head.info; }
  io::Task<Result<std::optional<std::pair<ByteRange, PartInfo>>>> part(uint32_t number) override;
  io::Task<Result<std::vector<PartInfo>>> parts(uint32_t after, size_t limit) override;
  Status start(ByteRange range) override;
  io::Task<Result<Buffer>> next() override;

  const OpenObject& object() const { return *object_; }

 private:
  io::Task<Result<Buffer>> next_inline();

  Context& context_;
  std::shared_ptr<const OpenObject> object_;
  std::optional<ChunkReader> chunks_;  // Unset for a body in memory.
  ByteRange inline_left_;
};

}  // namespace cairn::object
