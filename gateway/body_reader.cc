#include "gateway/body_reader.h"

#include <algorithm>
#include <vector>

#include "gateway/limits.h"
#include "object/records.h"

namespace cairn::gateway {

BodyReader::BodyReader(object::Objects& objects, RemoteObjectPointer object)
    : object_(std::move(object)), chunks_(objects.read_chunks(object_->link->place().tenant)) {}

BodyReader::~BodyReader() {
  object_->forget_want(wanted_);
}

void BodyReader::start(ByteRange range) {
  object_->forget_want(wanted_);
  object_->want(range);
  wanted_ = rest_ = range;
  start_window();
}

void BodyReader::start_window() {
  std::vector<object::Extent> extents;
  while (rest_.size_bytes > 0 && extents.size() < kWindowChunks) {
    const uint64_t number = rest_.offset_bytes / kVirtualChunkBytes;
    object::Extent extent;
    extent.chunk = object_->chunk_id(number);
    extent.chunk_bytes = object_->chunk_bytes(number);
    extent.offset_bytes = static_cast<uint32_t>(rest_.offset_bytes % kVirtualChunkBytes);
    extent.size_bytes = static_cast<uint32_t>(
        std::min<uint64_t>(rest_.size_bytes, extent.chunk_bytes - extent.offset_bytes));
    rest_.offset_bytes += extent.size_bytes;
    rest_.size_bytes -= extent.size_bytes;
    extents.push_back(extent);
  }
  chunks_->start(std::move(extents));
}

io::Task<Result<Buffer>> BodyReader::next() {
  Buffer piece = co_await io::or_return(chunks_->next());
  if (piece.empty() && rest_.size_bytes > 0) {
    start_window();
    piece = co_await io::or_return(chunks_->next());
  }
  co_return piece;
}

}  // namespace cairn::gateway
