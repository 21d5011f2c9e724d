// The flags that every command which talks to an S3 server has.
#pragma once

#include "cli/console.h"
#include "cli/profile.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

struct ClientFlags {
  ProfileFlags profile;
  bool is_anonymous = false;
  bool is_quiet = false;
  bool as_json = false;
  bool has_no_progress = false;
  bool is_plain_s3 = false;

  // --profile, --endpoint-url, --region, --ca-bundle, --no-sign-request, --json.
  void add_to(CLI::App& command);
  // --quiet, --no-progress, --plain-s3: for commands that move something.
  void add_transfer_flags_to(CLI::App& command);
  ConsoleOptions console_options() const;
};

}  // namespace cairn::cli
