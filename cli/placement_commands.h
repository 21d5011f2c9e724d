// `cairn admin bucket placement`: where a bucket's new objects are kept, of a running server.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/kms_commands.h"

namespace cairn::cli {

void add_placement_commands(CLI::App& admin, AskServer ask);

}  // namespace cairn::cli
