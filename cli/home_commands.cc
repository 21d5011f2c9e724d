#include "cli/home_commands.h"

#include <memory>
#include <string_view>
#include <vector>

#include "cli/admin_flags.h"

namespace cairn::cli {
namespace {

// Values of one command's options, filled before its callback runs.
struct PlacementOptions {
  std::string data;
  std::string name;
  std::string primary;
  std::vector<std::string> drain;
  std::vector<std::string> undrain;
};

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      PlacementOptions& options) {
  CLI::App* const command = parent.add_subcommand(name, help);
  add_data_option(*command, options.data);
  return command;
}

void add_orphan_command(CLI::App& admin, AskServer ask) {
  struct Options {
    std::string data;
    bool drop = false;
    double share_max = 0.1;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const orphans = admin.add_subcommand("orphans",
                                                 "Count what a home that servers share holds and "
                                                 "no catalog knows, as JSON; drop it when asked");
  add_data_option(*orphans, options->data);
  orphans->add_flag("--drop", options->drop, "Drop what was found; default: a dry run");
  orphans
      ->add_option(
          "--share-max", options->share_max,
          "Drop nothing when more than this share of all would go: then the catalog is more "
          "likely to be the wrong one")
      ->option_text("SHARE (default 0.1)")
      ->check(CLI::Range(0.0, 1.0));
  orphans->callback([options, ask] {
    if (!options->drop) return ask(options->data, "GET", "orphans-show");
    std::string path = "orphans-drop";
    append_parameter(path, "share", std::to_string(options->share_max));
    ask(options->data, "POST", path);
  });
}

}  // namespace

void add_home_commands(CLI::App& admin, AskServer ask) {
  add_orphan_command(admin, ask);
  CLI::App* const placement =
      admin.add_subcommand("placement", "Homes of chunks, and the placements over them");
  placement->require_subcommand(1);
  // Lives as long as the callbacks.
  const auto options = std::make_shared<PlacementOptions>();

  CLI::App* const status = add_command(
      *placement, "status", "Placements, homes, and what is owed to which, as JSON", *options);
  status->callback([options, ask] { ask(options->data, "GET", "placement-status"); });

  CLI::App* const change = add_command(
      *placement, "switch", "Move a placement's traffic to other homes, at once", *options);
  change->add_option("name", options->name, "The placement")->required();
  change->add_option("--primary", options->primary, "Home that is written and read first")
      ->option_text("HOME");
  change
      ->add_option("--drain", options->drain,
                   "Home that gets no new copies and is read only where no other has a chunk; what "
                   "only it has is copied; may repeat")
      ->option_text("HOME");
  change->add_option("--undrain", options->undrain, "The opposite; may repeat")
      ->option_text("HOME");
  change->callback([options, ask] {
    std::string path = "placement-switch";
    append_parameter(path, "name", options->name);
    if (!options->primary.empty()) append_parameter(path, "primary", options->primary);
    for (const std::string& home : options->drain) append_parameter(path, "drain", home);
    for (const std::string& home : options->undrain) append_parameter(path, "undrain", home);
    ask(options->data, "POST", path);
  });

  CLI::App* const repair = add_command(
      *placement, "repair", "Compare what the homes have now, and copy what is missing", *options);
  repair->callback([options, ask] { ask(options->data, "POST", "placement-repair"); });

  CLI::App* const forget =
      add_command(*placement, "forget",
                  "Let an empty home that no placement names leave the configuration", *options);
  forget->add_option("home", options->name, "The home")->required();
  forget->callback([options, ask] {
    std::string path = "placement-forget";
    append_parameter(path, "home", options->name);
    ask(options->data, "POST", path);
  });
}

}  // namespace cairn::cli
