#include "config/seen_secrets.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace holdfast::config {
namespace {
namespace fs = std::filesystem;

class SeenSecretsTest : public testing::Test {
 protected:
  SeenSecretsTest() {
    std::string name = (fs::temp_directory_path() / "holdfast-seen-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    write("key", "one");
    write("vault.head", "1");
    fs::create_directory(folder_ / "..1");
    fs::create_directory(folder_ / "..2");
    write("..1/mounted", "one");
    write("..2/mounted", "one");
    fs::create_symlink("..1", folder_ / "..data");
    fs::create_symlink("..data/mounted", folder_ / "mounted");
  }
  ~SeenSecretsTest() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  SeenSecrets look(std::initializer_list<const char*> references) const {
    SeenSecrets seen(folder_ / "vault.head");
    for (const char* reference : references) {
      seen.look(reference, folder_);
      seen.saw(reference, Secret("one"));
    }
    return seen;
  }
  fs::path folder_;
};

TEST_F(SeenSecretsTest, AChangeOfAFileShows) {
  struct Case {
    const char* rule;
    const char* reference;
    std::function<void()> change;
    bool shows;
  };
  const Case cases[] = {
      {"nothing happens", "file:key", [] {}, false},
      {"another length", "file:key", [&] { write("key", "longer"); }, true},
      {"it goes", "file:key", [&] { fs::remove(folder_ / "key"); }, true},
      {"it comes", "file:key", [&] { write("key", "one"); }, true},
      {"another file in its place", "file:key",
       [&] {
         write("next", "one");
         fs::rename(folder_ / "next", folder_ / "key");
       },
       true},
      {"the folder behind the link is exchanged", "file:mounted",
       [&] {
         fs::create_symlink("..2", folder_ / "..next");
         fs::rename(folder_ / "..next", folder_ / "..data");
       },
       true},
      {"the vault changes", "vault:a",
       [&] {
         write("next", "2");
         fs::rename(folder_ / "next", folder_ / "vault.head");
       },
       true},
      {"the vault of others changes", "file:key", [&] { write("vault.head", "longer"); }, false},
      {"a variable has no file", "env:KEY", [&] { write("key", "longest"); }, false}};
  for (const Case& c : cases) {
    const SeenSecrets seen = look({c.reference});
    c.change();
    EXPECT_EQ(seen.look_again() != seen.stamps(), c.shows) << c.rule;
  }
}

TEST_F(SeenSecretsTest, SaysWhichValuesAreNew) {
  const SeenSecrets before = look({"file:key", "vault:a"});
  SeenSecrets after(folder_ / "vault.head");
  after.saw("file:key", Secret("one"));
  after.saw("vault:a", Secret("two"));
  after.saw("env:KEY", Secret("one"));
  EXPECT_EQ(after.changed_since(before), (std::vector<std::string>{"env:KEY", "vault:a"}));
  EXPECT_TRUE(before.changed_since(before).empty());
}
}  // namespace
}  // namespace holdfast::config
