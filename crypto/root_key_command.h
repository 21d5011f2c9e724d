// Runs the operator's command that prints the root key. Internal to crypto/.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn::crypto {

inline constexpr size_t kCommandArgumentsMax = 64;
inline constexpr size_t kCommandOutputBytesMax = 256;
inline constexpr int kCommandTimeoutMs = 30'000;

// Standard output of `command_line`, split at blanks into an argument vector; no shell sees it.
// Standard input is empty, standard error is ours. The command is killed with its process group
// when it takes longer than `timeout_ms` or writes more than kCommandOutputBytesMax. The caller
// cleanses the result.
Result<std::string> run_key_command(std::string_view command_line,
                                    int timeout_ms = kCommandTimeoutMs);

}  // namespace cairn::crypto
