#include "cli/shell_completion.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/command_tree.h"
#include "cli/exit_codes.h"
#include "server/version.h"

namespace cairn::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

std::vector<std::string> option_names(const CommandText& command) {
  std::vector<std::string> names;
  for (const OptionText& option : command.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

// In single quotes of a shell.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

// Text of the man macros: no line is taken for a request, no dash for a hyphen.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool begins_line = out.empty() || out.back() == '\n';
    if (begins_line && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string manual_synopsis(const CommandText& command) {
  std::string text = "\\fBcairn " + roff(command.path_text()) + "\\fR";
  for (const OptionText& option : command.options) {
    if (!option.is_positional) continue;
    const std::string value = roff(option.value);
    text += option.is_required ? " \\fI" + value + "\\fR" : " [\\fI" + value + "\\fR]";
  }
  if (!command.children.empty()) text += " \\fICOMMAND\\fR";
  return text + " [\\fIoptions\\fR]";
}

std::string manual_options(const CommandText& command) {
  std::string out;
  for (const OptionText& option : command.options) {
    if (option.names.empty()) continue;
    out += ".TP\n";
    for (size_t i = 0; i < option.names.size(); ++i) {
      out += (i == 0 ? "\\fB" : ", \\fB") + roff(option.names[i]) + "\\fR";
    }
    if (!option.value.empty()) out += " \\fI" + roff(option.value) + "\\fR";
    out += "\n" + roff(option.help) + "\n";
  }
  return out;
}

// From the words before the cursor to the command they name, and the choice by that command; bash
// and zsh read the same text.
std::string path_cases(const std::vector<CommandText>& commands) {
  std::string out;
  for (const CommandText& command : commands) {
    if (command.path.empty()) continue;
    out += "      " + shell_quoted(" " + command.path_text() + " ") +
           ") path=" + shell_quoted(command.path_text()) + " ;;\n";
  }
  return out +
         "    esac\n"
         "  done\n"
         "  case $path in\n";
}

}  // namespace

// The words before the cursor that are commands choose what is offered; values are file names.
std::string bash_completion(const CLI::App& app) {
  std::string out =
      "# bash completion of cairn: eval \"$(cairn completion bash)\"\n"
      "_cairn() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} path= word words= i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    case \" ${path:+$path }$word \" in\n";
  const std::vector<CommandText> commands = command_tree(app);
  out += path_cases(commands);
  for (const CommandText& command : commands) {
    std::vector<std::string> words = command.children;
    const std::vector<std::string> names = option_names(command);
    words.insert(words.end(), names.begin(), names.end());
    out += "    " + shell_quoted(command.path_text()) + ") words=" + shell_quoted(joined(words)) +
           " ;;\n";
  }
  out +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
      "}\n"
      "complete -o filenames -F _cairn cairn\n";
  return out;
}

std::string zsh_completion(const CLI::App& app) {
  std::string out =
      "#compdef cairn\n"
      "# zsh completion of cairn: cairn completion zsh > \"${fpath[1]}/_cairn\"\n"
      "_cairn() {\n"
      "  local path= word i\n"
      "  local -a offers\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    word=${words[i]}\n"
      "    case \" ${path:+$path }$word \" in\n";
  const std::vector<CommandText> commands = command_tree(app);
  out += path_cases(commands);
  const auto offer = [](const std::string& name, const std::string& help) {
    std::string escaped;
    for (const char c : name + "\1" + help) {
      if (c == ':') escaped += '\\';
      escaped += c == '\1' ? ':' : c;
    }
    return " " + shell_quoted(escaped);
  };
  for (const CommandText& command : commands) {
    out += "    " + shell_quoted(command.path_text()) + ") offers=(";
    for (const CommandText& child : commands) {
      const bool is_child =
          child.path.size() == command.path.size() + 1 &&
          std::equal(command.path.begin(), command.path.end(), child.path.begin());
      if (is_child) out += offer(child.path.back(), child.help);
    }
    for (const OptionText& option : command.options) {
      for (const std::string& name : option.names) out += offer(name, option.help);
    }
    out += ") ;;\n";
  }
  out +=
      "  esac\n"
      "  _describe -t commands cairn offers || _files\n"
      "}\n"
      "if [ \"$funcstack[1]\" = _cairn ]; then _cairn \"$@\"; else compdef _cairn cairn; fi\n";
  return out;
}

std::string fish_completion(const CLI::App& app) {
  std::string out =
      "# fish completion of cairn: cairn completion fish > "
      "~/.config/fish/completions/cairn.fish\n"
      "function __cairn_at\n"
      "  set -l words (commandline -opc)\n"
      "  set -l path\n"
      "  for word in $words[2..-1]\n"
      "    string match -q -- '-*' $word; and continue\n"
      "    contains -- (string join ' ' $path $word) $__cairn_paths; and set -a path $word\n"
      "  end\n"
      "  test (string join ' ' $path) = \"$argv\"\n"
      "end\n";
  const std::vector<CommandText> commands = command_tree(app);
  out += "set -g __cairn_paths";
  for (const CommandText& command : commands) {
    if (!command.path.empty()) out += " " + shell_quoted(command.path_text());
  }
  out += "\n";
  for (const CommandText& command : commands) {
    const std::string at =
        "complete -c cairn -n " + shell_quoted("__cairn_at " + shell_quoted(command.path_text()));
    for (const CommandText& child : commands) {
      const bool is_child =
          child.path.size() == command.path.size() + 1 &&
          std::equal(command.path.begin(), command.path.end(), child.path.begin());
      if (is_child)
        out += at + " -a " + shell_quoted(child.path.back()) + " -d " + shell_quoted(child.help) +
               "\n";
    }
    for (const OptionText& option : command.options) {
      if (option.names.empty()) continue;
      out += at;
      for (const std::string& name : option.names) {
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (!option.value.empty()) out += " -r";
      out += " -d " + shell_quoted(option.help) + "\n";
    }
  }
  return out;
}

std::string manual_page(const CLI::App& app, const std::string& version) {
  std::string out = ".TH CAIRN 1 \"\" \"cairn " + roff(version) + "\" \"User Commands\"\n";
  out += ".SH NAME\ncairn \\- an object store for AI models and media, and its tools\n";
  out += ".SH SYNOPSIS\n\\fBcairn\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n";
  out += ".SH DESCRIPTION\n" + roff(app.get_description()) + "\n";
  out += ".SH COMMANDS\n";
  for (const CommandText& command : command_tree(app)) {
    if (command.path.empty()) continue;
    out += ".SS " + manual_synopsis(command) + "\n" + roff(command.help) + "\n";
    out += manual_options(command);
  }
  out += ".SH EXIT STATUS\n" + roff(kExitCodesHelp) + "\n";
  out +=
      ".SH ENVIRONMENT\nAWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, "
      "AWS_DEFAULT_REGION, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, AWS_PROFILE, AWS_CA_BUNDLE: as "
      "for aws\\-cli. CAIRN_CONFIG_FILE: instead of ~/.config/cairn/config. Flags of "
      "\\fBserve\\fR name theirs.\n";
  out +=
      ".SH FILES\n~/.config/cairn/config, ~/.aws/credentials, ~/.aws/config: profiles.\n.br\n"
      "~/.local/state/cairn: journals of unfinished uploads.\n";
  return out;
}

void add_help_commands(CLI::App& app, int& exit_code) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* completion =
      app.add_subcommand("completion", "Print completions for a shell: bash, zsh or fish");
  completion->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->option_text("SHELL");
  completion->callback([&app, shell] {
    std::cout << (*shell == "bash"  ? bash_completion(app)
                  : *shell == "zsh" ? zsh_completion(app)
                                    : fish_completion(app));
  });

  CLI::App* manual = app.add_subcommand("man", "Print the manual page: cairn man | man -l -");
  manual->callback([&app] { std::cout << manual_page(app, std::string(server::version())); });

  const auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* help = app.add_subcommand("help", "Explain a command");
  help->add_option("command", *words, "E.g. cp, or admin user add")->option_text("COMMAND...");
  help->callback([&app, words, &exit_code] {
    const CLI::App* at = &app;
    std::string prefix = "cairn";
    for (const std::string& word : *words) {
      const std::vector<const CLI::App*> children =
          at->get_subcommands([&](const CLI::App* one) { return one->get_name() == word; });
      if (children.empty()) {
        std::cerr << "cairn: there is no command \"" << prefix << " " << word << "\"\n";
        exit_code = kExitUsage;
        return;
      }
      at = children.front();
      prefix += " " + word;
    }
    std::cout << at->help(prefix.substr(0, prefix.rfind(' ')));
  });
}

}  // namespace cairn::cli
