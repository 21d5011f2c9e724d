#include "server/kms_admin.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/log.h"
#include "crypto/kms_ring.h"
#include "s3/call.h"
#include "s3/sse_headers.h"
#include "s3/uri.h"

namespace cairn::server {
namespace {

using Kind = object::KmsCommand::Kind;

constexpr std::pair<std::string_view, Kind> kCommands[] = {{"kms-create", Kind::kCreate},
                                                           {"kms-enable", Kind::kEnable},
                                                           {"kms-disable", Kind::kDisable},
                                                           {"kms-rotate", Kind::kRotate},
                                                           {"kms-delete", Kind::kDelete}};

void append_text(std::string& out, std::string_view text) {
  out += '"';
  log::append_json_escaped(out, text);
  out += '"';
}

void append_key(std::string& out, const crypto::KmsKey& key, std::string_view region) {
  out += "{\"id\":";
  append_text(out, key.id);
  out += ",\"name\":";
  append_text(out, s3::shown_kms_key(key.id, key.tenant, region));
  out += ",\"aliases\":[";
  for (size_t i = 0; i < key.aliases.size(); ++i) {
    if (i > 0) out += ',';
    append_text(out, key.aliases[i]);
  }
  out += fmt::format("],\"enabled\":{},\"created_unix_ms\":{},\"version\":{}}}", key.enabled,
                     key.created.unix_ms, key.current);
}

std::string list_keys(const KmsAdmin& admin, crypto::TenantId tenant) {
  std::string out = "{\"keys\":[";
  bool first = true;
  for (const crypto::KmsKeyPointer& key : admin.keys.kms().list(tenant)) {
    if (!std::exchange(first, false)) out += ',';
    append_key(out, *key, admin.region);
  }
  out += "]}\n";
  return out;
}

Result<object::KmsCommand> parse_command(const s3::Query& query, Kind kind,
                                         crypto::TenantId tenant) {
  object::KmsCommand out;
  out.kind = kind;
  out.tenant = tenant;
  const std::string_view parameter = kind == Kind::kCreate ? "id" : "key";
  for (const s3::QueryParam& param : query.params()) {
    if (param.name == parameter) {
      out.name = param.value;
    } else if (param.name == "alias" && kind == Kind::kCreate) {
      const bool has_prefix = param.value.starts_with(crypto::kKmsAliasPrefix);
      out.aliases.push_back((has_prefix ? "" : std::string(crypto::kKmsAliasPrefix)) +
                            std::string(param.value));
    } else if (param.name != "tenant") {
      return fail(Code::kInvalidArgument, "no such parameter: " + std::string(param.name));
    }
  }
  if (kind != Kind::kCreate && out.name.empty()) {
    return fail(Code::kInvalidArgument, "name the key: its id or alias");
  }
  return out;
}

}  // namespace

io::Task<Result<std::string>> run_kms_command(KmsAdmin admin, std::string name,
                                              std::string query_text) {
  const s3::S3Result<s3::Query> query = s3::parse_query(query_text);
  if (!query) co_return fail(Code::kInvalidArgument, std::string(query.error().text()));
  crypto::TenantId tenant = crypto::kRootTenant;
  if (const auto text = query->find("tenant")) {
    const std::optional<uint64_t> number = s3::parse_number(*text, 1, UINT64_MAX);
    if (!number) co_return fail(Code::kInvalidArgument, "tenant is a number");
    tenant.value = *number;
  }
  if (name == kKmsListCommand) co_return list_keys(admin, tenant);
  for (const auto& [command_name, kind] : kCommands) {
    if (name != command_name) continue;
    object::KmsCommand command = co_await io::or_return(parse_command(*query, kind, tenant));
    const crypto::KmsKeyPointer key =
        co_await io::or_return(admin.objects.change_kms_key(std::move(command)));
    if (key == nullptr) co_return "{\"deleted\":true}\n";
    std::string out;
    append_key(out, *key, admin.region);
    out += '\n';
    co_return out;
  }
  co_return fail(Code::kNotFound, "there is no such command");
}

io::Task<Status> ensure_kms_keys(KmsAdmin admin, std::vector<std::string> names) {
  for (std::string& name : names) {
    if (admin.keys.kms().find(crypto::kRootTenant, name) != nullptr) continue;
    object::KmsCommand command;
    command.tenant = crypto::kRootTenant;
    command.name = std::move(name);
    co_await io::or_return(admin.objects.change_kms_key(std::move(command)));
  }
  co_return Status();
}

}  // namespace cairn::server
