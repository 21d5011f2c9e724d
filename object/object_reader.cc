#include "object/object_reader.h"

#include <algorithm>

namespace cairn::object {

StoredObjectReader::StoredObjectReader(Context& context, std::shared_ptr<const OpenObject> object,
                                       ReadEpochs::ReadPin pin)
    : context_(context), object_(std::move(object)) {
  if (!object_->manifest.extents.empty()) {
    chunks_.emplace(context, object_->tenant, std::move(pin));
  }
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
      BytesView(object_->inline_bytes).subspan(inline_left_.offset_bytes, inline_left_.size_bytes);
  inline_left_ = {};
  Result<Buffer> out = context_.core().reactor.buffers().try_acquire(bytes.size());
  if (!out) out = co_await context_.core().reactor.buffers().acquire(bytes.size(), {});
  if (out) out->append(bytes);
  co_return out;
}

}  // namespace cairn::object
