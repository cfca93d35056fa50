#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace holdfast {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "files-XXXXXX";
    base_ = ::mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(base_); }
  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static unsigned mode_of(const std::string& path) {
    struct stat facts{};
    return ::stat(path.c_str(), &facts) == 0 ? facts.st_mode & 0777U : 0;
  }
  std::string base_;
};

TEST_F(Files, AFileIsReplacedAsAWhole) {
  const std::string path = base_ + "/one";
  ASSERT_TRUE(replace_file(path, "first"));
  EXPECT_EQ(mode_of(path), 0600U);
  std::ofstream(path + ".next") << "what a crash has left, longer than what follows";
  ASSERT_TRUE(replace_file(path, std::string("sec\0nd", 6)));
  EXPECT_EQ(read(path), std::string("sec\0nd", 6));
  EXPECT_FALSE(std::filesystem::exists(path + ".next"));
}

TEST_F(Files, WhatCannotBeReplacedStaysAndIsNamed) {
  const std::string path = base_ + "/one";
  ASSERT_TRUE(replace_file(path, "first"));
  ASSERT_EQ(::mkdir((path + ".next").c_str(), 0700), 0);
  const auto replaced = replace_file(path, "second");
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, ErrorCode::io);
  EXPECT_EQ(replaced.error().detail, "cannot write " + path + ".next: Is a directory");
  EXPECT_EQ(read(path), "first");
}

TEST_F(Files, AFolderIsMadeWithThoseAboveIt) {
  const std::string path = base_ + "/a/b/c";
  ASSERT_TRUE(make_folder(path));
  EXPECT_EQ(mode_of(path), 0700U);
  EXPECT_TRUE(make_folder(path)) << "it is there";
  EXPECT_TRUE(make_folder(base_ + "/a/d/")) << "a slash at the end";
  EXPECT_TRUE(std::filesystem::is_directory(base_ + "/a/d"));
}

TEST_F(Files, AFolderThatCannotBeIsNamed) {
  std::ofstream(base_ + "/file") << "x";
  for (const char* path : {"/file", "/file/below"}) {
    const auto made = make_folder(base_ + path);
    ASSERT_FALSE(made) << path;
    EXPECT_EQ(made.error().code, ErrorCode::io);
    EXPECT_TRUE(made.error().detail.starts_with("cannot make the folder " + base_ + "/file"))
        << made.error().detail;
  }
}

}  // namespace
}  // namespace holdfast
