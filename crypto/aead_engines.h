// The makers of the AES-256-GCM engines that need their own translation unit. Internal to aead.cc.
#pragma once

#include <memory>

#include "crypto/aead.h"

namespace cairn::crypto {

// libipsec-mb. Null when the library was not there at build time or has no AES-NI to work with.
std::unique_ptr<Aes256Gcm> make_ipsec_mb_gcm(BytesView key);
bool ipsec_mb_has_avx512();
bool ipsec_mb_works();

}  // namespace cairn::crypto
