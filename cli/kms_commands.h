// `cairn admin kms ...`: the keys of SSE-KMS of a running server.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>

namespace cairn::cli {

// Asks the server on the data directory `data`: `method` /admin/v1/`path`, as run_admin().
using AskServer = std::function<void(const std::string& data, const std::string& method,
                                     const std::string& path)>;

// A parameter of `path`, encoded.
void append_parameter(std::string& path, std::string_view name, std::string_view value);

void add_kms_commands(CLI::App& admin, AskServer ask);

}  // namespace cairn::cli
