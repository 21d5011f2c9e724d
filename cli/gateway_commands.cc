#include "cli/gateway_commands.h"

#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "cli/admin_client.h"
#include "cli/admin_flags.h"
#include "cli/exit_codes.h"
#include "server/credentials.h"

namespace cairn::cli {
namespace {

constexpr const char* kAccessKeyVariable = "CAIRN_GATEWAY_ACCESS_KEY";
constexpr const char* kSecretKeyVariable = "CAIRN_GATEWAY_SECRET_KEY";

// Values of one command's options, filled before its callback runs.
struct GatewayOptions {
  std::string data;
  std::map<std::string, std::string> values;  // Of the form, by name.
  std::string credentials;
  bool read_only = false;
  bool read_write = false;
  bool anonymous = false;
};

void append(std::string& form, std::string_view name, std::string_view value) {
  if (!form.empty()) form += '&';
  form.append(name).append("=").append(url_encoded(value));
}

int report_error(const Error& error) {
  std::fprintf(stderr, "cairn: %s\n", error.message.c_str());
  return exit_code_of(error.code);
}

int run(const std::string& data, const std::string& method, const std::string& name,
        const std::string& form) {
  const Result<AdminReply> reply = ask_admin(data, method, name, form);
  if (!reply) return report_error(reply.error());
  std::cout << reply->body;
  return reply->status == 200 ? kExitDone : kExitFailed;
}

// The keys for the upstream: a file, two variables, none at all, or those that stand.
Status append_keys(const GatewayOptions& options, std::string& form) {
  std::string access_key = server::take_environment_secret(kAccessKeyVariable);
  std::string secret_key = server::take_environment_secret(kSecretKeyVariable);
  if (options.anonymous) {
    append(form, "access-key", "");
    append(form, "secret-key", "");
    return {};
  }
  if (!options.credentials.empty()) {
    Result<server::RootCredentials> keys = server::read_credentials(options.credentials);
    if (!keys) return std::unexpected(keys.error());
    access_key = std::move(keys->access_key);
    secret_key = std::move(keys->secret_key);
  }
  if (access_key.empty() && secret_key.empty()) return {};
  append(form, "access-key", access_key);
  append(form, "secret-key", secret_key);
  return {};
}

int run_add(const GatewayOptions& options) {
  std::string form;
  for (const auto& [name, value] : options.values) {
    if (!value.empty()) append(form, name, value);
  }
  if (options.read_only || options.read_write) {
    append(form, "read-only", options.read_only ? "true" : "false");
  }
  if (const Status keys = append_keys(options, form); !keys) return report_error(keys.error());
  return run(options.data, "POST", "gateway-add", form);
}

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help,
                      GatewayOptions& options) {
  CLI::App* const command = parent.add_subcommand(name, help);
  add_data_option(*command, options.data);
  return command;
}

void add_bucket(CLI::App& command, GatewayOptions& options) {
  command.add_option("bucket", options.values["bucket"], "Name of the bucket here")->required();
  command
      .add_option("--tenant", options.values["tenant"], "Whose bucket (default 1, the root tenant)")
      ->option_text("N");
}

}  // namespace

void add_gateway_commands(CLI::App& admin, int& exit_code) {
  CLI::App* const gateway =
      admin.add_subcommand("gateway", "Buckets of other S3 servers behind this one");
  gateway->require_subcommand(1);
  // Lives as long as the callbacks.
  const auto options = std::make_shared<GatewayOptions>();

  CLI::App* const list = add_command(*gateway, "list", "All gateway buckets, as JSON", *options);
  list->callback(
      [options, &exit_code] { exit_code = run(options->data, "GET", "gateway-list", {}); });

  CLI::App* const add = add_command(
      *gateway, "add",
      "Let a bucket of another server appear as BUCKET; again: change its settings", *options);
  add_bucket(*add, *options);
  static constexpr struct {
    const char* name;
    const char* help;
    const char* text;
  } kTexts[] = {
      {"endpoint", "http[s]://host[:port] of the other server; Amazon's when not given", "URL"},
      {"upstream-bucket", "Its bucket", "BUCKET"},
      {"prefix", "Show only what is under this prefix, without it", "PREFIX"},
      {"region", "Its region (default us-east-1)", "REGION"},
      {"addressing", "How it is asked for: auto, path or virtual", "STYLE"},
      {"ca", "PEM bundle that its certificate is checked with", "FILE"},
      {"ttl", "How long what is known of an object is believed (default 60s)", "TIME"},
      {"stale-if-error", "Serve so much older while the upstream is down (default 0s: not)",
       "TIME"}};
  for (const auto& [name, help, text] : kTexts) {
    add->add_option(std::string("--") + name, options->values[name], help)->option_text(text);
  }
  add->add_flag("--read-only", options->read_only, "Refuse writes");
  add->add_flag("--read-write", options->read_write, "Take writes (default)");
  add->add_option("--credentials", options->credentials,
                  "File with AWS_ACCESS_KEY_ID= and AWS_SECRET_ACCESS_KEY= for the other server "
                  "[CAIRN_GATEWAY_ACCESS_KEY, CAIRN_GATEWAY_SECRET_KEY]")
      ->option_text("FILE");
  add->add_flag("--anonymous", options->anonymous, "Ask it without keys");
  add->callback([options, &exit_code] { exit_code = run_add(*options); });

  CLI::App* const remove = add_command(
      *gateway, "remove", "Take the bucket away here; the other server keeps all it has", *options);
  add_bucket(*remove, *options);
  remove->callback([options, &exit_code] {
    std::string form;
    append(form, "bucket", options->values["bucket"]);
    const std::string& tenant = options->values["tenant"];
    if (!tenant.empty()) append(form, "tenant", tenant);
    exit_code = run(options->data, "POST", "gateway-remove", form);
  });
}

}  // namespace cairn::cli
