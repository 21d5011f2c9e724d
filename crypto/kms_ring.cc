#include "crypto/kms_ring.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace cairn::crypto {

bool is_kms_name(std::string_view name) {
  constexpr std::string_view kMarks = "/_-.:";
  return !name.empty() && name.size() <= kKmsNameBytesMax && std::ranges::all_of(name, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.contains(c);
  });
}

SseKeyPointer make_kms_sse_key(const KmsKey& key, uint32_t version, std::string_view context) {
  const auto found = key.versions.find(version);
  if (found == key.versions.end()) return nullptr;
  auto out = std::make_shared<SseKey>();
  out->kind = SseKind::kKms;
  out->secret = SecretKey(found->second->view());
  // The id holds no NUL, so the parts cannot be taken for each other.
  uint8_t number[4];
  store_be<uint32_t>(number, version);
  out->binding = key.id;
  out->binding += '\0';
  out->binding.append(as_text(number)).append(context);
  return out;
}

void KmsRing::put(KmsKeyPointer key) {
  const std::unique_lock lock(mutex_);
  tenants_[key->tenant.value].insert_or_assign(key->id, key);
}

void KmsRing::erase(TenantId tenant, std::string_view id) {
  const std::unique_lock lock(mutex_);
  const auto keys = tenants_.find(tenant.value);
  if (keys == tenants_.end()) return;
  const auto found = keys->second.find(id);
  if (found != keys->second.end()) keys->second.erase(found);
}

KmsKeyPointer KmsRing::find(TenantId tenant, std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto keys = tenants_.find(tenant.value);
  if (keys == tenants_.end()) return nullptr;
  const auto found = keys->second.find(name);
  if (found != keys->second.end()) return found->second;
  if (!name.starts_with(kKmsAliasPrefix)) return nullptr;
  for (const auto& [id, key] : keys->second) {
    if (std::ranges::find(key->aliases, name) != key->aliases.end()) return key;
  }
  return nullptr;
}

std::vector<KmsKeyPointer> KmsRing::list(TenantId tenant) const {
  const std::shared_lock lock(mutex_);
  std::vector<KmsKeyPointer> out;
  const auto keys = tenants_.find(tenant.value);
  if (keys == tenants_.end()) return out;
  for (const auto& [id, key] : keys->second) out.push_back(key);
  return out;
}

}  // namespace cairn::crypto
