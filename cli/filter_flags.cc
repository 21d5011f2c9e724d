#include "cli/filter_flags.h"

#include <CLI/CLI.hpp>
#include <map>

namespace cairn::cli {

void add_filter_flags(CLI::App& command) {
  for (const auto& [name, help] : std::initializer_list<std::pair<const char*, const char*>>{
           {"--include", "Take what matches; the last matching --include or --exclude decides"},
           {"--exclude", "Pass over what matches (* also matches '/')"}}) {
    command.add_option(name, help)
        ->option_text("GLOB")
        ->type_size(1)
        ->expected(1, static_cast<int>(kFiltersMax))
        ->allow_extra_args(false);
  }
}

Filters given_filters(const CLI::App& command) {
  Filters filters;
  std::map<const CLI::Option*, size_t> taken;
  const CLI::Option* include = command.get_option("--include");
  const CLI::Option* exclude = command.get_option("--exclude");
  for (const CLI::Option* option : command.parse_order()) {
    if (option != include && option != exclude) continue;
    const size_t index = taken[option]++;
    if (index >= option->results().size()) continue;
    const Status added = filters.add(option == include, option->results()[index]);
    if (!added) throw CLI::ValidationError(added.error().message);
  }
  return filters;
}

}  // namespace cairn::cli
