// What admin commands say about accounts, as JSON. For .cc files of server/ only.
#pragma once

#include <nlohmann/json.hpp>

#include "iam/directory.h"

namespace cairn::server {

nlohmann::json tenant_json(const iam::Account& account);
nlohmann::json user_json(iam::TenantId tenant, const iam::User& user);
nlohmann::json group_json(const iam::Account& account, const iam::Group& group);
nlohmann::json policy_json(const iam::Account& account, const iam::ManagedPolicy& policy);
// Without the secret.
nlohmann::json key_json(const iam::AccessKey& key);

}  // namespace cairn::server
