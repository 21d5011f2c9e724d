#include "cli/sync_admin_commands.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "cli/admin_client.h"
#include "cli/admin_flags.h"
#include "cli/exit_codes.h"
#include "server/credentials.h"

namespace cairn::cli {
namespace {

constexpr const char* kAccessKeyVariable = "CAIRN_SYNC_ACCESS_KEY";
constexpr const char* kSecretKeyVariable = "CAIRN_SYNC_SECRET_KEY";

// Values of one command's options, filled before its callback runs.
struct SyncAdminOptions {
  std::string data;
  std::string credentials;
  bool skips_markers = false;
  bool sends_removals = false;
  std::map<std::string, std::string> params;
};

int failed(const Error& error) {
  std::cerr << "cairn: " << error.message << '\n';
  return kExitFailed;
}

// The keys of the other site: of a file, or of the environment. Never of the command line, which
// everybody on the machine sees.
Status take_keys(SyncAdminOptions& options) {
  if (!options.credentials.empty()) {
    const Result<server::RootCredentials> keys = server::read_credentials(options.credentials);
    if (!keys) return std::unexpected(keys.error());
    options.params["access-key"] = keys->access_key;
    options.params["secret-key"] = keys->secret_key;
    return {};
  }
  const char* const access_key = std::getenv(kAccessKeyVariable);
  const char* const secret_key = std::getenv(kSecretKeyVariable);
  if (access_key == nullptr || secret_key == nullptr) {
    return fail(Code::kInvalidArgument,
                "name a file with the other site's keys by --credentials, or set "
                "CAIRN_SYNC_ACCESS_KEY and CAIRN_SYNC_SECRET_KEY");
  }
  options.params["access-key"] = access_key;
  options.params["secret-key"] = secret_key;
  return {};
}

void append_encoded(std::string& out, std::string_view value) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : value) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append("%").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
  }
}

int ask(const SyncAdminOptions& options, const std::string& command) {
  std::string form;
  for (const auto& [name, value] : options.params) {
    if (value.empty()) continue;
    if (!form.empty()) form += '&';
    form.append(name).append("=");
    append_encoded(form, value);
  }
  const bool is_list = command == "sync-list";
  const Result<AdminReply> reply =
      ask_admin(options.data, is_list ? "GET" : "POST", command, is_list ? std::string() : form);
  if (!reply) return failed(reply.error());
  (reply->status == 200 ? std::cout : std::cerr) << reply->body;
  return reply->status == 200 ? kExitDone : kExitFailed;
}

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      SyncAdminOptions& options) {
  CLI::App* const command = parent.add_subcommand(name, help);
  add_data_option(*command, options.data);
  return command;
}

void add_flags_of_rule(CLI::App& command, SyncAdminOptions& options) {
  static constexpr struct {
    const char* name;
    const char* text;
    const char* help;
  } kFlags[] = {
      {"prefix", "PREFIX", "Only keys that begin so"},
      {"region", "NAME", "Region of the other site (default us-east-1)"},
      {"ca", "FILE", "Certificates (PEM) that an https site is checked against"},
      {"bandwidth", "SIZE", "Bytes per second at most, such as 100MiB"},
      {"kms-key", "ID", "Key at the other site for what is under SSE-KMS here"},
  };
  for (const auto& flag : kFlags) {
    command.add_option(std::string("--") + flag.name, options.params[flag.name], flag.help)
        ->option_text(flag.text);
  }
  command.add_option("--credentials", options.credentials, "File with the other site's keys")
      ->option_text("FILE");
  command.add_flag("--no-markers", options.skips_markers, "Do not send delete markers");
  command.add_flag("--removals", options.sends_removals,
                   "Send removals of single versions as well");
}

}  // namespace

void add_sync_admin_commands(CLI::App& admin, int& exit_code) {
  CLI::App* const sync = admin.add_subcommand("sync", "Buckets that go to other sites");
  sync->require_subcommand(1);
  // Lives as long as the callbacks.
  const auto options = std::make_shared<SyncAdminOptions>();
  CLI::App* const add =
      add_command(*sync, "add", "Send a bucket's changes to a bucket of another site", *options);
  add->add_option("bucket", options->params["bucket"], "Bucket of this server")->required();
  add->add_option("--to", options->params["to"], "Where: https://HOST[:PORT]/BUCKET")
      ->required()
      ->option_text("URL");
  add_flags_of_rule(*add, *options);
  add->callback([options, &exit_code] {
    const Status taken = take_keys(*options);
    if (!taken) {
      exit_code = failed(taken.error());
      return;
    }
    if (options->skips_markers) options->params["markers"] = "no";
    if (options->sends_removals) options->params["removals"] = "yes";
    exit_code = ask(*options, "sync-add");
  });
  for (const char* const name : {"list", "status"}) {
    CLI::App* const list =
        add_command(*sync, name, "Every rule and how far it is, as JSON", *options);
    list->callback([options, &exit_code] { exit_code = ask(*options, "sync-list"); });
  }
  static constexpr std::pair<const char*, const char*> kCommands[] = {
      {"failed", "Changes that were put aside, and why"},
      {"pause", "Send nothing; changes are kept"},
      {"resume", "Send again"},
      {"retry", "Send what was put aside once more, now"},
      {"compare", "Compare the two sites as a whole and send what is missing"},
      {"remove", "Send nothing any more and forget the rule"},
      {"bandwidth", "Change the limit; 0 = none"}};
  for (const auto& [name, help] : kCommands) {
    CLI::App* const command = add_command(*sync, name, help, *options);
    command->add_option("id", options->params["id"], "Id of the rule, see list")->required();
    if (std::string_view(name) == "bandwidth") {
      command->add_option("limit", options->params["bandwidth"], "Bytes per second")->required();
    }
    command->callback([options, &exit_code, path = std::string("sync-") + name] {
      exit_code = ask(*options, path);
    });
  }
}

}  // namespace cairn::cli
