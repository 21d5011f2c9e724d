#include "crypto/sealing.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/assert.h"
#include "base/encoding.h"
#include "crypto/aead.h"
#include "crypto/chunk_tenant.h"
#include "crypto/digest.h"
#include "crypto/hmac.h"
#include "crypto/partial_sealing.h"
#include "crypto/sealed_format.h"

namespace cairn::crypto {
namespace {

// The two outputs of one HKDF: the key, and what commits to it (GCM alone does not: one ciphertext
// can be made that opens under two keys).
struct DerivedKey {
  DerivedKey(const TenantKeys& keys, BytesView salt, BytesView info) {
    hkdf_sha256(keys.enc.view(), salt, info, bytes);
  }
  DerivedKey(const DerivedKey&) = delete;
  DerivedKey& operator=(const DerivedKey&) = delete;
  ~DerivedKey() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  BytesView key() const { return BytesView(bytes).first(kAeadKeyBytes); }
  BytesView commitment() const { return BytesView(bytes).last(kSealedCommitmentBytes); }

  std::array<uint8_t, kAeadKeyBytes + kSealedCommitmentBytes> bytes;
};

AeadNonce frame_nonce(const std::array<uint8_t, kNoncePrefixBytes>& prefix, uint64_t frame,
                      bool last) {
  AeadNonce nonce;
  std::ranges::copy(prefix, nonce.begin());
  store_be<uint32_t>(&nonce[kNoncePrefixBytes], static_cast<uint32_t>(frame));
  nonce[kNoncePrefixBytes + 4] = last ? 1 : 0;
  return nonce;
}

// Calls `each(frame, bytes, last)` for the frames of a payload; stops when it returns false.
template <typename Each>
bool for_each_frame(MutableBytes payload, uint64_t plaintext_bytes, const Each& each) {
  MutableBytes data = payload.first(static_cast<size_t>(plaintext_bytes));
  const MutableBytes table = payload.subspan(data.size());
  uint64_t frame = 0;
  while (!data.empty()) {
    const size_t size = std::min(data.size(), static_cast<size_t>(kFrameBytes));
    const bool last = size == data.size() && table.empty();
    if (!each(frame++, data.first(size), last)) return false;
    data = data.subspan(size);
  }
  return table.empty() || each(frame, table, true);
}

// What a new sealing of the chunk has in its header, but for the commitment.
SealedFields new_sealing(const TenantKeys& keys, const ChunkBinding& binding, Random& random) {
  SealedFields fields;
  fields.codec = binding.codec;
  fields.tenant = binding.tenant;
  fields.key_version = keys.version;
  fields.plaintext_bytes = binding.plaintext_bytes;
  fields.table_bytes = binding.table_bytes;
  fields.id = binding.id;
  random.fill(fields.salt);
  random.fill(fields.nonce_prefix);
  return fields;
}

size_t tags_bytes(const SealedFields& fields) {
  return fields.header_bytes() - kSealedTagsAt - kSealedChecksumBytes;
}

std::unexpected<Error> engine_failed(MutableBytes payload) {
  OPENSSL_cleanse(payload.data(), payload.size());
  return fail(Code::kInternal, "the cipher engine failed to seal a chunk");
}

}  // namespace

std::string ChunkId::to_hex() const {
  return cairn::to_hex(bytes);
}

ChunkId make_chunk_id(const TenantKeys& keys, const Sha256Value& content_hash) {
  return with_tenant({hmac_sha256(keys.id.view(), content_hash)}, keys.tenant);
}

Result<Bytes> seal_chunk(const TenantKeys& keys, const ChunkBinding& binding, Random& random,
                         MutableBytes payload) {
  return seal_chunk(keys, binding, random, payload, aead_engines().front());
}

Result<Bytes> seal_chunk(const TenantKeys& keys, const ChunkBinding& binding, Random& random,
                         MutableBytes payload, const AeadEngine& engine) {
  ASSERT(binding.tenant == keys.tenant && keys.version != 0);
  ASSERT(binding.plaintext_bytes > 0 && binding.plaintext_bytes <= kChunkBytesMax);
  ASSERT(binding.table_bytes <= kSegmentTableBytesMax);
  ASSERT(payload.size() == binding.plaintext_bytes + binding.table_bytes);
  SealedFields fields = new_sealing(keys, binding, random);
  const auto aad = encode_sealed_aad(fields);
  const DerivedKey derived(keys, fields.salt, aad);
  std::ranges::copy(derived.commitment(), fields.commitment.begin());

  const std::unique_ptr<Aes256Gcm> cipher = engine.create(derived.key());
  Bytes tags(tags_bytes(fields));
  const bool sealed = for_each_frame(
      payload, fields.plaintext_bytes, [&](uint64_t frame, MutableBytes bytes, bool last) {
        const std::span<uint8_t, kTagBytes> tag(tags.data() + frame * kTagBytes, kTagBytes);
        return cipher->seal(frame_nonce(fields.nonce_prefix, frame, last), aad, bytes, tag);
      });
  if (!sealed) return engine_failed(payload);
  return encode_sealed_header(fields, tags);
}

Result<Bytes> seal_frames(const TenantKeys& keys, const ChunkBinding& binding, Random& random,
                          uint64_t first_frame, MutableBytes frames) {
  const uint64_t begin = first_frame * kFrameBytes;
  ASSERT(binding.tenant == keys.tenant && keys.version != 0);
  ASSERT(binding.plaintext_bytes <= kChunkBytesMax && binding.table_bytes == 0);
  ASSERT(begin < binding.plaintext_bytes && frames.size() <= binding.plaintext_bytes - begin);
  const bool to_the_end = begin + frames.size() == binding.plaintext_bytes;
  ASSERT(frames.size() % kFrameBytes == 0 || to_the_end);
  SealedFields fields = new_sealing(keys, binding, random);
  const auto aad = encode_sealed_aad(fields);
  const DerivedKey derived(keys, fields.salt, aad);
  std::ranges::copy(derived.commitment(), fields.commitment.begin());

  const std::unique_ptr<Aes256Gcm> cipher = make_aes256_gcm(derived.key());
  Bytes tags(tags_bytes(fields));
  MutableBytes rest = frames;
  for (uint64_t frame = first_frame; !rest.empty(); ++frame) {
    const MutableBytes bytes = rest.first(std::min(rest.size(), static_cast<size_t>(kFrameBytes)));
    rest = rest.subspan(bytes.size());
    const std::span<uint8_t, kTagBytes> tag(tags.data() + frame * kTagBytes, kTagBytes);
    const bool last = to_the_end && rest.empty();
    if (!cipher->seal(frame_nonce(fields.nonce_prefix, frame, last), aad, bytes, tag)) {
      return engine_failed(frames);
    }
  }
  return encode_sealed_header(fields, tags);
}

struct ChunkOpener::State {
  SealedFields fields;
  std::array<uint8_t, kSealedAadBytes> aad{};
  std::unique_ptr<Aes256Gcm> cipher;
  Bytes tags;

