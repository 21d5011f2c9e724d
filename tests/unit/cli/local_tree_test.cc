// Keys never lead out of the target directory, and walking a tree ends. Method: a real directory
// with links, loops and special files.
#include "cli/local_tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

namespace cairn::cli {
namespace {

namespace fs = std::filesystem;

class LocalTreeTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text = "x") {
    fs::create_directories(fs::path(root() + "/" + name).parent_path());
    std::ofstream(root() + "/" + name) << text;
  }
  std::string root() const { return fs::path(directory_.path()) / "root"; }
  std::string outside() const { return fs::path(directory_.path()) / "outside"; }
  void SetUp() override {
    fs::create_directories(root());
    fs::create_directories(outside());
  }
  std::vector<std::string> names(Links links = Links::kFollow) {
    std::vector<std::string> names;
    const Result<LocalTree> tree = walk_directory(root(), links);
    EXPECT_TRUE(tree);
    warnings_ = tree->warnings;
    for (const LocalFile& file : tree->files) names.push_back(file.relative_path);
    return names;
  }

  testing_support::TemporaryDirectory directory_;
  std::vector<std::string> warnings_;
};

TEST_F(LocalTreeTest, FilesComeInTheOrderOfKeys) {
  write("b");
  write("a/z");
  write("a.txt");
  EXPECT_EQ(names(), (std::vector<std::string>{"a.txt", "a/z", "b"}));
}

TEST_F(LocalTreeTest, LinksAreFollowedOnceAndOnlyWhenAsked) {
  write("a/file", "abc");
  fs::create_symlink("..", root() + "/a/up");
  fs::create_symlink("a/file", root() + "/link");
  fs::create_symlink("nowhere", root() + "/dangling");
  ASSERT_EQ(::mkfifo((root() + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(names(), (std::vector<std::string>{"a/file", "link"}));
  EXPECT_EQ(warnings_.size(), 3U);
  EXPECT_EQ(names(Links::kSkip), (std::vector<std::string>{"a/file"}));
}

TEST_F(LocalTreeTest, KeysThatLeadOutAreRefused) {
  for (const char* key : {"../x", "a/../../x", "..", ".", "/etc/passwd", "a//b", "a/", "", "a/./b",
                          "a/.x.cairn-partial"}) {
    const Result<std::string> path = make_path_inside(root(), key);
    ASSERT_FALSE(path) << key;
    EXPECT_EQ(path.error().code, Code::kInvalidArgument) << key;
  }
  EXPECT_FALSE(make_path_inside(root(), std::string_view("a\0b", 3)));
  EXPECT_FALSE(make_path_inside(root(), std::string(256, 'a')));
  EXPECT_TRUE(fs::is_empty(outside()));
  // Dots inside a name are no components of their own.
  EXPECT_EQ(make_path_inside(root(), "a/..b/c..").value(), root() + "/a/..b/c..");
}

TEST_F(LocalTreeTest, LinksInsideTheTargetAreNotFollowed) {
  fs::create_symlink(outside(), root() + "/link");
  const Result<std::string> path = make_path_inside(root(), "link/file");
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, Code::kPermissionDenied);
  EXPECT_FALSE(find_path_inside(root(), "link/file"));
  write("plain");
  EXPECT_EQ(make_path_inside(root(), "plain/file").error().code, Code::kAlreadyExists);
  EXPECT_EQ(find_path_inside(root(), "none/file").error().code, Code::kNotFound);
  EXPECT_FALSE(fs::exists(root() + "/none"));
}

}  // namespace
}  // namespace cairn::cli
