#include "cli/account_commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "cli/admin_client.h"
#include "cli/admin_flags.h"
#include "cli/exit_codes.h"

namespace cairn::cli {
namespace {

using Json = nlohmann::ordered_json;

// A cell of a table.
std::string shown(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_array()) {
    std::string out;
    for (const Json& one : value) out.append(out.empty() ? "" : ",").append(shown(one));
    return out.empty() ? "-" : out;
  }
  if (value.is_object()) {
    std::string out;
    for (const auto& [name, one] : value.items()) {
      if (one != 0) out.append(out.empty() ? "" : ",").append(name).append("=").append(shown(one));
    }
    return out.empty() ? "-" : out;
  }
  return value.dump();
}

void print_table(const Json& rows) {
  if (rows.empty()) return;
  std::vector<std::string> names;
  for (const auto& [name, value] : rows.front().items()) names.push_back(name);
  std::vector<size_t> widths;
  for (const std::string& name : names) {
    size_t width = name.size();
    for (const Json& row : rows) width = std::max(width, shown(row.value(name, Json())).size());
    widths.push_back(width);
  }
  const auto print_line = [&](const auto& cell_of) {
    std::string line;
    for (size_t i = 0; i < names.size(); ++i) {
      std::string cell = cell_of(names[i]);
      if (i + 1 < names.size()) cell.resize(widths[i] + 2, ' ');
      line += cell;
    }
    std::cout << line << '\n';
  };
  print_line([](const std::string& name) { return name; });
  for (const Json& row : rows) {
    print_line([&](const std::string& name) { return shown(row.value(name, Json())); });
  }
}

void print_plain(const Json& reply) {
  if (reply.is_array()) return print_table(reply);
  for (const auto& [name, value] : reply.items()) {
    const bool is_document = name == "document";
    std::cout << name << ": " << (is_document ? value.dump(2) : shown(value)) << '\n';
  }
}

}  // namespace

struct AccountCommands::Option {
  std::string param;  // Name of the parameter; also of the flag, unless positional.
  std::string text;   // What stands for the value; empty = a switch.
  std::string help;
  bool is_positional = false;
  bool is_required = false;
};

struct AccountCommands::Verb {
  std::string name;
  std::string help;
  std::vector<Option> options;
};

void AccountCommands::add_verb(CLI::App& group, const std::string& group_name, const Verb& verb) {
  CLI::App* command = group.add_subcommand(verb.name, verb.help);
  add_data_option(*command, data_);
  command->add_flag("--json", as_json_, "Show the answer as JSON");
  if (group_name != "tenant") {
    command
        ->add_option("--tenant", params_["tenant"],
                     "Name or account number (default: the root tenant)")
        ->option_text("TENANT");
  }
  for (const Option& option : verb.options) {
    if (option.param == "document") {
      CLI::Option* file = command->add_option(option.is_positional ? "FILE" : "--policy-file",
                                              policy_file_, option.help);
      file->option_text("FILE");
      if (option.is_required) file->required();
      continue;
    }
    if (option.text.empty()) {
      command->add_flag_callback(
          "--" + option.param, [this, option] { params_[option.param] = "true"; }, option.help);
      continue;
    }
    CLI::Option* added =
        command->add_option(option.is_positional ? option.text : "--" + option.param,
                            params_[option.param], option.help);
    added->option_text(option.text);
    if (option.is_required) added->required();
  }
  const std::string path = group_name + "-" + verb.name;
  command->callback([this, path] { exit_code_ = run(path); });
}

