#include "crypto/aead.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <climits>
#include <vector>

#include "base/assert.h"
#include "crypto/aead_engines.h"

namespace cairn::crypto {
namespace {

const EVP_CIPHER* aes_256_gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

class OpenSslGcm final : public Aes256Gcm {
 public:
  explicit OpenSslGcm(BytesView key) : context_(EVP_CIPHER_CTX_new()) {
    ASSERT(context_ != nullptr);
    keyed_ = EVP_CipherInit_ex2(context_, aes_256_gcm(), key.data(), nullptr, 1, nullptr) == 1;
  }
  OpenSslGcm(const OpenSslGcm&) = delete;
  OpenSslGcm& operator=(const OpenSslGcm&) = delete;
  ~OpenSslGcm() override { EVP_CIPHER_CTX_free(context_); }  // Cleanses the schedule.

  bool seal(const AeadNonce& nonce, BytesView aad, MutableBytes data,
            std::span<uint8_t, kAeadTagBytes> tag) override {
    return keyed_ && run(nonce, aad, data, 1) && finish() &&
           EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes, tag.data()) == 1;
  }

  bool open(const AeadNonce& nonce, BytesView aad, MutableBytes data,
            std::span<const uint8_t, kAeadTagBytes> tag) override {
    std::array<uint8_t, kAeadTagBytes> expected;
    std::copy(tag.begin(), tag.end(), expected.begin());
    const bool opened =
        keyed_ && run(nonce, aad, data, 0) &&
        EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, expected.data()) == 1 &&
        finish();
    if (!opened) OPENSSL_cleanse(data.data(), data.size());
    return opened;
  }

 private:
  bool run(const AeadNonce& nonce, BytesView aad, MutableBytes data, int encrypt) {
    ASSERT(data.size() <= INT_MAX && aad.size() <= INT_MAX);
    int done = 0;
    if (EVP_CipherInit_ex2(context_, nullptr, nullptr, nonce.data(), encrypt, nullptr) != 1) {
      return false;
    }
    if (!aad.empty() &&
        EVP_CipherUpdate(context_, nullptr, &done, aad.data(), static_cast<int>(aad.size())) != 1) {
      return false;
    }
    return data.empty() || EVP_CipherUpdate(context_, data.data(), &done, data.data(),
                                            static_cast<int>(data.size())) == 1;
  }
  bool finish() {
    std::array<uint8_t, kAeadTagBytes> nothing;
    int done = 0;
    return EVP_CipherFinal_ex(context_, nothing.data(), &done) == 1;
  }

  EVP_CIPHER_CTX* context_;
  bool keyed_ = false;
};

std::unique_ptr<Aes256Gcm> make_openssl_gcm(BytesView key) {
  ASSERT(key.size() == kAeadKeyBytes);
  return std::make_unique<OpenSslGcm>(key);
}

std::vector<AeadEngine> probe() {
  std::vector<AeadEngine> engines;
  if (vaes_works()) engines.push_back({"vaes", make_vaes_gcm});
  // With AVX-512 the library is the fastest there is; without, it works block by block.
  if (ipsec_mb_has_avx512()) {
    engines.insert(engines.begin(), {"ipsec-mb", make_ipsec_mb_gcm});
  } else if (ipsec_mb_works()) {
    engines.push_back({"ipsec-mb", make_ipsec_mb_gcm});
  }
  engines.push_back({"openssl", make_openssl_gcm});
  return engines;
}

}  // namespace

std::span<const AeadEngine> aead_engines() {
  static const std::vector<AeadEngine> engines = probe();
  return engines;
}

std::unique_ptr<Aes256Gcm> make_aes256_gcm(BytesView key) {
  return aead_engines().front().create(key);
}

}  // namespace cairn::crypto
