#include "object/kms_keys.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/encoding.h"
#include "crypto/key_wrap.h"
#include "object/keys.h"
#include "object/limits.h"
#include "object/signed_row.h"
#include "proto/sse.pb.h"

namespace cairn::object {
namespace {

using catalog::Precondition;
using crypto::KmsKey;
using crypto::KmsKeyPointer;
using crypto::SecretKey;

std::unexpected<Error> damaged() {
  return fail(Code::kCorruption, "the row of a KMS key is damaged");
}

// What a wrapped version is bound to.
std::string binding_of(TenantId tenant, std::string_view id, uint32_t version) {
  return "kms " + std::to_string(tenant.value) + " " + std::string(id) + " " +
         std::to_string(version);
}

// A row's record, its versions still wrapped.
Result<proto::KmsKey> parse_row(const crypto::KeyRing& keys, TenantId tenant,
                                const catalog::Entry& row) {
  const Result<OpenedRow> opened = open_row(keys, row.key, row.value);
  if (!opened) return std::unexpected(opened.error());
  proto::KmsKey record;
  const BytesView bytes = opened->record;
  if (opened->tenant != tenant || bytes.size() > kRowBytesMax ||
      !record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      !crypto::is_kms_name(record.id()) || record.versions().empty()) {
    return damaged();
  }
  return record;
}

Result<KmsKeyPointer> unwrap(const crypto::KeyRing& keys, TenantId tenant,
                             const proto::KmsKey& record) {
  auto out = std::make_shared<KmsKey>();
  out->tenant = tenant;
  out->id = record.id();
  out->aliases.assign(record.aliases().begin(), record.aliases().end());
  out->enabled = !record.disabled();
  out->created.unix_ms = record.created_unix_ms();
  out->current = record.current();
  for (const proto::KmsKeyVersion& version : record.versions()) {
    Result<SecretKey> secret = keys.unwrap_named(binding_of(tenant, out->id, version.version()),
                                                 as_bytes(version.wrapped()));
    if (!secret) return std::unexpected(std::move(secret.error()));
    out->versions.emplace(version.version(), std::make_shared<const SecretKey>(std::move(*secret)));
  }
  if (!out->versions.contains(out->current)) return damaged();
  return out;
}

Status add_version(const crypto::KeyRing& keys, TenantId tenant, proto::KmsKey& record,
                   Random& random) {
  const uint32_t version = record.current() + 1;
  const Result<std::string> wrapped = keys.wrap_named(binding_of(tenant, record.id(), version),
                                                      SecretKey::generate(random), random);
  if (!wrapped) return std::unexpected(wrapped.error());
  proto::KmsKeyVersion& entry = *record.add_versions();
  entry.set_version(version);
  entry.set_wrapped(*wrapped);
  record.set_current(version);
  return {};
}

std::string new_uuid(Random& random) {
  std::array<uint8_t, 16> bytes;
  random.fill(bytes);
  // Version 4, variant 1 (RFC 9562).
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);
  std::string out = to_hex(bytes);
  for (const size_t at : {20, 16, 12, 8}) out.insert(at, "-");
  return out;
}

// All rows of a range.
io::Task<Result<std::vector<catalog::Entry>>> scan_all(catalog::Catalog& catalog,
                                                       std::string prefix) {
  std::vector<catalog::Entry> out;
  catalog::ScanRequest request;
  request.end = catalog::prefix_end(prefix);
  request.begin = std::move(prefix);
  while (true) {
    catalog::ScanPage page = co_await io::or_return(catalog.scan(request));
    for (catalog::Entry& entry : page.entries) out.push_back(std::move(entry));
    if (!page.more || out.empty()) co_return out;
    request.begin = out.back().key + '\0';
  }
}

// The keys of a tenant as the catalog holds them.
struct StoredKey {
  catalog::Entry row;
  proto::KmsKey record;
};

bool is_named(const StoredKey& key, std::string_view name) {
  return key.record.id() == name ||
         std::ranges::find(key.record.aliases(), name) != key.record.aliases().end();
}

Status check_new(const std::vector<StoredKey>& stored, const KmsCommand& command, bool is_default) {
  if (stored.size() >= kKmsKeysMax) {
    return fail(Code::kResourceExhausted, "there are too many KMS keys");
  }
  if (command.aliases.size() > crypto::kKmsAliasesMax) {
    return fail(Code::kInvalidArgument, "a KMS key has at most 50 aliases");
  }
  std::vector<std::string> names = command.aliases;
  for (const std::string& alias : names) {
    const bool reserved = alias.starts_with("alias/aws/") && !is_default;
    if (!alias.starts_with(crypto::kKmsAliasPrefix) || !crypto::is_kms_name(alias) || reserved) {
      return fail(Code::kInvalidArgument,
                  "an alias is alias/NAME of letters, digits and /_-, and not alias/aws/...");
    }
  }
  if (!command.name.empty()) {
    if (!crypto::is_kms_name(command.name) || command.name.starts_with(crypto::kKmsAliasPrefix) ||
        command.name.starts_with("arn:")) {
      return fail(Code::kInvalidArgument,
                  "the id of a KMS key is 1 to 256 letters, digits and /_-.:");
    }
    names.push_back(command.name);
  }
  for (const std::string& name : names) {
    const bool taken =
        std::ranges::any_of(stored, [&](const StoredKey& key) { return is_named(key, name); });
    if (taken) return fail(Code::kAlreadyExists, "there is a KMS key named " + name);
  }
  return {};
}

// What `command` makes of `record`.
Status apply(const Context& context, const KmsCommand& command, proto::KmsKey& record) {
  using enum KmsCommand::Kind;
  switch (command.kind) {
    case kCreate:
    case kRotate:
      if (record.versions_size() >= static_cast<int>(crypto::kKmsVersionsMax)) {
        return fail(Code::kResourceExhausted, "the KMS key has too many versions");
      }
      return add_version(context.keys, command.tenant, record, context.random);
    case kEnable: record.set_disabled(false); return {};
    case kDisable: record.set_disabled(true); return {};
    case kDelete:
      if (record.disabled()) return {};
      return fail(Code::kFailedPrecondition,
                  "disable the key first: what was sealed under a deleted key is lost for ever");
  }
  return fail(Code::kInternal, "no such change of a KMS key");
}

proto::KmsKey new_record(Context& context, const KmsCommand& command) {
  proto::KmsKey record;
  record.set_id(command.name.empty() ? new_uuid(context.random) : command.name);
  for (const std::string& alias : command.aliases) record.add_aliases(alias);
  record.set_created_unix_ms(context.now().unix_ms);
  return record;
}

// Of the root tenant's first key: every change rewrites it, and a rotation depends on it.
io::Task<Result<catalog::Entry>> guard_row(Context& context) {
  std::optional<catalog::Entry> row =
      co_await io::or_return(context.catalog.get(keys::tenant_key(crypto::kRootTenant, 1)));
  if (!row) co_return fail(Code::kCorruption, "the root tenant has no keys");
  if (!context.keys.wraps(as_bytes(row->value))) {
    co_return fail(Code::kUnavailable, "the root key is being replaced: try again");
  }
  co_return std::move(*row);
}

io::Task<Result<std::vector<StoredKey>>> stored_keys(Context& context, TenantId tenant) {
  std::vector<catalog::Entry> rows =
      co_await io::or_return(scan_all(context.catalog, keys::kms_keys(tenant)));
  std::vector<StoredKey> out;
  for (catalog::Entry& row : rows) {
    StoredKey& key = out.emplace_back();
    key.record = co_await io::or_return(parse_row(context.keys, tenant, row));
    key.row = std::move(row);
  }
  co_return out;
}

// One attempt; kFailedPrecondition of the commit when another change or a rotation came between.
io::Task<Result<KmsKeyPointer>> try_change(Context& context, KmsCommand command, bool is_default,
                                           bool& lost) {
  catalog::Entry guard = co_await io::or_return(guard_row(context));
  const std::vector<StoredKey> stored =
      co_await io::or_return(stored_keys(context, command.tenant));
  catalog::Batch batch;
  batch.preconditions.push_back(Precondition::version_is(guard.key, guard.version));
  batch.puts.push_back({guard.key, guard.value});
  proto::KmsKey record;
  if (command.kind == KmsCommand::Kind::kCreate) {
    co_await io::or_return(check_new(stored, command, is_default));
    record = new_record(context, command);
  } else {
    const auto found = std::ranges::find_if(
        stored, [&](const StoredKey& key) { return is_named(key, command.name); });
    if (found == stored.end()) {
      co_return fail(Code::kNotFound, "there is no KMS key named " + command.name);
    }
    record = found->record;
    batch.preconditions.push_back(Precondition::version_is(found->row.key, found->row.version));
  }
  co_await io::or_return(apply(context, command, record));
  const std::string row_key = keys::kms_key(command.tenant, record.id());
  KmsKeyPointer key;
  if (command.kind == KmsCommand::Kind::kDelete) {
    batch.deletes.push_back(row_key);
  } else {
    const auto tenant_keys = co_await io::or_return(context.keys_of(command.tenant));
    key = co_await io::or_return(unwrap(context.keys, command.tenant, record));
    batch.puts.push_back({row_key, sign_row(*tenant_keys, row_key, record.SerializeAsString())});
  }
  const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
  lost = !done && done.error().code == Code::kFailedPrecondition;
  if (!done) co_return std::unexpected(done.error().with_context("storing a KMS key"));
  if (key == nullptr) {
    context.keys.kms().erase(command.tenant, record.id());
  } else {
    context.keys.kms().put(key);
  }
  co_return key;
}

// The caller holds the lock of KMS changes.
io::Task<Result<KmsKeyPointer>> change(Context& context, KmsCommand command, bool is_default) {
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    bool lost = false;
    Result<KmsKeyPointer> result = co_await try_change(context, command, is_default, lost);
    if (!lost) co_return result;
  }
  co_return fail(Code::kUnavailable, "the KMS keys change too fast");
}

}  // namespace

