#include "cli/client_flags.h"

#include <CLI/CLI.hpp>

namespace cairn::cli {

void ClientFlags::add_to(CLI::App& command) {
  const std::string group = "Server";
  command.add_option("--profile", profile.profile, "Settings made by `cairn configure`")
      ->option_text("NAME")
      ->group(group);
  command
      .add_option("--endpoint-url", profile.endpoint,
                  "The S3 server (default: of the profile, AWS_ENDPOINT_URL_S3, or "
                  "http://127.0.0.1:9000)")
      ->option_text("URL")
      ->group(group);
  command.add_option("--region", profile.region, "Region to sign for (default us-east-1)")
      ->option_text("REGION")
      ->group(group);
  command.add_option("--ca-bundle", profile.ca_bundle, "Certificates to trust, as PEM")
      ->option_text("FILE")
      ->group(group);
  command.add_flag("--no-sign-request", is_anonymous, "Ask without credentials")->group(group);
  command.add_flag("--json", as_json, "One JSON object per line on standard output");
}

void ClientFlags::add_transfer_flags_to(CLI::App& command) {
  command.add_flag("-q,--quiet", is_quiet, "Show errors only");
  command.add_flag("--no-progress", has_no_progress, "No line of progress on a terminal");
  command
      .add_flag("--plain-s3", is_plain_s3,
                "Upload by S3 alone, also to a Cairn server (default there: by names of chunks)")
      ->group("Server");
}

ConsoleOptions ClientFlags::console_options() const {
  return {.is_quiet = is_quiet, .as_json = as_json, .shows_progress = !has_no_progress};
}

}  // namespace cairn::cli
