// `cairn`: one binary, the server and its tools.
//
// What it tells the shell is in exit_codes.h.
#include <CLI/CLI.hpp>
#include <cctype>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "cli/account_commands.h"
#include "cli/admin_client.h"
#include "cli/admin_flags.h"
#include "cli/bench_command.h"
#include "cli/bucket_command.h"
#include "cli/cache_command.h"
#include "cli/cluster_commands.h"
#include "cli/configure_command.h"
#include "cli/copy_command.h"
#include "cli/exit_codes.h"
#include "cli/gateway_commands.h"
#include "cli/home_commands.h"
#include "cli/kms_commands.h"
#include "cli/list_command.h"
#include "cli/migrate_command.h"
#include "cli/object_commands.h"
#include "cli/placement_commands.h"
#include "cli/pull_command.h"
#include "cli/push_command.h"
#include "cli/remove_command.h"
#include "cli/shell_completion.h"
#include "cli/sync_admin_commands.h"
#include "cli/sync_command.h"
#include "cli/sync_site_command.h"
#include "server/audit_offline.h"
#include "server/config.h"
#include "server/server.h"
#include "server/version.h"

namespace cairn::cli {
namespace {

int report_error(const Error& error) {
  std::cerr << "cairn: " << error.message << '\n';
  return error.code == Code::kInvalidArgument ? kExitUsage : kExitFailed;
}

std::optional<std::string> environment(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

// Flags made from server::settings(), and where they land.
struct ServerFlags {
  std::map<std::string, std::string> given;
  std::string config_file;

  void add_to(CLI::App& command) {
    command.add_option("--config", config_file, "Settings as a TOML file")
        ->option_text("FILE.toml");
    for (const server::Setting& setting : server::settings()) {
      const std::string name(setting.name);
      const std::string help =
          std::string(setting.help) + " [" + setting.environment_variable() + "]";
      if (setting.value_name.empty()) {
        command.add_flag_callback("--" + name, [this, name] { given[name] = "true"; }, help);
      } else if (setting.is_list) {
        command
            .add_option_function<std::vector<std::string>>(
                "--" + name,
                [this, name](const std::vector<std::string>& values) {
                  for (const std::string& value : values) {
                    std::string& all = given[name];
                    if (!all.empty()) all += ',';
                    all += value;
                  }
                },
                help)
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
            ->option_text(std::string(setting.value_name));
      } else {
        command
            .add_option_function<std::string>(
                "--" + name, [this, name](const std::string& value) { given[name] = value; }, help)
            ->option_text(std::string(setting.value_name));
      }
    }
  }

  Result<server::Config> load() const {
    server::ConfigSources sources;
    sources.flags = given;
    sources.environment = environment;
    sources.file = config_file;
    return server::load_config(sources);
  }
};

int run_serve(const ServerFlags& flags) {
  Result<server::Config> config = flags.load();
  if (!config) {
    report_error(config.error());
    return kExitUsage;
  }
  const Status served = server::serve(std::move(*config));
  return served ? kExitDone : report_error(served.error());
}

int run_admin(const std::string& data, const std::string& method, const std::string& name) {
  const Result<AdminReply> reply = ask_admin(data, method, name);
  if (!reply) return report_error(reply.error());
  std::cout << reply->body;
  if (reply->status != 200) return kExitFailed;
  // The report names every damaged object; an empty list is `"damaged":[]`.
  const bool damaged = name == "scrub" && reply->body.find("\"damaged\":[]") == std::string::npos;
  return damaged ? kExitDamaged : kExitDone;
}

// Asks the running server, or looks by itself when none runs.
int run_audit_verify(const std::string& data, const std::string& root_key) {
  Result<std::string> report = fail(Code::kUnavailable, "no server runs");
  const Result<AdminReply> reply = ask_admin(data, "GET", "audit-verify");
  if (reply && reply->status == 200) {
    report = reply->body;
  } else if (reply) {
    report = fail(Code::kFailedPrecondition, reply->body);
  } else {
    server::Config config;
    config.data = data;
    config.root_key = root_key;
    report = server::verify_audit_offline(config);
  }
  if (!report) return report_error(report.error());
  std::cout << *report;
  return report->starts_with("{\"intact\":true") ? kExitDone : kExitDamaged;
}

// For a query: everything but letters, digits and a few marks.
std::string percent_encoded(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '_' || c == '.') {
      out += c;
    } else {
      out.append("%").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  return out;
}

struct Commands {
  ServerFlags serve_flags;
  std::string data;
  std::string root_key;
  std::map<std::string, std::string> quota_parameters;
  int exit_code = kExitDone;
  AccountCommands accounts{exit_code};
  ConfigureCommand configure{exit_code};

  // One question to the running server: `method` /admin/v1/`path`.
  void add_admin(CLI::App& parent, const std::string& name, const std::string& method,
                 const std::string& path, const std::string& help) {
    CLI::App* command = parent.add_subcommand(name, help);
    add_data_option(*command, data);
    command->callback([this, method, path] { exit_code = run_admin(data, method, path); });
  }

  void add_audit(CLI::App& admin) {
    CLI::App* audit = admin.add_subcommand("audit", "The audit log");
    audit->require_subcommand(1);
    CLI::App* verify = audit->add_subcommand(
        "verify", "Check the chain of the audit log; names the first bad line (exit code 3)");
    verify->add_option("--data", data, "Data directory [CAIRN_DATA]")
        ->envname("CAIRN_DATA")
        ->required()
        ->option_text("DIR");
    verify->add_option("--root-key", root_key, "As of `serve`; needed when no server runs")
        ->envname("CAIRN_ROOT_KEY")
        ->option_text("SPEC");
    verify->callback([this] { exit_code = run_audit_verify(data, root_key); });
  }

  void add_quota(CLI::App& admin) {
    CLI::App* quota =
        admin.add_subcommand("quota", "Limits of buckets, tenants, users and access keys");
    quota->require_subcommand(1);
    CLI::App* show = quota->add_subcommand("show", "One quota and its usage, or all quotas");
    CLI::App* set = quota->add_subcommand("set", "Change limits; 0 removes one");
    for (CLI::App* command : {show, set}) {
      add_data_option(*command, data);
      CLI::Option* scope =
          command->add_option("scope", quota_parameters["scope"], "bucket, tenant, user or key");
      CLI::Option* name =
          command->add_option("name", quota_parameters["name"],
                              "The bucket, the tenant, the user's ARN, the access key");
      if (command == set) scope->required();
      if (command == set) name->required();
    }
    for (const auto& [limit, help] : std::initializer_list<std::pair<const char*, const char*>>{
             {"size", "Bytes in all, such as 10GiB"},
             {"objects", "Versions in all"},
             {"requests", "Requests per second"},
             {"bytes-in", "Bytes received per second"},
             {"bytes-out", "Bytes sent per second"}}) {
      set->add_option(std::string("--") + limit, quota_parameters[limit], help)
          ->option_text("LIMIT");
    }
    show->callback([this] { exit_code = run_quota("GET", "quota-show"); });
    set->callback([this] { exit_code = run_quota("POST", "quota-set"); });
  }

  int run_quota(const std::string& method, std::string path) {
    char separator = '?';
    for (const auto& [name, value] : quota_parameters) {
      if (value.empty()) continue;
      path += separator + name + "=" + percent_encoded(value);
      separator = '&';
    }
    return run_admin(data, method, path);
  }

  void add_all(CLI::App& app) {
    CLI::App* serve = app.add_subcommand("serve", "Serve S3 from a data directory");
    serve_flags.add_to(*serve);
    serve->callback([this] { exit_code = run_serve(serve_flags); });

    CLI::App* admin = app.add_subcommand("admin", "Look after a data directory");
    admin->require_subcommand(1);
    add_admin(*admin, "status", "GET", "status", "What the running server holds, as JSON");
    add_admin(*admin, "scrub", "POST", "scrub",
              "Verify every chunk and object; names each damaged object (exit code 3)");
    add_admin(*admin, "gc", "POST", "gc", "Give back the space of deleted objects now");
    add_audit(*admin);
    add_kms_commands(*admin, [this](const std::string& directory, const std::string& method,
                                    const std::string& path) {
      exit_code = run_admin(directory, method, path);
    });
    add_gateway_commands(*admin, exit_code);
    add_placement_commands(*admin, [this](const std::string& directory, const std::string& method,
                                          const std::string& path) {
      exit_code = run_admin(directory, method, path);
    });
    add_home_commands(*admin, [this](const std::string& directory, const std::string& method,
                                     const std::string& path) {
      exit_code = run_admin(directory, method, path);
    });
    add_cluster_commands(*admin, exit_code);
    add_migrate_command(*admin, exit_code);
    add_quota(*admin);
    add_sync_admin_commands(*admin, exit_code);
    CLI::App* keys = admin->add_subcommand("keys", "Encryption keys");
    keys->require_subcommand(1);
    add_admin(*keys, "rotate", "POST", "keys-rotate",
              "Make a new root key and wrap all keys with it; no data is encrypted anew");
    accounts.add_to(*admin);

    configure.add_to(app);
    add_list_command(app, exit_code);
    add_usage_command(app, exit_code);
    add_find_command(app, exit_code);
    add_object_commands(app, exit_code);
    add_copy_command(app, exit_code);
    add_move_command(app, exit_code);
    add_sync_command(app, exit_code);
    add_sync_site_command(app, exit_code);
    add_remove_command(app, exit_code);
    add_bucket_commands(app, exit_code);
    add_push_command(app, exit_code);
    add_pull_command(app, exit_code);
    add_models_command(app, exit_code);
    add_bench_command(app, exit_code);
    add_cache_command(app, exit_code);
    add_help_commands(app, exit_code);
    app.add_subcommand("version", "Print the version")->callback([] {
      std::cout << "cairn " << server::version() << '\n';
    });
  }
};

}  // namespace
}  // namespace cairn::cli

int main(int argc, char** argv) {
  CLI::App app(
      "Cairn, an object store for AI models and media: S3 in front, encrypted and "
      "deduplicated chunks behind.");
  app.footer(cairn::cli::kExitCodesHelp);
  app.require_subcommand(1);
  cairn::cli::Commands commands;
  commands.add_all(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? cairn::cli::kExitDone : cairn::cli::kExitUsage;
  } catch (const std::exception& error) {
    std::cerr << "cairn: " << error.what() << '\n';
    return cairn::cli::kExitFailed;
  }
  return commands.exit_code;
}
