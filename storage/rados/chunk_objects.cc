#include "storage/rados/chunk_objects.h"

#include <algorithm>
#include <cerrno>

#include "base/encoding.h"
#include "io/reactor.h"
#include "storage/limits.h"

namespace cairn::storage {
namespace {

Error damaged(const ChunkId& id, std::string_view why) {
  return {Code::kCorruption, "the object of chunk " + to_hex(id.bytes) +
                                 " in the Ceph pool is damaged: " + std::string(why)};
}

// A small read does not wait for the pool: writers look into segment tables while they hold its
// memory.
io::Task<Result<Buffer>> buffer_for(uint64_t size_bytes) {
  const uint64_t capacity = std::max<uint64_t>(round_up(size_bytes, kBlockBytes), kBlockBytes);
  io::BufferPool& pool = io::Reactor::current().buffers();
  Result<Buffer> at_once = pool.try_acquire(capacity);
  if (!at_once && capacity <= kUnqueuedReadBytesMax) at_once = Buffer::allocate(capacity);
  if (!at_once) at_once = co_await pool.acquire(capacity, io::Until{});
  Buffer buffer = co_await io::or_return(std::move(at_once));
  buffer.resize(size_bytes);
  co_return buffer;
}

Result<ChunkDescription> description_of(const RadosPool& pool, const ChunkId& id,
                                        const RadosObject& object) {
  if (object.code == -ENOENT) {
    return fail(Code::kNotFound, "chunk " + to_hex(id.bytes) + " is not stored");
  }
  if (object.code < 0) return std::unexpected(pool.error_of(object.code, "reading a chunk"));
  const auto at = object.attributes.find(kDescriptionAttribute);
  if (at == object.attributes.end()) return std::unexpected(damaged(id, "it has no description"));
  Result<ChunkDescription> description = decode_chunk_description(at->second);
  if (!description) return std::unexpected(damaged(id, description.error().message));
  if (description->chunk != id) return std::unexpected(damaged(id, "it is another chunk's"));
  if (description->payload_bytes != object.size_bytes) {
    return std::unexpected(damaged(id, "its payload has another length"));
  }
  return description;
}

ByteRange clamp(ByteRange range, uint64_t size_bytes) {
  const uint64_t begin = std::min(range.offset_bytes, size_bytes);
  return {begin, std::min(range.size_bytes, size_bytes - begin)};
}

}  // namespace

io::Task<int> create_chunk(RadosPool& pool, ChunkDescription description, BytesView payload,
                           HoldName hold, OwnerId owner) {
  RadosWrite operation = pool.begin_write();
  operation.create_new()
      .content(payload)
      .set_attribute(kDescriptionAttribute, encode(description))
      .set_attribute(attribute_of(hold), owner.bytes);
  const RadosAnswer answer =
      co_await pool.write(pool.space_of(description.chunk), object_name_of(description.chunk),
                          std::move(operation), false);
  co_return answer.code;
}

io::Task<int> set_hold(RadosPool& pool, ChunkId id, HoldName hold, OwnerId owner) {
  RadosWrite operation = pool.begin_write();
  operation.must_exist().set_attribute(attribute_of(hold), owner.bytes);
  const RadosAnswer answer =
      co_await pool.write(pool.space_of(id), object_name_of(id), std::move(operation), false);
  co_return answer.code;
}

io::Task<int> clear_hold(RadosPool& pool, ChunkId id, HoldName hold) {
  RadosWrite operation = pool.begin_write();
  operation.must_exist().remove_attribute(attribute_of(hold));
  const RadosAnswer answer =
      co_await pool.write(pool.space_of(id), object_name_of(id), std::move(operation), true);
  co_return answer.code == -ENODATA ? 0 : answer.code;
}

io::Task<ChunkState> look_at_chunk(RadosPool& pool, ChunkId id) {
  RadosObject object = co_await pool.read(pool.space_of(id), object_name_of(id), 0, {});
  ChunkState state{.code = object.code,
                   .version = object.version,
                   .size_bytes = object.size_bytes,
                   .description = {},
                   .holds = {}};
  for (auto& [name, value] : object.attributes) {
    const std::optional<HoldName> hold = hold_of_attribute(name);
    if (hold) state.holds.push_back(*hold);
    if (name == kDescriptionAttribute) state.description = std::move(value);
  }
  co_return state;
}

io::Task<int> remove_chunk(RadosPool& pool, ChunkId id, ChunkState seen) {
  RadosWrite operation = pool.begin_write();
  operation.must_have_version(seen.version);
  // Its random generation is in it: no other writing of the chunk can be meant.
  if (!seen.description.empty()) {
    operation.must_have_attribute(kDescriptionAttribute, seen.description);
  }
  operation.remove();
  const RadosAnswer answer =
      co_await pool.write(pool.space_of(id), object_name_of(id), std::move(operation), true);
  co_return answer.code;
}

io::Task<Result<ChunkPart>> read_chunk(RadosPool& pool, ChunkId id, ByteRange range) {
  const std::string name = object_name_of(id);
  // Who says how much is wanted is believed, and asks once; "to the end" is looked up first.
  ByteRange part = clamp(range, kPayloadBytesMax);
  if (range.size_bytes > kPayloadBytesMax) {
    const RadosObject known = co_await pool.read(pool.space_of(id), name, 0, {});
    const ChunkDescription description = co_await io::or_return(description_of(pool, id, known));
    part = clamp(range, description.payload_bytes);
  }
  ChunkPart result;
  if (part.size_bytes != 0) result.payload = co_await io::or_return(buffer_for(part.size_bytes));
  const RadosObject object =
      co_await pool.read(pool.space_of(id), name, part.offset_bytes, result.payload.span());
  result.description = co_await io::or_return(description_of(pool, id, object));
  part = clamp(part, result.description.payload_bytes);
  if (object.read_bytes != part.size_bytes) {
    co_return std::unexpected(damaged(id, "its payload ends early"));
  }
  if (!result.payload.empty()) result.payload.resize(part.size_bytes);
  co_return result;
}

io::Task<Result<std::optional<ChunkStat>>> stat_chunk(RadosPool& pool, ChunkId id) {
  const RadosObject object = co_await pool.read(pool.space_of(id), object_name_of(id), 0, {});
  if (object.code == -ENOENT) co_return std::nullopt;
  if (object.code < 0) co_return std::unexpected(pool.error_of(object.code, "listing chunks"));
  const Result<ChunkDescription> description = description_of(pool, id, object);
  // One that is damaged is listed all the same: verify() says what is wrong with it.
  co_return ChunkStat{id, description ? description->sealed_header.size() : 0, object.size_bytes};
}

}  // namespace cairn::storage