int AccountCommands::run(const std::string& command) {
  if (!policy_file_.empty()) {
    std::ifstream file(policy_file_);
    std::ostringstream text;
    // A directory opens, and then gives nothing.
    if (!file || !(text << file.rdbuf())) {
      std::cerr << "cairn: cannot read " << policy_file_ << ", or it is empty\n";
      return kExitUsage;
    }
    params_["document"] = text.str();
  }
  std::string form;
  for (const auto& [name, value] : params_) {
    if (value.empty()) continue;
    form.append(form.empty() ? "" : "&").append(name).append("=").append(url_encoded(value));
  }
  const Result<AdminReply> reply = ask_admin(data_, "POST", "accounts/" + command, form);
  if (!reply) {
    std::cerr << "cairn: " << reply.error().message << '\n';
    return kExitFailed;
  }
  const Json json = Json::parse(reply->body, nullptr, /*allow_exceptions=*/false);
  if (reply->status != 200) {
    const bool has_error = json.is_object() && json.contains("error");
    std::cerr << "cairn: " << (has_error ? shown(json["error"]) : reply->body) << '\n';
    return reply->status == 400 ? kExitUsage : kExitFailed;
  }
  if (as_json_) {
    std::cout << reply->body;
  } else if (!json.is_discarded()) {
    print_plain(json);
  }
  return kExitDone;
}

void AccountCommands::add_to(CLI::App& admin) {
  const auto name = [](const std::string& help) {
    return Option{"name", "NAME", help, true, true};
  };
  const Option policy{"policy", "POLICY", "Name or ARN of a policy", true, true};
  const Option key{"access-key", "ACCESS_KEY", "The key", true, true};
  const std::vector<Option> holders = {policy,
                                       {"user", "USER", "Of this user"},
                                       {"group", "GROUP", "Of this group"},
                                       {"role", "ROLE", "Of this role"}};
  const std::vector<std::pair<std::pair<std::string, std::string>, std::vector<Verb>>> groups = {
      {{"user", "Users of an account"},
       {{"add",
         "Make a user; give it a key with `key add`",
         {name("The user"), {"path", "PATH", "E.g. /staff/"}}},
        {"list", "All users", {}},
        {"remove", "Remove a user with its keys", {name("The user")}},
        {"enable", "Let a disabled user in again", {name("The user")}},
        {"disable", "Refuse all keys of a user, at once", {name("The user")}}}},
      {{"group", "Groups of users"},
       {{"add", "Make a group", {name("The group")}},
        {"list", "All groups with their members", {}},
        {"remove", "Remove a group; its members stay", {name("The group")}},
        {"join",
         "Put a user into a group",
         {name("The group"), {"user", "USER", "The user", true, true}}},
        {"leave",
         "Take a user out of a group",
         {name("The group"), {"user", "USER", "The user", true, true}}}}},
      {{"policy", "Policies, in AWS's JSON language"},
       {{"add",
         "Store a policy, or a new version of it",
         {name("The policy"), {"document", "FILE", "The policy as JSON", true, true}}},
        {"list", "All policies", {}},
        {"show", "One policy with its text", {policy}},
        {"attach", "Give a policy to a user, group or role", holders},
        {"detach", "Take it away again", holders},
        {"remove", "Remove a policy from everybody", {policy}}}},
      {{"key", "Access keys"},
       {{"add",
         "Make a key; its secret is shown this once",
         {{"user", "USER", "Whose (default: the account's root user)"},
          {"service-account", "", "A key of its own kind, beside the user's two"},
          {"document", "FILE", "A policy that narrows a service account"},
          {"description", "TEXT", "What it is for"}}},
        {"list", "All keys, without secrets", {{"user", "USER", "Of this user only"}}},
        {"remove", "Remove a key", {key}},
        {"enable", "Let a key in again", {key}},
        {"disable", "Refuse a key, at once", {key}}}},
      {{"tenant", "Tenants: accounts with their own buckets, keys and people"},
       {{"add",
         "Make a tenant; give it a root key with `key add --tenant`",
         {name("The tenant"), {"isolated", "", "Bucket names of its own, which nobody else sees"}}},
        {"list", "All tenants", {}},
        {"remove",
         "Remove a tenant that has no buckets, with all its users and keys",
         {name("The tenant")}}}},
  };
  for (const auto& [group, verbs] : groups) {
    CLI::App* parent = admin.add_subcommand(group.first, group.second);
    parent->require_subcommand(1);
    for (const Verb& verb : verbs) add_verb(*parent, group.first, verb);
  }
}

}  // namespace cairn::cli
