// Bytes of a volume: format block, log file header, record header, footer (docs/format.md). All
// numbers little-endian, every structure starts on a 4 KiB boundary. Pure functions, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "storage/chunk_store.h"

namespace cairn::storage {

inline constexpr size_t kBlockBytes = 4096;
inline constexpr uint32_t kVolumeFormatVersion = 1;

using RandomId = std::array<uint8_t, 16>;

// The file FORMAT of a volume.
struct VolumeFormat {
  RandomId store_id{};
  RandomId volume_id{};
  uint32_t volumes_count = 0;      // Of the whole store.
  bool has_chunk_objects = false;  // Of a bucket: an object per chunk and no packs.
  friend bool operator==(const VolumeFormat&, const VolumeFormat&) = default;
};

// The first block of a log file.
struct LogHeader {
  RandomId log_id{};
  RandomId store_id{};
  uint64_t creation_sequence = 0;  // Ascending over the log files of a volume.
  friend bool operator==(const LogHeader&, const LogHeader&) = default;
};

// The first block of a record, which also carries the sealed chunk header.
struct RecordHeader {
  RandomId log_id{};
  uint64_t sequence = 0;  // Ascending by offset in a log file.
  ChunkId chunk;
  uint64_t payload_bytes = 0;
  uint64_t payload_xxh3 = 0;
  Bytes sealed_header;
  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};

// A row of a footer: a record that was live when the log file was sealed.
struct FooterEntry {
  ChunkId chunk;
  uint64_t offset_bytes = 0;
  uint64_t payload_bytes = 0;
  uint32_t header_bytes = 0;
  friend bool operator==(const FooterEntry&, const FooterEntry&) = default;
};

// The last block of a sealed log file; the entries stand right before it.
struct FooterTrailer {
  RandomId log_id{};
  uint64_t entries_offset_bytes = 0;
  uint64_t entries_count = 0;
  uint64_t entries_xxh3 = 0;
};

inline constexpr size_t kFooterEntryBytes = 64;

// Bytes of a whole record on disk.
constexpr uint64_t record_bytes(uint64_t payload_bytes) {
  return kBlockBytes + round_up(payload_bytes, kBlockBytes);
}
constexpr uint64_t footer_bytes(uint64_t entries_count) {
  return round_up(entries_count * kFooterEntryBytes, kBlockBytes) + kBlockBytes;
}

// Encoders fill one block. REQUIRES: block.size() == kBlockBytes.
void encode(const VolumeFormat& format, MutableBytes block);
void encode(const LogHeader& header, MutableBytes block);
// REQUIRES: the sealed header and the payload's length are within their limits.
void encode(const RecordHeader& header, MutableBytes block);
// Entries and trailer. REQUIRES: bytes.size() == footer_bytes(entries.size()).
void encode_footer(const RandomId& log_id, uint64_t entries_offset_bytes,
                   const std::vector<FooterEntry>& entries, MutableBytes bytes);

// Decoders check magic, version, checksum, limits and reserved bytes; kCorruption otherwise, and
// kUnsupported for a newer version. Input of any size is safe.
Result<VolumeFormat> decode_volume_format(BytesView block);
// The object FORMAT of a bucket, in either layout.
Result<VolumeFormat> decode_bucket_format(BytesView block);
Result<LogHeader> decode_log_header(BytesView block);
Result<RecordHeader> decode_record_header(BytesView block);
Result<FooterTrailer> decode_footer_trailer(BytesView block);
// REQUIRES: `trailer` came from decode_footer_trailer.
Result<std::vector<FooterEntry>> decode_footer_entries(const FooterTrailer& trailer,
                                                       BytesView bytes);
// Whether the block may start a record, at the cost of one comparison.
bool has_record_magic(BytesView block);

uint64_t checksum_of(BytesView bytes);  // XXH3, 64 bits.

// "0000000000000007-<32 hex digits>.log"
std::string log_file_name(const LogHeader& header);
bool is_log_file_name(std::string_view name);
// The log id and the creation sequence that a log file's name holds; the store id is not in it.
// REQUIRES: is_log_file_name(name).
LogHeader header_of_log_file_name(std::string_view name);

}  // namespace cairn::storage
