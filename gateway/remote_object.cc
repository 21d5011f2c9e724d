#include "gateway/remote_object.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "crypto/digest.h"

namespace cairn::gateway {
namespace {

// Layout of an id: 8 bytes that spread, 16 of the name, 4 of the number, 3 zeros, the placement.
constexpr size_t kNameAt = 8;
constexpr size_t kNumberAt = 24;

void append_part(std::string& message, std::string_view part) {
  std::array<uint8_t, 8> size{};
  store_be<uint64_t>(size.data(), part.size());
  message.append(reinterpret_cast<const char*>(size.data()), size.size()).append(part);
}

// SplitMix64 (Steele, Lea, Flood 2014): the first bytes of an id are a hash to the caches.
uint64_t mixed(uint64_t value) {
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

uint64_t spread(const RemoteName& name, uint64_t number) {
  return mixed(load_be<uint64_t>(name.data()) ^ mixed(number));
}

}  // namespace

storage::ChunkId RemoteObject::chunk_id(uint64_t number) const {
  storage::ChunkId id;
  store_be<uint64_t>(id.bytes.data(), spread(name, number));
  std::ranges::copy(name, id.bytes.begin() + kNameAt);
  store_be<uint32_t>(&id.bytes[kNumberAt], static_cast<uint32_t>(number));
  return storage::with_placement(id, kElsewherePlacement);
}

uint32_t RemoteObject::chunk_bytes(uint64_t number) const {
  const uint64_t begin = number * kVirtualChunkBytes;
  return static_cast<uint32_t>(std::min(kVirtualChunkBytes, size_bytes - begin));
}

void RemoteObject::note_failure(const transfer::Failure& failure) {
  const std::lock_guard guard(mutex_);
  failure_ = failure;
}

std::optional<transfer::Failure> RemoteObject::failure() const {
  const std::lock_guard guard(mutex_);
  return failure_;
}

RemoteName remote_name(const crypto::TenantKeys& keys, const RemoteObject& object) {
  std::string message = "cairn gateway object 1";
  append_part(message, std::to_string(object.link->place().bucket_id));
  append_part(message, object.link->settings().endpoint);
  append_part(message, object.link->settings().bucket);
  append_part(message, object.key);
  append_part(message, object.version_id);
  append_part(message, object.etag);
  append_part(message, std::to_string(object.size_bytes));
  const crypto::Sha256Value mac = crypto::hmac_sha256(keys.id.view(), as_bytes(message));
  RemoteName name{};
  std::copy_n(mac.begin(), name.size(), name.begin());
  return name;
}

void RemoteObject::want(ByteRange range) {
  const std::lock_guard guard(mutex_);
  wanted_.push_back(range);
}

void RemoteObject::forget_want(ByteRange range) {
  const std::lock_guard guard(mutex_);
  const auto at = std::ranges::find_if(wanted_, [&](const ByteRange& wanted) {
    return wanted.offset_bytes == range.offset_bytes && wanted.size_bytes == range.size_bytes;
  });
  if (at == wanted_.end()) return;
  *at = wanted_.back();
  wanted_.pop_back();
}

uint64_t RemoteObject::wanted_end(uint64_t offset_bytes) const {
  const std::lock_guard guard(mutex_);
  uint64_t end_bytes = 0;
  for (const ByteRange& wanted : wanted_) {
    const uint64_t begin = round_down(wanted.offset_bytes, crypto::kFrameBytes);
    const bool covers = begin <= offset_bytes && offset_bytes < wanted.end_bytes();
    if (covers) end_bytes = std::max(end_bytes, wanted.end_bytes());
  }
  return std::min(round_up(end_bytes, crypto::kFrameBytes), size_bytes);
}

uint64_t RemoteObject::run_before(uint64_t offset_bytes) const {
  const auto* const at = std::ranges::find(ended_runs_, offset_bytes, &EndedRun::end_bytes);
  return at == ended_runs_.end() ? 0 : at->size_bytes;
}

void RemoteObject::note_run(uint64_t end_bytes, uint64_t run_bytes) {
  ended_runs_[next_ended_run_] = {end_bytes, run_bytes};
  next_ended_run_ = (next_ended_run_ + 1) % ended_runs_.size();
}

std::optional<RemoteChunk> parse_chunk_id(const storage::ChunkId& id) {
  if (storage::placement_of(id) != kElsewherePlacement) return std::nullopt;
  RemoteChunk chunk;
  std::copy_n(id.bytes.begin() + kNameAt, chunk.name.size(), chunk.name.begin());
  chunk.number = load_be<uint32_t>(&id.bytes[kNumberAt]);
  return chunk;
}

size_t RemoteObjects::NameHash::operator()(const RemoteName& name) const {
  return load_be<uint64_t>(name.data());
}

RemoteObjectPointer RemoteObjects::share(std::unique_ptr<RemoteObject> object) {
  const RemoteName name = object->name;
  const std::lock_guard guard(table_->mutex);
  std::weak_ptr<RemoteObject>& known = table_->objects[name];
  if (RemoteObjectPointer there = known.lock()) return there;
  RemoteObjectPointer shared(object.release(), [table = table_](RemoteObject* done) {
    {
      const std::lock_guard gone(table->mutex);
      const auto at = table->objects.find(done->name);
      if (at != table->objects.end() && at->second.expired()) table->objects.erase(at);
    }
    delete done;
  });
  known = shared;
  return shared;
}

RemoteObjectPointer RemoteObjects::find(const RemoteName& name) const {
  const std::lock_guard guard(table_->mutex);
  const auto at = table_->objects.find(name);
  return at == table_->objects.end() ? nullptr : at->second.lock();
}

}  // namespace cairn::gateway
