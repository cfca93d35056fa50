#include "identity/machine_token.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace holdfast::identity {
namespace {
namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "machine-token-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path() const { return path_.string(); }
  std::string token() const { return (path_ / machine_token_file).string(); }

 private:
  fs::path path_;
};

TEST(MachineToken, IsMadeOnceAndForItsOwnerAlone) {
  const Folder folder;
  const auto made = MachineToken::open(folder.path());
  ASSERT_TRUE(made) << made.error().detail;
  struct stat about{};
  ASSERT_EQ(::stat(folder.token().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777U, 0600U);
  const auto token = read_token_file(folder.token());
  ASSERT_TRUE(token) << token.error().detail;
  const auto again = MachineToken::open(folder.path());
  ASSERT_TRUE(again);
  for (const MachineToken& one : {*made, *again}) {
    EXPECT_TRUE(one.is(token->reveal()));
    EXPECT_FALSE(one.is(""));
    EXPECT_FALSE(one.is(token->reveal().substr(1)));
    EXPECT_FALSE(one.is(std::string(token->reveal()) + "0"));
  }
  const Folder other;
  EXPECT_FALSE(MachineToken::open(other.path())->is(token->reveal()));
}

TEST(MachineToken, IsNotTrustedWhenOthersCouldReadIt) {
  const Folder folder;
  ASSERT_TRUE(MachineToken::open(folder.path()));
  ::chmod(folder.token().c_str(), 0640);
  const auto opened = MachineToken::open(folder.path());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().detail.find("can be read by others (mode 0640)"), std::string::npos)
      << opened.error().detail;
}

TEST(MachineToken, IsNotAnythingThatLiesThere) {
  for (const char* text : {"", "\n", "hfm_\n", "secret\n", "hfm_ 12\n"}) {
    const Folder folder;
    std::ofstream(folder.token()) << text;
    ::chmod(folder.token().c_str(), 0600);
    const auto opened = MachineToken::open(folder.path());
    ASSERT_FALSE(opened) << text;
    EXPECT_NE(opened.error().detail.find(folder.token()), std::string::npos);
    EXPECT_NE(opened.error().detail.find("delete it"), std::string::npos) << opened.error().detail;
  }
}

TEST(TokenFile, SaysWhatIsMissing) {
  const Folder folder;
  const auto read = read_token_file(folder.token());
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().detail.find("there is no token at " + folder.token()), std::string::npos);
  EXPECT_NE(read.error().detail.find("--state"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::identity
