// AES-256-GCM by Intel's multi-buffer library: its direct calls take frames of any length.
#include "crypto/aead_engines.h"

#if defined(CAIRN_HAVE_IPSEC_MB)

// Without this the header defines macros named like our own words (MD5 among them).
#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include "base/assert.h"

namespace cairn::crypto {
namespace {

struct Library {
  IMB_MGR* manager = nullptr;
  IMB_ARCH architecture = IMB_ARCH_NONE;
};

// One table of function pointers for the process; its direct calls keep no state.
const Library& library() {
  static const Library loaded = [] {
    Library made;
    made.manager = alloc_mb_mgr(0);
    if (made.manager != nullptr) init_mb_mgr_auto(made.manager, &made.architecture);
    return made;
  }();
  return loaded;
}

class IpsecMbGcm final : public Aes256Gcm {
 public:
  explicit IpsecMbGcm(BytesView key) { library().manager->gcm256_pre(key.data(), &key_); }
  IpsecMbGcm(const IpsecMbGcm&) = delete;
  IpsecMbGcm& operator=(const IpsecMbGcm&) = delete;
  ~IpsecMbGcm() override { OPENSSL_cleanse(&key_, sizeof(key_)); }

  bool seal(const AeadNonce& nonce, BytesView aad, MutableBytes data,
            std::span<uint8_t, kAeadTagBytes> tag) override {
    alignas(64) gcm_context_data context;
    library().manager->gcm256_enc(&key_, &context, data.data(), data.data(), data.size(),
                                  nonce.data(), aad.data(), aad.size(), tag.data(), tag.size());
    OPENSSL_cleanse(&context, sizeof(context));
    return true;
  }

  bool open(const AeadNonce& nonce, BytesView aad, MutableBytes data,
            std::span<const uint8_t, kAeadTagBytes> tag) override {
    alignas(64) gcm_context_data context;
    std::array<uint8_t, kAeadTagBytes> found{};
    library().manager->gcm256_dec(&key_, &context, data.data(), data.data(), data.size(),
                                  nonce.data(), aad.data(), aad.size(), found.data(), found.size());
    OPENSSL_cleanse(&context, sizeof(context));
    if (CRYPTO_memcmp(found.data(), tag.data(), tag.size()) == 0) return true;
    OPENSSL_cleanse(data.data(), data.size());
    return false;
  }

 private:
  // The library loads it with aligned instructions, but its type does not say so.
  alignas(64) gcm_key_data key_;
};

}  // namespace

bool ipsec_mb_works() {
  return library().manager != nullptr && library().architecture >= IMB_ARCH_SSE;
}
bool ipsec_mb_has_avx512() {
  return ipsec_mb_works() && library().architecture >= IMB_ARCH_AVX512;
}
const IMB_MGR* ipsec_mb_manager() {
  return library().manager;
}

std::unique_ptr<Aes256Gcm> make_ipsec_mb_gcm(BytesView key) {
  ASSERT(key.size() == kAeadKeyBytes && ipsec_mb_works());
  return std::make_unique<IpsecMbGcm>(key);
}

}  // namespace cairn::crypto

#else

namespace cairn::crypto {

bool ipsec_mb_works() {
  return false;
}
bool ipsec_mb_has_avx512() {
  return false;
}
const IMB_MGR* ipsec_mb_manager() {
  return nullptr;
}
std::unique_ptr<Aes256Gcm> make_ipsec_mb_gcm(BytesView) {
  return nullptr;
}

}  // namespace cairn::crypto

#endif
