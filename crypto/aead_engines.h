// The makers of the AES-256-GCM engines that need their own translation unit. Internal to aead.cc.
#pragma once

#include <memory>

#include "crypto/aead.h"

struct IMB_MGR;  // NOLINT(readability-identifier-naming): as the library calls it.

namespace cairn::crypto {

// libipsec-mb. REQUIRES: ipsec_mb_works(), false when the library was not there at build time or
// finds no AES-NI to work with.
bool ipsec_mb_works();
bool ipsec_mb_has_avx512();
// The library's table of functions; null without it.
const IMB_MGR* ipsec_mb_manager();
std::unique_ptr<Aes256Gcm> make_ipsec_mb_gcm(BytesView key);

// Our own, for VAES without AVX-512. REQUIRES: vaes_works().
bool vaes_works();
std::unique_ptr<Aes256Gcm> make_vaes_gcm(BytesView key);

}  // namespace cairn::crypto
