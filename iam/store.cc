#include "iam/store.h"

#include <utility>

#include "base/log.h"
#include "iam/rows.h"

namespace cairn::iam {
namespace {

constexpr std::string_view kRootTenantName = "root";

StoreOptions filled(StoreOptions options) {
  if (options.clock == nullptr) options.clock = &system_clock();
  if (options.random == nullptr) options.random = &system_random();
  return options;
}

template <typename T>
Result<std::shared_ptr<T>> decoded(BytesView record, catalog::Version version) {
  auto value = std::make_shared<T>();
  if (const Status parsed = rows::decode(record, *value); !parsed) {
    return std::unexpected(parsed.error());
  }
  value->row_version = version;
  return value;
}

// Collects rows; accounts are built up in place and shared at the end.
struct Loader {
  std::map<uint64_t, Account> accounts;
  std::vector<std::shared_ptr<const AccessKey>> keys;

  template <typename T>
  Status add_named(BytesView record, const catalog::Entry& row, TenantId tenant,
                   ByName<T> Account::* where, std::string T::* name) {
    Result<std::shared_ptr<T>> value = decoded<T>(record, row.version);
    if (!value) return std::unexpected(value.error());
    (accounts[tenant.value].*where).emplace((**value).*name, *value);
    return {};
  }

  Status add(const rows::Parsed& at, BytesView record, const catalog::Entry& row) {
    switch (at.kind) {
      case rows::Kind::kTenant: {
        Result<std::shared_ptr<Tenant>> value = decoded<Tenant>(record, row.version);
        if (!value) return std::unexpected(value.error());
        accounts[at.tenant.value].tenant = *value;
        return {};
      }
      case rows::Kind::kUser:
        return add_named<User>(record, row, at.tenant, &Account::users, &User::name);
      case rows::Kind::kGroup:
        return add_named<Group>(record, row, at.tenant, &Account::groups, &Group::name);
      case rows::Kind::kRole:
        return add_named<Role>(record, row, at.tenant, &Account::roles, &Role::name);
      case rows::Kind::kPolicy:
        return add_named<ManagedPolicy>(record, row, at.tenant, &Account::policies,
                                        &ManagedPolicy::name);
      case rows::Kind::kProvider:
        return add_named<OidcProvider>(record, row, at.tenant, &Account::providers,
                                       &OidcProvider::url);
      case rows::Kind::kAccessKey: {
        Result<std::shared_ptr<AccessKey>> value = decoded<AccessKey>(record, row.version);
        if (!value) return std::unexpected(value.error());
        keys.push_back(*value);
        return {};
      }
    }
    return fail(Code::kInternal, "a kind of row without a reader");
  }

