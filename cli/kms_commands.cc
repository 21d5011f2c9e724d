#include "cli/kms_commands.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/admin_flags.h"

namespace cairn::cli {
namespace {

// Values of one command's options, filled before its callback runs.
struct KmsOptions {
  std::string data;
  uint64_t tenant = 1;
  std::string key;
  std::vector<std::string> aliases;
};

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      KmsOptions& options) {
  CLI::App* const command = parent.add_subcommand(name, help);
  add_data_option(*command, options.data);
  command->add_option("--tenant", options.tenant, "Whose keys (default 1, the root tenant)")
      ->option_text("N");
  return command;
}

}  // namespace

void append_parameter(std::string& path, std::string_view name, std::string_view value) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  path += path.find('?') == std::string::npos ? '?' : '&';
  path.append(name).append("=");
  for (const char c : value) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain) {
      path += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      path.append("%").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
}

void add_kms_commands(CLI::App& admin, AskServer ask) {
  CLI::App* const kms = admin.add_subcommand("kms", "Named keys of SSE-KMS");
  kms->require_subcommand(1);
  // Lives as long as the callbacks.
  const auto options = std::make_shared<KmsOptions>();
  const auto run = [options, ask = std::move(ask)](const std::string& method, std::string path,
                                                   std::string_view key_parameter) {
    append_parameter(path, "tenant", std::to_string(options->tenant));
    if (!options->key.empty()) append_parameter(path, key_parameter, options->key);
    for (const std::string& alias : options->aliases) append_parameter(path, "alias", alias);
    ask(options->data, method, path);
  };

  CLI::App* const list = add_command(*kms, "list", "All keys, as JSON", *options);
  list->callback([run] { run("GET", "kms-list", "key"); });
  CLI::App* const create =
      add_command(*kms, "create", "Make a key; without --id its id is a new UUID", *options);
  create->add_option("--id", options->key, "Id that clients name it by")->option_text("NAME");
  create->add_option("--alias", options->aliases, "Further name; may repeat")->option_text("NAME");
  create->callback([run] { run("POST", "kms-create", "id"); });

  static constexpr std::pair<const char*, const char*> kChanges[] = {
      {"enable", "Let objects under the key be read and written again"},
      {"disable", "Stop reading and writing objects under the key"},
      {"rotate", "Seal new objects under a new version of the key; older ones stay readable"},
      {"delete", "Destroy a disabled key: objects under it are lost for ever"}};
  for (const auto& [name, help] : kChanges) {
    CLI::App* const command = add_command(*kms, name, help, *options);
    command->add_option("key", options->key, "Id or alias/NAME")->required();
    command->callback([run, path = std::string("kms-") + name] { run("POST", path, "key"); });
  }
}

}  // namespace cairn::cli
