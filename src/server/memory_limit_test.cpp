#include "server/memory_limit.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace holdfast::server {
namespace {

void write(const std::filesystem::path& path, const char* text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(UsualMemoryLimit, IsHalfOfTheNarrowestGroup) {
  struct Case {
    const char* rule;
    const char* group;  // of the process; null: no file
    const char* own;    // memory.max of a/b; null: no file
    const char* above;  // of a
    std::uint64_t want;
  };
  constexpr Case cases[] = {
      {"its own", "0::/a/b\n", "4194304\n", "max\n", 2'097'152},
      {"the one above", "0::/a/b\n", "4194304\n", "1048576\n", 524'288},
      {"a file that is not there", "0::/a/b\n", nullptr, "1048576\n", 524'288}};
  for (const Case& c : cases) {
    const std::filesystem::path root =
        std::filesystem::path(testing::TempDir()) / "holdfast_memory_limit";
    std::filesystem::remove_all(root);
    write(root / "proc/self/cgroup", c.group);
    if (c.own != nullptr) write(root / "sys/fs/cgroup/a/b/memory.max", c.own);
    write(root / "sys/fs/cgroup/a/memory.max", c.above);
    EXPECT_EQ(usual_memory_limit(root.string() + "/"), c.want) << c.rule;
    std::filesystem::remove_all(root);
  }
}

TEST(UsualMemoryLimit, WithoutGroupsIsHalfOfTheMachines) {
  EXPECT_GT(usual_memory_limit("/nowhere/"), 1U << 20U);
}

}  // namespace
}  // namespace holdfast::server
