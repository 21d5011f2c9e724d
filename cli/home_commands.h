// `cairn admin placement ...`: where a running server keeps chunks, and switching between homes.
#pragma once

#include "cli/kms_commands.h"

namespace cairn::cli {

void add_home_commands(CLI::App& admin, AskServer ask);

}  // namespace cairn::cli
