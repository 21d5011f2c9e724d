#include "crypto/tls_record.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <string_view>

#include "base/assert.h"
#include "crypto/aead_engines.h"
#include "crypto/hmac.h"

#if defined(CAIRN_HAVE_IPSEC_MB)
// Without this the header defines macros named like our own words.
#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>
#endif

namespace cairn::crypto {
namespace {

constexpr size_t kTagOfRecordBytes = 16;

// HKDF-Expand-Label (RFC 8446 7.1) without context. REQUIRES: into.size() <= 32.
void expand_label(const Sha256Value& secret, std::string_view label, MutableBytes into) {
  const auto size_bytes = static_cast<uint8_t>(into.size());
  constexpr std::string_view kPrefix = "tls13 ";
  const std::array<uint8_t, 3> lengths{0, size_bytes,
                                       static_cast<uint8_t>(kPrefix.size() + label.size())};
  const std::array<uint8_t, 2> end{0, 1};  // No context; the first block of the expansion.
  HmacSha256 mac(secret);
  mac.update(lengths);
  mac.update(as_bytes(kPrefix));
  mac.update(as_bytes(label));
  mac.update(end);
  Sha256Value block = mac.finish();
  std::copy_n(block.begin(), into.size(), into.begin());
  OPENSSL_cleanse(block.data(), block.size());
}

}  // namespace

std::optional<size_t> RecordProtection::record_bytes(BytesView begin) {
  ASSERT(begin.size() >= kRecordHeaderBytes);
  const size_t size_bytes = kRecordHeaderBytes + (size_t{begin[3]} << 8 | begin[4]);
  const bool is_protected = begin[0] == static_cast<uint8_t>(RecordType::kData) && begin[1] == 3;
  if (!is_protected || size_bytes < kRecordOverheadBytes || size_bytes > kRecordBytesMax) {
    return std::nullopt;
  }
  return size_bytes;
}

std::array<uint8_t, 12> RecordProtection::next_nonce() {
  std::array<uint8_t, 12> nonce = iv_;
  for (size_t i = 0; i < sizeof(uint64_t); ++i) {
    nonce[11 - i] ^= static_cast<uint8_t>(records_count_ >> (8 * i));
  }
  ++records_count_;
  return nonce;
}

void RecordProtection::update() {
  Sha256Value next{};
  expand_label(secret_, "traffic upd", next);
  secret_ = next;
  OPENSSL_cleanse(next.data(), next.size());
  derive();
}

#if defined(CAIRN_HAVE_IPSEC_MB)

struct RecordProtection::Key {
  Key() = default;
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  ~Key() {
    OPENSSL_cleanse(&schedule, sizeof(schedule));
    OPENSSL_cleanse(&context, sizeof(context));
  }
  // The library loads both with aligned instructions, but its types do not say so.
  alignas(64) gcm_key_data schedule;
  alignas(64) gcm_context_data context;
};

bool RecordProtection::works() {
  return ipsec_mb_works();
}

RecordProtection::RecordProtection(const Sha256Value& secret)
    : secret_(secret), key_(std::make_unique<Key>()) {
  ASSERT(works());
  derive();
}

RecordProtection::~RecordProtection() {
  OPENSSL_cleanse(secret_.data(), secret_.size());
  OPENSSL_cleanse(iv_.data(), iv_.size());
}

void RecordProtection::derive() {
  std::array<uint8_t, 16> key{};
  expand_label(secret_, "key", key);
  expand_label(secret_, "iv", iv_);
  ipsec_mb_manager()->gcm128_pre(key.data(), &key_->schedule);
  OPENSSL_cleanse(key.data(), key.size());
  records_count_ = 0;
}

void RecordProtection::seal(RecordType type, std::span<const BytesView> pieces, MutableBytes into) {
  size_t plain_bytes = 0;
  for (const BytesView piece : pieces) plain_bytes += piece.size();
  ASSERT(plain_bytes <= kRecordPlainBytesMax && into.size() >= plain_bytes + kRecordOverheadBytes);
  const size_t body_bytes = plain_bytes + kRecordOverheadBytes - kRecordHeaderBytes;
  // The outer type and version are always these (RFC 8446 5.2).
  const std::array<uint8_t, kRecordHeaderBytes> header{static_cast<uint8_t>(RecordType::kData), 3,
                                                       3, static_cast<uint8_t>(body_bytes >> 8),
                                                       static_cast<uint8_t>(body_bytes)};
  uint8_t* to = std::ranges::copy(header, into.data()).out;
  const std::array<uint8_t, 12> nonce = next_nonce();
  const IMB_MGR& library = *ipsec_mb_manager();
  gcm_key_data* const key = &key_->schedule;
  gcm_context_data* const context = &key_->context;
  library.gcm128_init(key, context, nonce.data(), header.data(), header.size());
  for (const BytesView piece : pieces) {
    if (piece.empty()) continue;
    library.gcm128_enc_update(key, context, to, piece.data(), piece.size());
    to += piece.size();
  }
  const auto inner_type = static_cast<uint8_t>(type);
  library.gcm128_enc_update(key, context, to, &inner_type, 1);
  library.gcm128_enc_finalize(key, context, to + 1, kTagOfRecordBytes);
}

std::optional<RecordProtection::Opened> RecordProtection::open(BytesView record,
                                                               MutableBytes into) {
  if (record.size() < kRecordHeaderBytes || record_bytes(record) != record.size()) {
    return std::nullopt;
  }
  size_t plain_bytes = record.size() - kRecordOverheadBytes;
  ASSERT(into.size() >= plain_bytes);
  const std::array<uint8_t, 12> nonce = next_nonce();
  const BytesView body = record.subspan(kRecordHeaderBytes);
  const IMB_MGR& library = *ipsec_mb_manager();
  gcm_key_data* const key = &key_->schedule;
  gcm_context_data* const context = &key_->context;
  std::array<uint8_t, kTagOfRecordBytes> tag{};
  uint8_t type = 0;
  library.gcm128_init(key, context, nonce.data(), record.data(), kRecordHeaderBytes);
  if (plain_bytes > 0) {
    library.gcm128_dec_update(key, context, into.data(), body.data(), plain_bytes);
  }
  library.gcm128_dec_update(key, context, &type, body.data() + plain_bytes, 1);
  library.gcm128_dec_finalize(key, context, tag.data(), tag.size());
  const BytesView told = body.last(kTagOfRecordBytes);
  if (CRYPTO_memcmp(tag.data(), told.data(), tag.size()) != 0) {
    OPENSSL_cleanse(into.data(), plain_bytes);
    return std::nullopt;
  }
  // Behind the type a sender may pad with zeros.
  while (type == 0 && plain_bytes > 0) type = into[--plain_bytes];
  if (type < static_cast<uint8_t>(RecordType::kAlert) ||
      type > static_cast<uint8_t>(RecordType::kData) || plain_bytes > kRecordPlainBytesMax) {
    return std::nullopt;
  }
  return Opened{static_cast<RecordType>(type), plain_bytes};
}

#else

struct RecordProtection::Key {};
bool RecordProtection::works() {
  return false;
}
RecordProtection::RecordProtection(const Sha256Value& secret) : secret_(secret) {
  ASSERT(works());
}
RecordProtection::~RecordProtection() = default;
void RecordProtection::derive() {}
void RecordProtection::seal(RecordType, std::span<const BytesView>, MutableBytes) {}
std::optional<RecordProtection::Opened> RecordProtection::open(BytesView, MutableBytes) {
  return std::nullopt;
}

#endif

}  // namespace cairn::crypto
