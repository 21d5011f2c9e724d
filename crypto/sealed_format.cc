#include "crypto/sealed_format.h"

#include <xxhash.h>

#include <algorithm>

#include "base/assert.h"

namespace cairn::crypto {

std::array<uint8_t, kSealedAadBytes> encode_sealed_aad(const SealedFields& fields) {
  std::array<uint8_t, kSealedAadBytes> aad{};
  std::ranges::copy(kSealedMagic, aad.begin());
  aad[kSealedVersionAt] = kSealedFormatVersion;
  aad[kSealedCodecAt] = static_cast<uint8_t>(fields.codec);
  store_le<uint16_t>(&aad[kSealedHeaderBytesAt], static_cast<uint16_t>(fields.header_bytes()));
  store_le<uint64_t>(&aad[kSealedTenantAt], fields.tenant.value);
  store_le<uint32_t>(&aad[kSealedKeyVersionAt], fields.key_version);
  store_le<uint32_t>(&aad[kSealedTableBytesAt], static_cast<uint32_t>(fields.table_bytes));
  store_le<uint64_t>(&aad[kSealedPlaintextBytesAt], fields.plaintext_bytes);
  std::ranges::copy(fields.id.bytes, aad.begin() + kSealedChunkIdAt);
  return aad;
}

Bytes encode_sealed_header(const SealedFields& fields, BytesView tags) {
  Bytes header(fields.header_bytes());
  ASSERT(kSealedTagsAt + tags.size() + kSealedChecksumBytes == header.size());
  std::ranges::copy(encode_sealed_aad(fields), header.begin());
  std::ranges::copy(fields.salt, header.begin() + kSealedSaltAt);
  std::ranges::copy(fields.commitment, header.begin() + kSealedCommitmentAt);
  std::ranges::copy(fields.nonce_prefix, header.begin() + kSealedNoncePrefixAt);
  std::ranges::copy(tags, header.begin() + kSealedTagsAt);
  const size_t checked = header.size() - kSealedChecksumBytes;
  store_le<uint64_t>(&header[checked], XXH3_64bits(header.data(), checked));
  return header;
}

Result<SealedFields> parse_sealed_header(BytesView header) {
  constexpr size_t kBytesMin = kSealedTagsAt + kTagBytes + kSealedChecksumBytes;
  if (header.size() < kBytesMin || header.size() > kSealedHeaderBytesMax ||
      !std::equal(kSealedMagic.begin(), kSealedMagic.end(), header.begin())) {
    return fail(Code::kCorruption, "this is not the header of a sealed chunk");
  }
  const uint8_t* at = header.data();
  const size_t checked = header.size() - kSealedChecksumBytes;
  if (load_le<uint64_t>(at + checked) != XXH3_64bits(at, checked)) {
    return fail(Code::kCorruption, "the header of a sealed chunk is damaged");
  }
  if (at[kSealedVersionAt] != kSealedFormatVersion) {
    return fail(Code::kUnsupported, "a sealed chunk has a format this version does not know");
  }
  if (at[kSealedCodecAt] != static_cast<uint8_t>(Codec::kRaw)) {
    return fail(Code::kUnsupported, "a sealed chunk has a codec this version does not know");
  }
  SealedFields fields;
  fields.tenant.value = load_le<uint64_t>(at + kSealedTenantAt);
  fields.key_version = load_le<uint32_t>(at + kSealedKeyVersionAt);
  fields.table_bytes = load_le<uint32_t>(at + kSealedTableBytesAt);
  fields.plaintext_bytes = load_le<uint64_t>(at + kSealedPlaintextBytesAt);
  const bool sizes_fit = fields.plaintext_bytes > 0 && fields.plaintext_bytes <= kChunkBytesMax &&
                         fields.table_bytes <= kSegmentTableBytesMax &&
                         fields.header_bytes() == header.size() &&
                         load_le<uint16_t>(at + kSealedHeaderBytesAt) == header.size() &&
                         at[kSealedNoncePrefixAt + kNoncePrefixBytes] == 0;
  if (!sizes_fit) {
    return fail(Code::kCorruption, "the header of a sealed chunk contradicts itself");
  }
  std::copy_n(at + kSealedChunkIdAt, fields.id.bytes.size(), fields.id.bytes.begin());
  std::copy_n(at + kSealedSaltAt, fields.salt.size(), fields.salt.begin());
  std::copy_n(at + kSealedCommitmentAt, fields.commitment.size(), fields.commitment.begin());
  std::copy_n(at + kSealedNoncePrefixAt, fields.nonce_prefix.size(), fields.nonce_prefix.begin());
  return fields;
}

}  // namespace cairn::crypto
