#include "s3/signing_keys.h"

#include <string.h>

#include "s3/sigv4.h"

namespace cairn::s3 {

SigningKeyCache::Entry::~Entry() {
  explicit_bzero(secret.data(), secret.size());
  explicit_bzero(key.data(), key.size());
}

crypto::Sha256Value SigningKeyCache::get(std::string_view credential, std::string_view secret,
                                         std::string_view date, std::string_view region,
                                         std::string_view service) const {
  const auto found = keys_.find(credential);
  if (found != keys_.end() &&
      crypto::equal_secret(as_bytes(found->second.secret), as_bytes(secret))) {
    return found->second.key;
  }
  return derive_signing_key(secret, date, region, service);
}

void SigningKeyCache::keep(std::string_view credential, std::string_view secret,
                           const crypto::Sha256Value& key) {
  const auto found = keys_.find(credential);
  if (found != keys_.end()) {
    if (found->second.key == key) return;
    keys_.erase(found);
  }
  // Yesterday's keys are the bulk of a full cache; today's are derived again once.
  if (keys_.size() >= kSigningKeysMax) keys_.clear();
  keys_.try_emplace(std::string(credential), secret, key);
}

}  // namespace cairn::s3
