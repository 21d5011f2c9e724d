// What `cairn` tells the shell.
#pragma once

namespace cairn::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;   // The command could not do its work.
inline constexpr int kExitUsage = 2;    // Wrong flags or configuration.
inline constexpr int kExitDamaged = 3;  // Damaged objects, or an altered audit log.

}  // namespace cairn::cli
