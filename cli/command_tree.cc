#include "cli/command_tree.h"

#include <CLI/CLI.hpp>

namespace cairn::cli {
namespace {

OptionText described(const CLI::Option& option) {
  OptionText text;
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  text.is_positional = text.names.empty();
  text.help = option.get_description();
  text.is_required = option.get_required();
  if (option.get_items_expected_max() > 0) {
    text.value = option.get_option_text();
    if (text.value.empty()) text.value = text.is_positional ? option.get_name() : "VALUE";
  }
  return text;
}

void collect(const CLI::App& app, std::vector<std::string> path, std::vector<CommandText>& out) {
  CommandText command;
  command.path = path;
  command.help = app.get_description();
  for (const CLI::Option* option : app.get_options()) command.options.push_back(described(*option));
  const auto children = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children) command.children.push_back(child->get_name());
  out.push_back(std::move(command));
  for (const CLI::App* child : children) {
    path.push_back(child->get_name());
    collect(*child, path, out);
    path.pop_back();
  }
}

}  // namespace

std::string CommandText::path_text() const {
  std::string text;
  for (const std::string& name : path) text.append(text.empty() ? "" : " ").append(name);
  return text;
}

std::vector<CommandText> command_tree(const CLI::App& app) {
  std::vector<CommandText> commands;
  collect(app, {}, commands);
  return commands;
}

}  // namespace cairn::cli