  bool open(uint64_t frame, MutableBytes bytes, bool last) const {
    const BytesView tag = BytesView(tags).subspan(frame * kTagBytes, kTagBytes);
    return cipher->open(frame_nonce(fields.nonce_prefix, frame, last), aad, bytes,
                        tag.first<kTagBytes>());
  }
};

ChunkOpener::ChunkOpener(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChunkOpener::ChunkOpener(ChunkOpener&&) noexcept = default;
ChunkOpener& ChunkOpener::operator=(ChunkOpener&&) noexcept = default;
ChunkOpener::~ChunkOpener() = default;

namespace {

Result<SealedFields> parse_header_of(TenantId tenant, const ChunkId& id, BytesView header) {
  Result<SealedFields> fields = parse_sealed_header(header);
  if (fields && (fields->tenant != tenant || fields->id != id)) {
    return fail(Code::kCorruption, "a sealed chunk is not the one its place says");
  }
  return fields;
}

}  // namespace

Status check_sealed_header(TenantId tenant, const ChunkId& id, uint64_t plaintext_bytes,
                           BytesView header) {
  const Result<SealedFields> fields = parse_header_of(tenant, id, header);
  if (!fields) return std::unexpected(fields.error());
  if (fields->plaintext_bytes != plaintext_bytes) {
    return fail(Code::kCorruption, "chunk " + id.to_hex() + " has another length");
  }
  return {};
}

Result<ChunkOpener> ChunkOpener::create(const SealKeys& keys, const ChunkId& id, BytesView header) {
  const Result<SealedFields> fields = parse_header_of(keys.tenant(), id, header);
  if (!fields) return std::unexpected(fields.error());
  const std::shared_ptr<const TenantKeys> version = keys.version(fields->key_version);
  if (version == nullptr) {
    return fail(Code::kNotFound, "the key version of a sealed chunk is unknown");
  }
  auto state = std::make_unique<State>();
  state->fields = *fields;
  state->aad = encode_sealed_aad(*fields);
  const DerivedKey derived(*version, fields->salt, state->aad);
  if (!equal_secret(derived.commitment(), fields->commitment)) {
    return fail(Code::kCorruption, "a sealed chunk does not commit to its key");
  }
  state->cipher = make_aes256_gcm(derived.key());
  const BytesView tags =
      header.subspan(kSealedTagsAt, header.size() - kSealedTagsAt - kSealedChecksumBytes);
  state->tags.assign(tags.begin(), tags.end());
  return ChunkOpener(std::move(state));
}

uint64_t ChunkOpener::plaintext_bytes() const {
  return state_->fields.plaintext_bytes;
}
uint64_t ChunkOpener::table_bytes() const {
  return state_->fields.table_bytes;
}

ByteRange ChunkOpener::frames_covering(ByteRange range) const {
  const uint64_t total = plaintext_bytes();
  const uint64_t begin = std::min(range.offset_bytes, total);
  const uint64_t end = begin + std::min(range.size_bytes, total - begin);
  if (begin == end) return {begin, 0};
  const uint64_t first = round_down(begin, kFrameBytes);
  return {first, std::min(round_up(end, kFrameBytes), total) - first};
}

Status ChunkOpener::open_frames(uint64_t first_frame, MutableBytes frames) const {
  const uint64_t frames_count = data_frames_count(plaintext_bytes());
  if (first_frame >= frames_count ||
      frames.size() > plaintext_bytes() - first_frame * kFrameBytes) {
    return fail(Code::kOutOfRange, "these frames lie outside the sealed chunk");
  }
  const bool to_the_end = first_frame * kFrameBytes + frames.size() == plaintext_bytes();
  if (frames.size() % kFrameBytes != 0 && !to_the_end) {
    return fail(Code::kInvalidArgument, "a sealed chunk is opened by whole frames");
  }
  MutableBytes rest = frames;
  for (uint64_t frame = first_frame; !rest.empty(); ++frame) {
    const MutableBytes bytes = rest.first(std::min(rest.size(), static_cast<size_t>(kFrameBytes)));
    const bool last = frame + 1 == frames_count && table_bytes() == 0;
    if (!state_->open(frame, bytes, last)) {
      OPENSSL_cleanse(frames.data(), frames.size());
      return fail(Code::kCorruption,
                  "frame " + std::to_string(frame) + " of a sealed chunk does not authenticate");
    }
    rest = rest.subspan(bytes.size());
  }
  return {};
}

Status ChunkOpener::open_table(MutableBytes table) const {
  if (table.size() != table_bytes()) {
    return fail(Code::kOutOfRange, "the segment table has another size");
  }
  if (table.empty()) return {};
  if (!state_->open(data_frames_count(plaintext_bytes()), table, true)) {
    return fail(Code::kCorruption, "the segment table of a sealed chunk does not authenticate");
  }
  return {};
}

}  // namespace cairn::crypto
