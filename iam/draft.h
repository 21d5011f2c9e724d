// A change of the accounts under way: what it reads is the directory with its own writes in it,
// what it writes becomes one commit. Made by Store::change; the operations (users.h, ...) are plain
// functions over a Draft.
// Lives for one call of a change; not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "iam/directory.h"

namespace cairn::iam {

class Draft {
 public:
  Draft(const Directory& base, WallTime now, Random& random)
      : next_(std::make_unique<Directory>(base)), now_(now), random_(random) {}

  const Directory& directory() const { return *next_; }
  // kNotFound when there is no such account.
  Result<const Account*> account(TenantId id) const;
  WallTime now() const { return now_; }
  Random& random() { return random_; }

  // Adds or replaces, by name (or id, or access key).
  void put(Tenant value);
  void put(TenantId tenant, User value);
  void put(TenantId tenant, Group value);
  void put(TenantId tenant, Role value);
  void put(TenantId tenant, ManagedPolicy value);
  void put(TenantId tenant, OidcProvider value);
  void put(AccessKey value);
  // REQUIRES: what is removed is there.
  void remove(TenantId tenant, const User& value);
  void remove(TenantId tenant, const Group& value);
  void remove(TenantId tenant, const Role& value);
  void remove(TenantId tenant, const ManagedPolicy& value);
  void remove(TenantId tenant, const OidcProvider& value);
  void remove(const AccessKey& value);
  // With everything in it.
  void remove_account(TenantId tenant);

  // For the store: the rows that differ from the base, by key.
  struct Row {
    std::optional<std::string> record;  // Unset = the row is removed.
    catalog::Version before = 0;        // Of the row as it was; 0 = there was none.
    std::shared_ptr<Stored> value;      // Gets the version of the commit.
  };
  std::map<std::string, Row>& rows() { return rows_; }
  std::unique_ptr<Directory> take_directory() { return std::move(next_); }

 private:
  template <typename T>
  void put_in(TenantId tenant, ByName<T> Account::* where, const std::string& name, T value);
  template <typename T>
  void remove_from(TenantId tenant, ByName<T> Account::* where, const std::string& name,
                   const T& value);
  void write(std::string row_key, std::optional<std::string> record, catalog::Version before,
             std::shared_ptr<Stored> value);
  Account& writable(TenantId tenant);

  std::unique_ptr<Directory> next_;
  const WallTime now_;
  Random& random_;
  std::map<std::string, Row> rows_;
  std::map<uint64_t, Account*> writable_;  // Accounts that were copied already.
};

}  // namespace cairn::iam
