// Admin commands on accounts: tenants, users, groups, policies, keys. What `cairn admin user add`
// and its siblings ask the running server; the operator's token stands for every right.
//
// POST /admin/v1/accounts/NAME with a form of parameters; the answer is JSON. Secrets are in the
// answer of key-add only.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/task.h"
#include "server/stores.h"

namespace cairn::server {

// The names of the commands, in order: "user-add", ...
std::span<const std::string_view> account_command_names();

// kNotFound when there is no such command; else as the operations of iam/.
io::Task<Result<std::string>> run_account_command(Stores& stores, std::string name,
                                                  std::string form);

}  // namespace cairn::server
