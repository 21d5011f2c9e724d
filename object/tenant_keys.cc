#include "object/tenant_keys.h"

#include <string>
#include <utility>
#include <vector>

#include "object/keys.h"
#include "object/kms_keys.h"

namespace cairn::object {
namespace {

// Every key row; a store has one per tenant and rotation.
constexpr size_t kKeyRowsMax = 1 << 20;

io::Task<Result<std::vector<catalog::Entry>>> key_rows(catalog::Catalog& catalog) {
  std::vector<catalog::Entry> out;
  catalog::ScanRequest request;
  request.begin = keys::tenant_keys();
  request.end = catalog::prefix_end(request.begin);
  while (out.size() < kKeyRowsMax) {
    catalog::ScanPage page = co_await io::or_return(catalog.scan(request));
    for (catalog::Entry& entry : page.entries) out.push_back(std::move(entry));
    if (!page.more || out.empty()) break;
    request.begin = out.back().key + '\0';
  }
  co_return out;
}

io::Task<Status> store_version(catalog::Catalog& catalog, crypto::TenantId tenant, uint32_t version,
                               std::string wrapped) {
  catalog::Batch batch;
  std::string row_key = keys::tenant_key(tenant, version);
  batch.preconditions.push_back(catalog::Precondition::absent(row_key));
  batch.puts.push_back({std::move(row_key), std::move(wrapped)});
  const Result<catalog::Version> done = co_await catalog.commit(std::move(batch));
  if (!done && done.error().code == Code::kFailedPrecondition) {
    co_return fail(Code::kUnavailable, std::string(kTenantKeyRace));
  }
  if (!done) co_return std::unexpected(done.error().with_context("storing a tenant key"));
  co_return Status{};
}

}  // namespace

io::Task<Result<size_t>> load_tenant_keys(catalog::Catalog& catalog, crypto::KeyRing& keys) {
  const std::vector<catalog::Entry> rows = co_await io::or_return(key_rows(catalog));
  for (const catalog::Entry& row : rows) {
    const auto parsed = keys::parse_tenant_key(row.key);
    if (!parsed) co_return fail(Code::kCorruption, "a row of the tenant keys is damaged");
    if (keys.version(parsed->first, parsed->second) != nullptr) continue;
    co_await io::or_return(keys.add_wrapped(parsed->first, parsed->second, as_bytes(row.value)));
  }
  co_return rows.size();
}

io::Task<Status> ensure_tenant_keys(catalog::Catalog& catalog, crypto::KeyRing& keys,
                                    crypto::TenantId tenant, Random& random) {
  if (keys.current(tenant) != nullptr) co_return Status{};
  co_return co_await add_tenant_key_version(catalog, keys, tenant, random);
}

io::Task<Status> add_tenant_key_version(catalog::Catalog& catalog, crypto::KeyRing& keys,
                                        crypto::TenantId tenant, Random& random) {
  const auto before = keys.current(tenant);
  const uint32_t version = before == nullptr ? 1 : before->version + 1;
  std::string wrapped = co_await io::or_return(keys.create_version(tenant, random));
  co_return co_await store_version(catalog, tenant, version, std::move(wrapped));
}

io::Task<Result<size_t>> rewrap_tenant_keys(catalog::Catalog& catalog, const crypto::KeyRing& keys,
                                            const crypto::SecretKey& new_root) {
  const std::vector<catalog::Entry> rows = co_await io::or_return(key_rows(catalog));
  catalog::Batch batch;
  for (const catalog::Entry& row : rows) {
    const auto parsed = keys::parse_tenant_key(row.key);
    if (!parsed) co_return fail(Code::kCorruption, "a row of the tenant keys is damaged");
    catalog::Put put;
    put.key = row.key;
    put.value = co_await io::or_return(keys.rewrap(parsed->first, parsed->second, new_root));
    batch.puts.push_back(std::move(put));
    batch.preconditions.push_back(catalog::Precondition::version_is(row.key, row.version));
  }
  co_await io::or_return(add_rewrapped_kms_keys(catalog, keys, new_root, batch));
  const Result<catalog::Version> done = co_await catalog.commit(std::move(batch));
  if (!done) co_return std::unexpected(done.error().with_context("rewrapping the tenant keys"));
  co_return rows.size();
}

}  // namespace cairn::object
