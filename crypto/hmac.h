// SHA-256, HMAC (RFC 2104) and HKDF (RFC 5869) over our own compression function, for short inputs:
// OpenSSL 3 spends more on each call's bookkeeping than the hashing costs. Internal to crypto/; the
// public forms are in digest.h.
#pragma once

#include <array>

#include "base/bytes.h"
#include "crypto/digest.h"

namespace cairn::crypto {

// A running SHA-256. Not thread-safe; holds no memory of its own.
class Sha256 {
 public:
  Sha256();
  void update(BytesView bytes);
  Sha256Value finish();  // The object may not be used afterwards.
  void cleanse();

 private:
  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> tail_{};
  uint64_t size_bytes_ = 0;
};

// A running HMAC-SHA256. Cleanses what it derived from the key when destroyed.
class HmacSha256 {
 public:
  explicit HmacSha256(BytesView key);
  HmacSha256(const HmacSha256&) = default;
  HmacSha256& operator=(const HmacSha256&) = default;
  ~HmacSha256();
  void update(BytesView bytes) { inner_.update(bytes); }
  Sha256Value finish();  // The object may not be used afterwards.

 private:
  Sha256 inner_;
  Sha256 outer_;
};

// Fills `out` with HKDF-SHA256(key, salt, info). REQUIRES: out.size() <= 255 * 32.
void hkdf_sha256(BytesView key, BytesView salt, BytesView info, MutableBytes out);

}  // namespace cairn::crypto
