#include "cli/configure_command.h"

#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <optional>

#include "cli/exit_codes.h"
#include "cli/ini_file.h"

namespace cairn::cli {
namespace {

constexpr size_t kAnswerBytesMax = 4096;

// A terminal that neither shows what is typed nor acts on it, until this dies: Ctrl-C is read as a
// byte, so that no signal can leave the terminal dumb.
class DumbTerminal {
 public:
  DumbTerminal() : is_terminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios dumb = before_;
    dumb.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &dumb);
  }
  ~DumbTerminal() {
    if (!is_terminal_) return;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::cerr << '\n';
  }
  DumbTerminal(const DumbTerminal&) = delete;
  DumbTerminal& operator=(const DumbTerminal&) = delete;
  bool is_terminal() const { return is_terminal_; }

  // nullopt when it was given up.
  static std::optional<std::string> read_line() {
    constexpr char kInterrupt = 3;
    constexpr char kEnd = 4;
    std::string line;
    for (char c = 0; ::read(STDIN_FILENO, &c, 1) == 1;) {
      if (c == kInterrupt || c == kEnd || line.size() > kAnswerBytesMax) return std::nullopt;
      if (c == '\n' || c == '\r') return line;
      if (c == '\x7f' || c == '\b') {
        if (!line.empty()) line.pop_back();
      } else {
        line += c;
      }
    }
    return std::nullopt;
  }

 private:
  termios before_{};
  const bool is_terminal_;
};

// Empty answers keep `current`.
Status ask_one(const std::string& question, const std::string& shown, std::string& current) {
  std::cerr << question << " [" << shown << "]: " << std::flush;
  std::string answer;
  if (!std::getline(std::cin, answer)) {
    return fail(Code::kInvalidArgument,
                "no answer: give --access-key and --secret-key-file when "
                "nobody sits at the terminal");
  }
  if (answer.size() > kAnswerBytesMax)
    return fail(Code::kInvalidArgument, "the answer is too long");
  if (!answer.empty()) current = answer;
  return {};
}

// The same without showing it.
Status ask_secret(const std::string& question, std::string& current) {
  const std::string shown = current.empty() ? "none" : "****";
  const DumbTerminal terminal;
  if (!terminal.is_terminal()) return ask_one(question, shown, current);
  std::cerr << question << " [" << shown << "]: " << std::flush;
  const std::optional<std::string> answer = DumbTerminal::read_line();
  if (!answer) return fail(Code::kCancelled, "nothing was written");
  if (!answer->empty()) current = *answer;
  return {};
}

Result<std::string> read_secret(const std::string& path) {
  std::string line;
  if (path == "-") {
    std::getline(std::cin, line);
  } else {
    std::ifstream file(path);
    if (!file) return fail(Code::kNotFound, "cannot read " + path);
    std::getline(file, line);
  }
  if (line.empty())
    return fail(Code::kInvalidArgument, path + " holds no secret in its first line");
  return line;
}

// Nothing that would become another line of the file.
Status check_plain(const Profile& profile) {
  for (const std::string* value :
       {&profile.name, &profile.endpoint, &profile.region, &profile.ca_bundle, &profile.access_key,
        &profile.secret_key, &profile.session_token}) {
    if (value->find_first_of("\r\n") != std::string::npos) {
      return fail(Code::kInvalidArgument, "a setting is one line");
    }
  }
  if (profile.name.empty() || profile.name.find_first_of("[]") != std::string::npos) {
    return fail(Code::kInvalidArgument, "a profile's name is not empty and has no '[' or ']'");
  }
  return {};
}

std::string masked(const std::string& secret) {
  if (secret.empty()) return "none";
  return "****" + (secret.size() > 8 ? secret.substr(secret.size() - 4) : std::string());
}

int report(const Error& error) {
  std::cerr << "cairn: " << error.message << '\n';
  return exit_code_of(error.code);
}

}  // namespace

