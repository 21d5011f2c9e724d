#include "object/object_reader.h"

#include <algorithm>
#include <utility>

#include "object/read_ahead.h"
#include "object/rows.h"
#include "object/sse_plan.h"

namespace cairn::object {
namespace {

constexpr Duration kWarmPause = milliseconds(50);  // Until the next look for a free place.

// Reads for the tiers alone, until the store closes.
io::Task<void> read_for_tiers(Context& context, std::shared_ptr<const OpenObject> object,
                              ByteRange range, ChunkReader::Purpose purpose) {
  Core& core = context.core();
  ChunkReader reader(context, object->tenant,
                     ReadEpochs::ReadPin(core.readers, core.reactor.now()));
  if (purpose.ahead) purpose.body_bytes = object->head.info.size_bytes;
  reader.start(object->manifest.slice(range), purpose);
  while (!context.read_ahead->stopping()) {
    const Result<Buffer> piece = co_await reader.next();
    if (!piece || piece->empty()) break;
  }
}

// Each is counted like a reader that is under way.
io::Task<void> fetch_ahead(Context& context, std::shared_ptr<const OpenObject> object,
                           ByteRange range) {
  Core& core = context.core();
  core.fetches_running.fetch_add(1);
  const ChunkReader::Purpose purpose{.ahead = true, .warm = false, .pin = false};
  co_await read_for_tiers(context, std::move(object), range, purpose);
  context.read_ahead->end_ahead(range.size_bytes);
  core.fetches_running.fetch_sub(1);
}

io::Task<void> warm(Context& context, std::shared_ptr<const OpenObject> object, ByteRange range) {
  Core& core = context.core();
  core.fetches_running.fetch_add(1);
  ReadAhead& shared = *context.read_ahead;
  while (!shared.stopping() && !shared.begin_warm()) (void)co_await io::sleep_for(kWarmPause);
  if (!shared.stopping()) {
    const ChunkReader::Purpose purpose{.ahead = false, .warm = true, .pin = false};
    co_await read_for_tiers(context, std::move(object), range, purpose);
    shared.end_warm();
  }
  shared.dequeue_warm();
  core.fetches_running.fetch_sub(1);
}

}  // namespace

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
    chunks_->start(object_->manifest.slice(range), {.body_bytes = object_->head.info.size_bytes});
    read_ahead(range);
  } else {
    inline_left_ = range;
  }
  return {};
}

Status StoredObjectReader::start_warming(ByteRange range, bool pin) {
  if (!chunks_) return start(range);
  if (!range.inside(object_->head.info.size_bytes)) {
    return fail(Code::kOutOfRange, "the range lies outside the object");
  }
  chunks_->start(object_->manifest.slice(range), {.ahead = false, .warm = true, .pin = pin});
  return {};
}

Status StoredObjectReader::warm_later(ByteRange range) {
  ReadAhead* const shared = context_.read_ahead.get();
  if (!chunks_ || shared == nullptr || key_ != nullptr) return {};  // Nothing to warm.
  if (!range.inside(object_->head.info.size_bytes)) {
    return fail(Code::kOutOfRange, "the range lies outside the object");
  }
  if (!shared->enqueue_warm()) {
    return fail(Code::kResourceExhausted, "too many objects wait to be warmed");
  }
  context_.core().fetches.spawn(warm(context_, object_, range));
  return {};
}

std::vector<ChunkSpan> StoredObjectReader::chunk_spans(ByteRange range) const {
  std::vector<ChunkSpan> spans;
  for (const Extent& each : object_->manifest.slice(range)) {
    spans.push_back({each.chunk, {each.offset_bytes, each.size_bytes}});
  }
  return spans;
}

// What the client will probably ask for next, where the store is slow and there is a tier to keep
// it in.
void StoredObjectReader::read_ahead(ByteRange range) {
  ReadAhead* const shared = context_.read_ahead.get();
  if (shared == nullptr || context_.ram_tier == nullptr || key_ != nullptr) return;
  const ReadStreams::Key object{object_->manifest.extents.front().chunk,
                                object_->head.info.size_bytes};
  const std::vector<ByteRange> ahead =
      shared->streams().note(object, range, context_.core().reactor.now());
  if (!shared->store_is_slow()) return;
  for (const ByteRange& each : ahead) {
    if (!shared->begin_ahead(each.size_bytes)) return;
    context_.core().fetches.spawn(fetch_ahead(context_, object_, each));
  }
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
