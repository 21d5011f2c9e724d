#include "storage/pack_snapshot.h"

#include <algorithm>

#include "base/assert.h"
#include "storage/limits.h"

namespace cairn::storage {
namespace {

constexpr std::string_view kMagic = "CAIRNPKS";
constexpr uint32_t kSnapshotVersion = 1;
constexpr size_t kNameBytes = 16 + 1 + 32 + 4;  // Of a log file.
constexpr size_t kHeadBytes = 8 + 4 + 4 + 16 + 8;
constexpr size_t kChecksumBytes = 8;

template <typename T>
void put_number(Bytes& out, T value) {
  const size_t at = out.size();
  out.resize(at + sizeof(T));
  store_le(out.data() + at, value);
}
void put_text(Bytes& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

// Takes fields off the front; a field that is not there marks the whole as damaged.
class Reader {
 public:
  explicit Reader(BytesView bytes) : rest_(bytes) {}
  BytesView take(size_t size) {
    if (rest_.size() < size) {
      damaged_ = true;
      return {};
    }
    const BytesView field = rest_.first(size);
    rest_ = rest_.subspan(size);
    return field;
  }
  template <typename T>
  T number() {
    const BytesView field = take(sizeof(T));
    return field.empty() ? T{} : load_le<T>(field.data());
  }
  std::string text(size_t size) { return std::string(as_text(take(size))); }
  bool damaged() const { return damaged_; }
  size_t left() const { return rest_.size(); }

 private:
  BytesView rest_;
  bool damaged_ = false;
};

std::unexpected<Error> damaged() {
  return fail(Code::kCorruption, "the snapshot of packs is damaged");
}

Result<FooterEntry> take_entry(Reader& reader, uint64_t pack_bytes) {
  FooterEntry entry;
  const BytesView chunk = reader.take(entry.chunk.bytes.size());
  entry.offset_bytes = reader.number<uint64_t>();
  entry.payload_bytes = reader.number<uint64_t>();
  entry.header_bytes = reader.number<uint32_t>();
  if (reader.damaged()) return damaged();
  std::ranges::copy(chunk, entry.chunk.bytes.begin());
  const bool inside = entry.payload_bytes <= kPayloadBytesMax &&
                      entry.offset_bytes % kBlockBytes == 0 && entry.offset_bytes <= pack_bytes &&
                      record_bytes(entry.payload_bytes) <= pack_bytes - entry.offset_bytes;
  if (!inside || entry.header_bytes > crypto::kSealedHeaderBytesMax) return damaged();
  return entry;
}

constexpr size_t kEntryBytes = 32 + 8 + 8 + 4;

Result<SnapshotPack> take_pack(Reader& reader) {
  SnapshotPack pack;
  pack.name = reader.text(kNameBytes);
  pack.size_bytes = reader.number<uint64_t>();
  pack.records_bytes = reader.number<uint64_t>();
  const auto etag_bytes = reader.number<uint16_t>();
  if (etag_bytes > kEtagBytesMax) return damaged();
  pack.etag = reader.text(etag_bytes);
  const auto entries_count = reader.number<uint32_t>();
  if (reader.damaged() || !is_log_file_name(pack.name) || pack.size_bytes > kPackObjectBytesMax ||
      entries_count > reader.left() / kEntryBytes) {
    return damaged();
  }
  pack.entries.reserve(entries_count);
  for (uint32_t i = 0; i < entries_count; ++i) {
    Result<FooterEntry> entry = take_entry(reader, pack.size_bytes);
    if (!entry) return std::unexpected(entry.error());
    pack.entries.push_back(*entry);
  }
  return pack;
}

}  // namespace

Bytes encode_snapshot(const Snapshot& snapshot) {
  Bytes out;
  put_text(out, kMagic);
  put_number(out, kSnapshotVersion);
  put_number(out, uint32_t{0});
  out.insert(out.end(), snapshot.store_id.begin(), snapshot.store_id.end());
  put_number(out, static_cast<uint64_t>(snapshot.packs.size()));
  for (const SnapshotPack& pack : snapshot.packs) {
    ASSERT(pack.name.size() == kNameBytes && pack.etag.size() <= kEtagBytesMax);
    put_text(out, pack.name);
    put_number(out, pack.size_bytes);
    put_number(out, pack.records_bytes);
    put_number(out, static_cast<uint16_t>(pack.etag.size()));
    put_text(out, pack.etag);
    put_number(out, static_cast<uint32_t>(pack.entries.size()));
    for (const FooterEntry& entry : pack.entries) {
      out.insert(out.end(), entry.chunk.bytes.begin(), entry.chunk.bytes.end());
      put_number(out, entry.offset_bytes);
      put_number(out, entry.payload_bytes);
      put_number(out, entry.header_bytes);
    }
  }
  put_number(out, checksum_of(out));
  return out;
}

Result<Snapshot> decode_snapshot(BytesView bytes) {
  if (bytes.size() < kHeadBytes + kChecksumBytes) return damaged();
  const BytesView body = bytes.first(bytes.size() - kChecksumBytes);
  if (as_text(body.first(kMagic.size())) != kMagic ||
      load_le<uint64_t>(bytes.data() + body.size()) != checksum_of(body)) {
    return damaged();
  }
  Reader reader(body.subspan(kMagic.size()));
  const auto version = reader.number<uint32_t>();
  if (version != kSnapshotVersion) {
    return fail(Code::kUnsupported, "the snapshot of packs has another version");
  }
  (void)reader.number<uint32_t>();
  Snapshot snapshot;
  const BytesView store_id = reader.take(snapshot.store_id.size());
  std::ranges::copy(store_id, snapshot.store_id.begin());
  const auto packs_count = reader.number<uint64_t>();
  for (uint64_t i = 0; i < packs_count; ++i) {
    Result<SnapshotPack> pack = take_pack(reader);
    if (!pack) return std::unexpected(pack.error());
    snapshot.packs.push_back(std::move(*pack));
  }
  if (reader.damaged() || reader.left() != 0) return damaged();
  return snapshot;
}

}  // namespace cairn::storage
