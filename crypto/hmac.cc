#include "crypto/hmac.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/assert.h"
#include "crypto/hash_kernels.h"

namespace cairn::crypto {
namespace {

void compress(std::array<uint32_t, 8>& state, const uint8_t* data, size_t blocks) {
  static const CompressLanes kernel = sha256_kernels().front().compress;
  uint32_t* states[] = {state.data()};
  kernel(1, states, &data, blocks);
}

}  // namespace

Sha256::Sha256() : state_(kSha256Start) {}

void Sha256::update(BytesView bytes) {
  const size_t used = size_bytes_ % kHashBlockBytes;
  size_bytes_ += bytes.size();
  if (used > 0) {
    const size_t taken = std::min(bytes.size(), kHashBlockBytes - used);
    std::copy_n(bytes.data(), taken, tail_.data() + used);
    bytes = bytes.subspan(taken);
    if (used + taken < kHashBlockBytes) return;
    compress(state_, tail_.data(), 1);
  }
  const size_t whole = bytes.size() / kHashBlockBytes;
  if (whole > 0) compress(state_, bytes.data(), whole);
  bytes = bytes.subspan(whole * kHashBlockBytes);
  std::copy(bytes.begin(), bytes.end(), tail_.begin());
}

Sha256Value Sha256::finish() {
  const BytesView rest(tail_.data(), size_bytes_ % kHashBlockBytes);
  const PaddedEnd end = pad_end(rest, size_bytes_, LengthOrder::kBigEndian);
  compress(state_, end.bytes.data(), end.blocks);
  Sha256Value value;
  for (size_t i = 0; i < state_.size(); ++i) store_be<uint32_t>(value.data() + 4 * i, state_[i]);
  return value;
}

void Sha256::cleanse() {
  OPENSSL_cleanse(state_.data(), sizeof(state_));
  OPENSSL_cleanse(tail_.data(), sizeof(tail_));
}

HmacSha256::HmacSha256(BytesView key) {
  std::array<uint8_t, kHashBlockBytes> block{};
  if (key.size() > kHashBlockBytes) {
    const Sha256Value hashed = sha256(key);
    std::copy(hashed.begin(), hashed.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (uint8_t& byte : block) byte ^= 0x36;
  inner_.update(block);
  for (uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
  outer_.update(block);
  OPENSSL_cleanse(block.data(), block.size());
}

HmacSha256::~HmacSha256() {
  inner_.cleanse();
  outer_.cleanse();
}

Sha256Value HmacSha256::finish() {
  outer_.update(inner_.finish());
  return outer_.finish();
}

Sha256Value sha256(BytesView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Sha256Value hmac_sha256(BytesView key, BytesView message) {
  HmacSha256 mac(key);
  mac.update(message);
  return mac.finish();
}

void hkdf_sha256(BytesView key, BytesView salt, BytesView info, MutableBytes out) {
  ASSERT(out.size() <= 255 * sizeof(Sha256Value));
  Sha256Value pseudorandom = hmac_sha256(salt, key);
  const HmacSha256 keyed(pseudorandom);
  Sha256Value block{};
  for (uint8_t index = 1; !out.empty(); ++index) {
    HmacSha256 mac = keyed;
    if (index > 1) mac.update(block);
    mac.update(info);
    mac.update({&index, 1});
    block = mac.finish();
    const size_t taken = std::min(out.size(), block.size());
    std::copy_n(block.begin(), taken, out.begin());
    out = out.subspan(taken);
  }
  OPENSSL_cleanse(block.data(), block.size());
  OPENSSL_cleanse(pseudorandom.data(), pseudorandom.size());
}

}  // namespace cairn::crypto
