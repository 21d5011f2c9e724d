// Completions and the manual name every command and flag of a tree, and quote what they carry.
#include "cli/shell_completion.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace cairn::cli {
namespace {

class ShellCompletion : public testing::Test {
 protected:
  ShellCompletion() {
    CLI::App* admin = app_.add_subcommand("admin", "Look after it");
    CLI::App* add = admin->add_subcommand("add", "Somebody's: key");
    add->add_option("--user-name,-u", value_, "Whose \\ key")->option_text("NAME");
    add->add_option("place", value_, "Where")->required();
  }
  CLI::App app_{"An app"};
  std::string value_;
};

TEST_F(ShellCompletion, EveryShellGetsEveryCommandAndFlag) {
  for (const std::string& text : {bash_completion(app_), zsh_completion(app_),
                                  fish_completion(app_), manual_page(app_, "1.0")}) {
    EXPECT_NE(text.find("admin add"), std::string::npos);
    EXPECT_NE(text.find("user"), std::string::npos);
  }
  EXPECT_NE(zsh_completion(app_).find("'add:Somebody'\\''s\\: key'"), std::string::npos);
  EXPECT_NE(fish_completion(app_).find("-l user-name"), std::string::npos);
}

TEST_F(ShellCompletion, TheManualIsSafeRoff) {
  const std::string page = manual_page(app_, "1.0");
  EXPECT_NE(page.find("\\fB\\-\\-user\\-name\\fR"), std::string::npos);
  EXPECT_NE(page.find("Whose \\e key"), std::string::npos);
  EXPECT_NE(page.find("\\fIplace\\fR"), std::string::npos);
}

}  // namespace
}  // namespace cairn::cli
