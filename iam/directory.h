// All accounts in memory: an immutable picture that readers share. A change makes a new picture
// that shares what did not change; who holds an old one reads on in it.
// Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "iam/model.h"
#include "iam/names.h"

namespace cairn::iam {

template <typename T>
using ByName = std::map<std::string, std::shared_ptr<const T>, NameLess>;

// One tenant with everything in it.
struct Account {
  std::shared_ptr<const Tenant> tenant;
  ByName<User> users;
  ByName<Group> groups;
  ByName<Role> roles;
  ByName<ManagedPolicy> policies;
  ByName<OidcProvider> providers;  // By URL.
  // By access key; exact.
  std::map<std::string, std::shared_ptr<const AccessKey>, std::less<>> keys;
};

class Directory {
 public:
  // Null when there is none.
  const Account* account(TenantId id) const;
  std::shared_ptr<const Account> share_account(TenantId id) const;
  const Account* account_named(std::string_view name) const;
  const Account* account_of_canonical_id(std::string_view canonical_id) const;
  const AccessKey* access_key(std::string_view access_key) const;
  const std::map<uint64_t, std::shared_ptr<const Account>>& accounts() const { return accounts_; }
  bool is_isolated(TenantId id) const;

  // Building: used by Draft and while loading only.
  Account& change_account(TenantId id);  // A copy that belongs to this picture.
  void remove_account(TenantId id);
  void index_key(std::shared_ptr<const AccessKey> key);
  void unindex_key(std::string_view access_key);
  void index_keys(const std::vector<std::shared_ptr<const AccessKey>>& keys);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Keys =
      std::unordered_map<std::string, std::shared_ptr<const AccessKey>, Hash, std::equal_to<>>;
  // A change of one key copies one shard.
  static constexpr size_t kShards = 64;
  static size_t shard_of(std::string_view access_key) { return Hash{}(access_key) % kShards; }
  Keys copy_shard(size_t shard) const;

  std::map<uint64_t, std::shared_ptr<const Account>> accounts_;
  std::array<std::shared_ptr<const Keys>, kShards> keys_;
};

// Whether the ARN of a user, a role or a role's session speaks of an account that is here and has
// no such user or role.
bool names_nobody(const Directory& directory, std::string_view arn);

// A managed policy by ARN: of the account, or one of those that come with the server
// (managed_policies.h). Null when there is none.
std::shared_ptr<const ManagedPolicy> find_policy(const Account& account, std::string_view arn);

}  // namespace cairn::iam
