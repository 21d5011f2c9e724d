// AES-256-GCM (NIST SP 800-38D) behind one small interface with several engines that give the same
// bytes. Internal to crypto/.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace cairn::crypto {

inline constexpr size_t kAeadKeyBytes = 32;
inline constexpr size_t kAeadTagBytes = 16;
using AeadNonce = std::array<uint8_t, 12>;

// One key, its schedule computed once. Not thread-safe. Cleanses the key when destroyed.
class Aes256Gcm {
 public:
  virtual ~Aes256Gcm() = default;
  // Encrypts in place and writes the tag. False when the engine failed; then the data is worthless.
  virtual bool seal(const AeadNonce& nonce, BytesView aad, MutableBytes data,
                    std::span<uint8_t, kAeadTagBytes> tag) = 0;
  // Decrypts in place. False when the tag does not verify; then the data is zeroed.
  virtual bool open(const AeadNonce& nonce, BytesView aad, MutableBytes data,
                    std::span<const uint8_t, kAeadTagBytes> tag) = 0;
};

struct AeadEngine {
  std::string_view name;
  // REQUIRES: key.size() == kAeadKeyBytes.
  std::unique_ptr<Aes256Gcm> (*create)(BytesView key) = nullptr;
};

// What this processor and build can run, the fastest first; the last one is OpenSSL. Never empty.
std::span<const AeadEngine> aead_engines();
// The fastest engine.
std::unique_ptr<Aes256Gcm> make_aes256_gcm(BytesView key);

}  // namespace cairn::crypto
