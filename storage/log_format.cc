#include "storage/log_format.h"

#include <xxhash.h>
#if defined(__x86_64__)
// The same sums by the widest vectors that this processor has.
#include <xxh_x86dispatch.h>
#endif

#include <algorithm>

#include "base/assert.h"
#include "base/encoding.h"
#include "storage/block_bytes.h"
#include "storage/limits.h"

namespace cairn::storage {
namespace {

// Eight characters each, as they read in a hex dump.
constexpr std::string_view kFormatMagic = "CAIRNVOL";
constexpr std::string_view kLogMagic = "CAIRNLOG";
constexpr std::string_view kRecordMagic = "CAIRNREC";
constexpr std::string_view kFooterMagic = "CAIRNEND";

// Every block: magic, then the XXH3 of all bytes behind it.
constexpr size_t kChecksumOffset = 8;
constexpr size_t kBodyOffset = 16;

// Of a FORMAT block whose bucket has an object per chunk: a program that knows packs only must not
// take it for one of its own.
constexpr uint32_t kChunkObjectsVersion = 2;

constexpr size_t kSealedHeaderOffset = 512;
static_assert(kSealedHeaderOffset + crypto::kSealedHeaderBytesMax == kBlockBytes);

void begin_block(MutableBytes block, std::string_view magic) {
  ASSERT(block.size() == kBlockBytes);
  std::fill(block.begin(), block.end(), uint8_t{0});
  std::copy(magic.begin(), magic.end(), block.begin());
}
void finish_block(MutableBytes block) {
  store_le(block.data() + kChecksumOffset, checksum_of(block.subspan(kBodyOffset)));
}

Status check_block(BytesView block, std::string_view magic, std::string_view what) {
  if (block.size() != kBlockBytes || as_text(block.first(magic.size())) != magic) {
    return fail(Code::kCorruption, std::string(what) + " has no magic");
  }
  if (load_le<uint64_t>(block.data() + kChecksumOffset) !=
      checksum_of(block.subspan(kBodyOffset))) {
    return fail(Code::kCorruption, std::string(what) + " does not match its checksum");
  }
  return {};
}

Status check_version(BytesView block, size_t offset, std::string_view what,
                     uint32_t newest = kVolumeFormatVersion) {
  const auto version = load_le<uint32_t>(block.data() + offset);
  if (version > newest) {
    return fail(Code::kUnsupported, std::string(what) + " has format version " +
                                        std::to_string(version) + ", newer than this program");
  }
  if (version == 0) return fail(Code::kCorruption, std::string(what) + " has format version 0");
  return {};
}

}  // namespace

uint64_t checksum_of(BytesView bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

bool has_record_magic(BytesView block) {
  return block.size() >= kRecordMagic.size() &&
         as_text(block.first(kRecordMagic.size())) == kRecordMagic;
}

void encode(const VolumeFormat& format, MutableBytes block) {
  begin_block(block, kFormatMagic);
  store_le(block.data() + 16,
           format.has_chunk_objects ? kChunkObjectsVersion : kVolumeFormatVersion);
  store_le(block.data() + 20, format.volumes_count);
  put_bytes(block, 24, format.store_id);
  put_bytes(block, 40, format.volume_id);
  finish_block(block);
}

namespace {

Result<VolumeFormat> decode_format(BytesView block, std::string_view what, uint32_t newest) {
  if (Status good = check_block(block, kFormatMagic, what); !good) {
    return std::unexpected(good.error());
  }
  if (Status good = check_version(block, 16, what, newest); !good) {
    return std::unexpected(good.error());
  }
  return VolumeFormat{
      .store_id = take_bytes<16>(block, 24),
      .volume_id = take_bytes<16>(block, 40),
      .volumes_count = load_le<uint32_t>(block.data() + 20),
      .has_chunk_objects = load_le<uint32_t>(block.data() + 16) == kChunkObjectsVersion};
}

}  // namespace

Result<VolumeFormat> decode_volume_format(BytesView block) {
  return decode_format(block, "the volume's FORMAT", kVolumeFormatVersion);
}

Result<VolumeFormat> decode_bucket_format(BytesView block) {
  return decode_format(block, "the bucket's FORMAT", kChunkObjectsVersion);
}

void encode(const LogHeader& header, MutableBytes block) {
  begin_block(block, kLogMagic);
  store_le(block.data() + 16, kVolumeFormatVersion);
  put_bytes(block, 24, header.log_id);
  put_bytes(block, 40, header.store_id);
  store_le(block.data() + 56, header.creation_sequence);
  finish_block(block);
}

Result<LogHeader> decode_log_header(BytesView block) {
  if (Status good = check_block(block, kLogMagic, "the log file's header"); !good) {
    return std::unexpected(good.error());
  }
  if (Status good = check_version(block, 16, "the log file's header"); !good) {
    return std::unexpected(good.error());
  }
  return LogHeader{.log_id = take_bytes<16>(block, 24),
                   .store_id = take_bytes<16>(block, 40),
                   .creation_sequence = load_le<uint64_t>(block.data() + 56)};
}

void encode(const RecordHeader& header, MutableBytes block) {
  ASSERT(header.sealed_header.size() <= crypto::kSealedHeaderBytesMax);
  ASSERT(header.payload_bytes <= kPayloadBytesMax);
  begin_block(block, kRecordMagic);
  put_bytes(block, 16, header.log_id);
  store_le(block.data() + 32, header.sequence);
  store_le(block.data() + 40, header.payload_bytes);
  store_le(block.data() + 48, header.payload_xxh3);
  store_le(block.data() + 56, static_cast<uint32_t>(header.sealed_header.size()));
  put_bytes(block, 64, header.chunk.bytes);
  std::copy(header.sealed_header.begin(), header.sealed_header.end(),
            block.begin() + kSealedHeaderOffset);
  finish_block(block);
}

Result<RecordHeader> decode_record_header(BytesView block) {
  if (Status good = check_block(block, kRecordMagic, "the record's header"); !good) {
    return std::unexpected(good.error());
  }
  const auto sealed_bytes = load_le<uint32_t>(block.data() + 56);
  RecordHeader header{.log_id = take_bytes<16>(block, 16),
                      .sequence = load_le<uint64_t>(block.data() + 32),
                      .chunk = {take_bytes<32>(block, 64)},
                      .payload_bytes = load_le<uint64_t>(block.data() + 40),
                      .payload_xxh3 = load_le<uint64_t>(block.data() + 48),
                      .sealed_header = {}};
  if (sealed_bytes > crypto::kSealedHeaderBytesMax || header.payload_bytes > kPayloadBytesMax) {
    return fail(Code::kCorruption, "the record's header names impossible lengths");
  }
  const BytesView sealed = block.subspan(kSealedHeaderOffset, sealed_bytes);
  header.sealed_header.assign(sealed.begin(), sealed.end());
  return header;
}

void encode_footer(const RandomId& log_id, uint64_t entries_offset_bytes,
                   const std::vector<FooterEntry>& entries, MutableBytes bytes) {
  ASSERT(bytes.size() == footer_bytes(entries.size()));
  std::fill(bytes.begin(), bytes.end(), uint8_t{0});
  for (size_t i = 0; i < entries.size(); ++i) {
    const MutableBytes row = bytes.subspan(i * kFooterEntryBytes, kFooterEntryBytes);
    put_bytes(row, 0, entries[i].chunk.bytes);
    store_le(row.data() + 32, entries[i].offset_bytes);
    store_le(row.data() + 40, entries[i].payload_bytes);
    store_le(row.data() + 48, entries[i].header_bytes);
  }
  const MutableBytes trailer = bytes.last(kBlockBytes);
  begin_block(trailer, kFooterMagic);
  put_bytes(trailer, 16, log_id);
  store_le(trailer.data() + 32, entries_offset_bytes);
  store_le(trailer.data() + 40, static_cast<uint64_t>(entries.size()));
  store_le(trailer.data() + 48, checksum_of(bytes.first(entries.size() * kFooterEntryBytes)));
  finish_block(trailer);
}

Result<FooterTrailer> decode_footer_trailer(BytesView block) {
  if (Status good = check_block(block, kFooterMagic, "the footer"); !good) {
    return std::unexpected(good.error());
  }
  const FooterTrailer trailer{.log_id = take_bytes<16>(block, 16),
                              .entries_offset_bytes = load_le<uint64_t>(block.data() + 32),
                              .entries_count = load_le<uint64_t>(block.data() + 40),
                              .entries_xxh3 = load_le<uint64_t>(block.data() + 48)};
  if (trailer.entries_offset_bytes % kBlockBytes != 0 ||
      trailer.entries_offset_bytes > kLogFileBytesMax ||
      trailer.entries_count > kLogFileBytesMax / kBlockBytes) {
    return fail(Code::kCorruption, "the footer names impossible lengths");
  }
  return trailer;
}

Result<std::vector<FooterEntry>> decode_footer_entries(const FooterTrailer& trailer,
                                                       BytesView bytes) {
  const uint64_t table_bytes = trailer.entries_count * kFooterEntryBytes;
  if (bytes.size() < table_bytes || checksum_of(bytes.first(table_bytes)) != trailer.entries_xxh3) {
    return fail(Code::kCorruption, "the footer's table does not match its checksum");
  }
  std::vector<FooterEntry> entries;
  entries.reserve(trailer.entries_count);
  for (uint64_t i = 0; i < trailer.entries_count; ++i) {
    const BytesView row = bytes.subspan(i * kFooterEntryBytes, kFooterEntryBytes);
    const FooterEntry entry{.chunk = {take_bytes<32>(row, 0)},
                            .offset_bytes = load_le<uint64_t>(row.data() + 32),
                            .payload_bytes = load_le<uint64_t>(row.data() + 40),
                            .header_bytes = load_le<uint32_t>(row.data() + 48)};
    if (entry.offset_bytes % kBlockBytes != 0 || entry.payload_bytes > kPayloadBytesMax ||
        entry.header_bytes > crypto::kSealedHeaderBytesMax || entry.offset_bytes < kBlockBytes ||
        entry.offset_bytes + record_bytes(entry.payload_bytes) > trailer.entries_offset_bytes) {
      return fail(Code::kCorruption, "the footer names a record outside the log file");
    }
    entries.push_back(entry);
  }
  return entries;
}

std::string log_file_name(const LogHeader& header) {
  std::array<uint8_t, 8> sequence;
  store_be(sequence.data(), header.creation_sequence);
  return to_hex(sequence) + "-" + to_hex(header.log_id) + ".log";
}

bool is_log_file_name(std::string_view name) {
  constexpr std::string_view kSuffix = ".log";
  constexpr size_t kDash = 16;
  constexpr size_t kStemBytes = kDash + 1 + 32;
  if (name.size() != kStemBytes + kSuffix.size() || !name.ends_with(kSuffix)) return false;
  for (size_t i = 0; i < kStemBytes; ++i) {
    const char c = name[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (i == kDash ? c != '-' : !hex) return false;
  }
  return true;
}

LogHeader header_of_log_file_name(std::string_view name) {
  ASSERT(is_log_file_name(name));
  LogHeader header;
  const Bytes sequence = *from_hex(name.substr(0, 16));
  const Bytes log_id = *from_hex(name.substr(17, 32));
  header.creation_sequence = load_be<uint64_t>(sequence.data());
  std::ranges::copy(log_id, header.log_id.begin());
  return header;
}

}  // namespace cairn::storage
