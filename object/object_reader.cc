#include "object/object_reader.h"

#include <algorithm>
#include <utility>

#include "object/rows.h"
#include "object/sse_plan.h"

namespace cairn::object {

StoredObjectReader::StoredObjectReader(Context& context, std::shared_ptr<const OpenObject> object,
                                       ReadEpochs::ReadPin pin, crypto::SseKeyPointer key)
    : context_(context), object_(std::move(object)), key_(std::move(key)) {
  if (!object_->manifest.extents.empty()) {
    chunks_.emplace(context, object_->tenant, std::move(pin), key_);
  }
}

Result<std::unique_ptr<StoredObjectReader>> StoredObjectReader::create(
    Context& context, std::shared_ptr<const OpenObject> object, ReadEpochs::ReadPin pin,
    const crypto::SseKeyPointer& customer_key) {
  crypto::SseKeyPointer key;
  if (!object->head.info.sse.empty() || customer_key != nullptr) {
    Result<crypto::SseKeyPointer> opened =
        open_sse(context, object->tenant, object->head.info.sse, customer_key);
    if (!opened) return std::unexpected(std::move(opened.error()));
    key = std::move(*opened);
  }
  std::unique_ptr<StoredObjectReader> reader(
      new StoredObjectReader(context, std::move(object), std::move(pin), std::move(key)));
  const OpenObject& stored = *reader->object_;
  if (stored.inline_sealed.empty()) return reader;
  Result<Bytes> plaintext =
      crypto::open_value(crypto::SealKeys(context.keys, stored.tenant, reader->key_),
                         sse_inline_context(stored.head.owner), as_bytes(stored.inline_sealed));
  if (!plaintext) return std::unexpected(std::move(plaintext.error()));
  reader->opened_ = std::move(*plaintext);
  return reader;
}

io::Task<Result<std::optional<std::pair<ByteRange, PartInfo>>>> StoredObjectReader::part(
    uint32_t number) {
  std::optional<std::pair<ByteRange, PartInfo>> found;
  uint64_t begin = 0;
  for (const ManifestPart& part : object_->manifest.parts) {
    if (part.info.number == number)
      found.emplace(ByteRange{begin, part.info.size_bytes}, part.info);
    begin += part.info.size_bytes;
  }
  co_return found;
}

io::Task<Result<std::vector<PartInfo>>> StoredObjectReader::parts(uint32_t after, size_t limit) {
  std::vector<PartInfo> out;
  for (const ManifestPart& part : object_->manifest.parts) {
    if (part.info.number > after && out.size() < limit) out.push_back(part.info);
  }
  co_return out;
}

Status StoredObjectReader::start(ByteRange range) {
  if (!range.inside(object_->head.info.size_bytes)) {
    return fail(Code::kOutOfRange, "the range lies outside the object");
  }
  if (chunks_) {
    chunks_->start(object_->manifest.slice(range));
  } else {
    inline_left_ = range;
  }
  return {};
}

io::Task<Result<Buffer>> StoredObjectReader::next() {
  if (chunks_) return chunks_->next();
  return next_inline();
}

io::Task<Result<Buffer>> StoredObjectReader::next_inline() {
  if (inline_left_.size_bytes == 0) co_return Buffer();
  const BytesView bytes =
      inline_bytes().subspan(inline_left_.offset_bytes, inline_left_.size_bytes);
  inline_left_ = {};
  Result<Buffer> out = context_.core().reactor.buffers().try_acquire(bytes.size());
  if (!out) out = co_await context_.core().reactor.buffers().acquire(bytes.size(), {});
  if (out) out->append(bytes);
  co_return out;
}

}  // namespace cairn::object