  // Rows without their tenant cannot be: a tenant and what is in it go in one commit.
  Result<std::shared_ptr<Directory>> finish() {
    for (const std::shared_ptr<const AccessKey>& key : keys) {
      accounts[key->tenant.value].keys.emplace(key->access_key, key);
    }
    auto directory = std::make_shared<Directory>();
    for (auto& [id, account] : accounts) {
      if (account.tenant == nullptr) {
        return fail(Code::kCorruption, "rows of an account are there, but not the account");
      }
      directory->change_account(TenantId{id}) = std::move(account);
    }
    directory->index_keys(keys);
    return directory;
  }
};

}  // namespace

Store::Store(StoreOptions options)
    : options_(filled(options)),
      rows_(*options.catalog, {rows::all()}),
      home_(io::Reactor::current()) {}

io::Task<Result<std::unique_ptr<Store>>> Store::open(StoreOptions options) {
  std::unique_ptr<Store> store(new Store(options));
  co_await io::or_return(store->load());
  if (store->directory()->account(crypto::kRootTenant) == nullptr) {
    const auto add_root = [](Draft& draft) {
      Tenant root;
      root.id = crypto::kRootTenant;
      root.name = kRootTenantName;
      root.created = draft.now();
      draft.put(std::move(root));
      return Status();
    };
    co_await io::or_return(store->change(add_root));
  }
  co_return store;
}

io::Task<Status> Store::load() {
  const uint64_t changes_count = rows_.changes_count();
  Loader loader;
  catalog::ScanRequest request;
  request.begin = rows::all();
  request.end = catalog::prefix_end(request.begin);
  for (;;) {
    const catalog::ScanPage page = co_await io::or_return(options_.catalog->scan(request));
    for (const catalog::Entry& row : page.entries) {
      const rows::Parsed at = co_await io::or_return(rows::parse(row.key));
      const Bytes record = co_await io::or_return(rows::open(*options_.keys, row.key, row.value));
      co_await io::or_return(loader.add(at, record, row));
    }
    if (!page.more || page.entries.empty()) break;
    request.begin = page.entries.back().key + '\0';
  }
  std::shared_ptr<Directory> directory = co_await io::or_return(loader.finish());
  publish(std::move(directory));
  rows_.note_read(changes_count);
  co_return Status();
}

io::Task<Status> Store::catch_up() {
  if (!rows_.is_behind()) co_return Status();
  co_return co_await io::run_on(home_, catch_up_here());
}

io::Task<Status> Store::catch_up_here() {
  const io::MutexGuard guard = co_await changing_.lock();
  if (!rows_.is_behind()) co_return Status();
  co_return co_await load();
}

std::shared_ptr<const Directory> Store::directory() const {
  const std::lock_guard lock(mutex_);
  return directory_;
}

void Store::publish(std::shared_ptr<const Directory> next) {
  {
    const std::lock_guard lock(mutex_);
    directory_ = std::move(next);
  }
  // Only now: a reader that sees the new number finds the new directory.
  generation_.fetch_add(1, std::memory_order_acq_rel);
}

std::optional<WallTime> Store::last_used(std::string_view access_key) const {
  const std::lock_guard lock(uses_mutex_);
  const auto found = uses_.find(access_key);
  if (found == uses_.end()) return std::nullopt;
  const int64_t unix_ms = found->second->load(std::memory_order_relaxed);
  if (unix_ms == 0) return std::nullopt;
  return WallTime{unix_ms};
}

std::shared_ptr<std::atomic<int64_t>> Store::last_used_slot(std::string_view access_key) const {
  const std::lock_guard lock(uses_mutex_);
  const auto found = uses_.find(access_key);
  if (found != uses_.end()) return found->second;
  if (uses_.size() >= kLastUsedMax) uses_.clear();
  auto slot = std::make_shared<std::atomic<int64_t>>(0);
  uses_.emplace(std::string(access_key), slot);
  return slot;
}

io::Task<Status> Store::change(std::function<Status(Draft&)> change) {
  co_return co_await io::run_on(home_, change_here(std::move(change)));
}

Result<catalog::Batch> Store::batch_of(Draft& draft) const {
  catalog::Batch batch;
  for (auto& [key, row] : draft.rows()) {
    if (row.before == 0 && !row.record) continue;  // Made and removed again.
    batch.preconditions.push_back(row.before == 0
                                      ? catalog::Precondition::absent(key)
                                      : catalog::Precondition::version_is(key, row.before));
    if (!row.record) {
      batch.deletes.push_back(key);
      continue;
    }
    Result<std::string> value = rows::seal(*options_.keys, key, *row.record, *options_.random);
    if (!value) return std::unexpected(value.error());
    batch.puts.push_back({key, std::move(*value)});
  }
  return batch;
}

io::Task<Result<bool>> Store::try_change(const std::function<Status(Draft&)>& change) {
  if (is_stale_) {
    co_await io::or_return(load());
    is_stale_ = false;
  }
  const std::shared_ptr<const Directory> before = directory();
  Draft draft(*before, options_.clock->wall_now(), *options_.random);
  co_await io::or_return(change(draft));
  if (draft.rows().empty()) co_return false;
  catalog::Batch batch = co_await io::or_return(batch_of(draft));
  const Result<catalog::Version> done = co_await options_.catalog->commit(std::move(batch));
  if (!done) {
    is_stale_ = true;
    if (done.error().code == Code::kFailedPrecondition) co_return true;
    log::error("account-change-failed", {{"code", to_string(done.error().code)},
                                         {"message", std::string_view(done.error().message)}});
    co_return std::unexpected(done.error());
  }
  for (auto& [key, row] : draft.rows()) {
    if (row.value != nullptr) row.value->row_version = *done;
  }
  publish(draft.take_directory());
  co_return false;
}

io::Task<Status> Store::change_here(std::function<Status(Draft&)> change) {
  const io::MutexGuard guard = co_await changing_.lock();
  for (int attempt = 0; attempt < kChangeAttemptsMax; ++attempt) {
    const bool lost = co_await io::or_return(try_change(change));
    if (!lost) co_return Status();
  }
  co_return fail(Code::kUnavailable, "The accounts were changed meanwhile. Please try again.");
}

}  // namespace cairn::iam
