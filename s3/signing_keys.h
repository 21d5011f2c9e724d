// Signing keys by credential scope (PERFORMANCE.md lever 7): one key serves all requests of an
// access key on one day in one region. Per reactor. Only scopes whose signature verified are kept,
// so a caller without a secret cannot fill it.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "crypto/digest.h"

namespace cairn::s3 {

inline constexpr size_t kSigningKeysMax = 4096;

class SigningKeyCache {
 public:
  // The key of `credential` ("AK/yyyymmdd/region/service/aws4_request"), from the cache or derived.
  // A cached key counts only while the secret is the one it was derived from.
  crypto::Sha256Value get(std::string_view credential, std::string_view secret,
                          std::string_view date, std::string_view region,
                          std::string_view service) const;
  void keep(std::string_view credential, std::string_view secret, const crypto::Sha256Value& key);
  bool holds(std::string_view credential) const { return keys_.contains(credential); }
  size_t size() const { return keys_.size(); }

 private:
  struct Entry {
    Entry(std::string_view secret_text, const crypto::Sha256Value& key_bytes)
        : secret(secret_text), key(key_bytes) {}
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry();  // Cleanses.
    std::string secret;
    crypto::Sha256Value key;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> keys_;
};

}  // namespace cairn::s3