io::Task<Result<KmsKeyPointer>> change_kms_key(Context& context, KmsCommand command) {
  const KeyLocks::Guard guard = co_await context.locks.lock(keys::all_kms_keys());
  co_return co_await change(context, std::move(command), false);
}

io::Task<Status> ensure_default_kms_key(Context& context, TenantId tenant) {
  if (context.keys.kms().find(tenant, crypto::kKmsDefaultAlias) != nullptr) co_return Status{};
  const KeyLocks::Guard guard = co_await context.locks.lock(keys::all_kms_keys());
  if (context.keys.kms().find(tenant, crypto::kKmsDefaultAlias) != nullptr) co_return Status{};
  KmsCommand command;
  command.tenant = tenant;
  command.aliases = {std::string(crypto::kKmsDefaultAlias)};
  const Result<KmsKeyPointer> made = co_await change(context, std::move(command), true);
  if (!made) co_return std::unexpected(made.error());
  co_return Status{};
}

io::Task<Result<size_t>> load_kms_keys(catalog::Catalog& catalog, crypto::KeyRing& keys) {
  const std::vector<catalog::Entry> rows =
      co_await io::or_return(scan_all(catalog, keys::all_kms_keys()));
  std::map<TenantId, std::set<std::string>> present;
  const std::vector<catalog::Entry> tenants =
      co_await io::or_return(scan_all(catalog, keys::tenant_keys()));
  for (const catalog::Entry& row : tenants) {
    const auto parsed = keys::parse_tenant_key(row.key);
    if (parsed) present.try_emplace(parsed->first);
  }
  for (const catalog::Entry& row : rows) {
    const std::optional<TenantId> tenant = keys::parse_kms_key(row.key);
    if (!tenant) co_return damaged();
    const proto::KmsKey record = co_await io::or_return(parse_row(keys, *tenant, row));
    KmsKeyPointer key = co_await io::or_return(unwrap(keys, *tenant, record));
    present[*tenant].insert(key->id);
    keys.kms().put(std::move(key));
  }
  for (const auto& [tenant, ids] : present) {
    for (const KmsKeyPointer& known : keys.kms().list(tenant)) {
      if (!ids.contains(known->id)) keys.kms().erase(tenant, known->id);
    }
  }
  co_return rows.size();
}