Status ConfigureCommand::ask(Profile& profile) const {
  Status asked = ask_one("Endpoint", profile.endpoint, profile.endpoint);
  if (asked) asked = ask_one("Access key", masked(profile.access_key), profile.access_key);
  if (asked) asked = ask_secret("Secret key", profile.secret_key);
  if (asked) asked = ask_one("Region", profile.region, profile.region);
  return asked;
}

int ConfigureCommand::run() {
  const Environment environment = process_environment();
  const std::string path = profile_file_path(environment);
  // The profile as it is in our own file: what a flag or an answer does not change stays.
  Profile profile;
  ProfileFlags flags;
  flags.profile = given_.name;
  std::vector<std::string> warnings;
  const Environment only_ours = [&](const std::string& variable) -> std::optional<std::string> {
    if (variable == "CAIRN_CONFIG_FILE") return path;
    return std::nullopt;
  };
  const Result<Profile> present = resolve_profile(flags, only_ours, warnings);
  if (present) {
    profile = *present;
  } else if (present.error().code != Code::kNotFound) {
    return report(present.error());
  }
  profile.name = given_.name;
  const auto take = [](std::string& into, const std::string& value) {
    if (!value.empty()) into = value;
  };
  if (!secret_file_.empty()) {
    const Result<std::string> secret = read_secret(secret_file_);
    if (!secret) return report(secret.error());
    given_.secret_key = *secret;
  }
  take(profile.endpoint, given_.endpoint);
  take(profile.region, given_.region);
  take(profile.ca_bundle, given_.ca_bundle);
  take(profile.access_key, given_.access_key);
  take(profile.secret_key, given_.secret_key);
  // A token belongs to its key.
  if (!given_.access_key.empty()) profile.session_token = given_.session_token;
  take(profile.session_token, given_.session_token);
  if (is_interactive_) {
    const Status asked = ask(profile);
    if (!asked) return report(asked.error());
  }
  const Result<std::string> endpoint = checked_endpoint(profile.endpoint);
  if (!endpoint) return report(endpoint.error());
  profile.endpoint = *endpoint;
  if (profile.access_key.empty() != profile.secret_key.empty()) {
    return report({Code::kInvalidArgument, "an access key and its secret belong together"});
  }
  const Status plain = check_plain(profile);
  if (!plain) return report(plain.error());
  const Status saved = save_profile(path, profile);
  if (!saved) return report(saved.error());
  std::cerr << "Profile \"" << profile.name << "\" is in " << path << '\n';
  return kExitDone;
}

void ConfigureCommand::add_to(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "configure", "Write a profile: endpoint, credentials, region; asks for what no flag gives");
  given_.endpoint.clear();
  given_.region.clear();
  command->add_option("--profile", given_.name, "Its name (default \"default\")")
      ->option_text("NAME");
  const std::vector<CLI::Option*> settings = {
      command->add_option("--endpoint-url", given_.endpoint, "http(s)://HOST[:PORT]")
          ->option_text("URL"),
      command->add_option("--region", given_.region, "Region to sign for")->option_text("REGION"),
      command->add_option("--ca-bundle", given_.ca_bundle, "Certificates to trust, as PEM")
          ->option_text("FILE"),
      command->add_option("--access-key", given_.access_key, "Access key")->option_text("KEY"),
      command
          ->add_option("--secret-key", given_.secret_key,
                       "Its secret; others on this machine may see it: prefer --secret-key-file")
          ->option_text("SECRET"),
      command
          ->add_option("--secret-key-file", secret_file_,
                       "File whose first line is the secret (\"-\": standard input)")
          ->option_text("FILE"),
      command->add_option("--session-token", given_.session_token, "Of temporary credentials")
          ->option_text("TOKEN")};
  command->callback([this, settings] {
    is_interactive_ =
        std::ranges::all_of(settings, [](const CLI::Option* one) { return one->count() == 0; });
    exit_code_ = run();
  });
}

}  // namespace cairn::cli
