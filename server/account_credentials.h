// The access keys of all accounts as the S3 door looks them up. One per core, used on its reactor.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "iam/resolver.h"
#include "iam/store.h"
#include "s3/auth.h"
#include "server/credentials.h"

namespace cairn::server {

class AccountCredentials final : public s3::CredentialSource {
 public:
  // `store` outlives it. `root` is the root user of the root tenant.
  AccountCredentials(const iam::Store& store, const RootCredentials& root);

  const s3::Credential* find(std::string_view access_key) const override;
  const s3::Credential* find_session(std::string_view access_key,
                                     std::string_view token) const override;
  // The same credentials with what accounts know about them.
  iam::CredentialCache& accounts() { return accounts_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  struct Known {
    s3::Credential credential;
    std::shared_ptr<std::atomic<int64_t>> last_used;  // Shared by all cores.
  };
  // Notes that the key was used now.
  static const Known& used(const Known& known);

  const iam::Store& store_;
  mutable iam::CredentialCache accounts_;
  // Forgotten whenever the accounts change, as the cache below it.
  mutable uint64_t generation_ = 0;
  mutable std::unordered_map<std::string, Known, Hash, std::equal_to<>> known_;
};

}  // namespace cairn::server