io::Task<Status> add_rewrapped_kms_keys(catalog::Catalog& catalog, const crypto::KeyRing& keys,
                                        const crypto::SecretKey& new_root, catalog::Batch& batch) {
  const std::vector<catalog::Entry> rows =
      co_await io::or_return(scan_all(catalog, keys::all_kms_keys()));
  for (const catalog::Entry& row : rows) {
    const std::optional<TenantId> tenant = keys::parse_kms_key(row.key);
    if (!tenant) co_return damaged();
    proto::KmsKey record = co_await io::or_return(parse_row(keys, *tenant, row));
    for (proto::KmsKeyVersion& version : *record.mutable_versions()) {
      const std::string binding = binding_of(*tenant, record.id(), version.version());
      const SecretKey secret =
          co_await io::or_return(keys.unwrap_named(binding, as_bytes(version.wrapped())));
      std::string wrapped = co_await io::or_return(
          crypto::wrap_named_secret(new_root, binding, secret, system_random()));
      version.set_wrapped(std::move(wrapped));
    }
    const auto tenant_keys = keys.current(*tenant);
    if (tenant_keys == nullptr) co_return damaged();
    batch.preconditions.push_back(Precondition::version_is(row.key, row.version));
    batch.puts.push_back({row.key, sign_row(*tenant_keys, row.key, record.SerializeAsString())});
  }
  co_return Status{};
}

}  // namespace cairn::object
