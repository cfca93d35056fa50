#include "vault/sealed/vault.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "vault/sealed/test_support.h"

namespace holdfast::vault::sealed {
namespace {

TEST_F(VaultTest, KeepsSecretsInVersionsWithWhatIsKnownAboutThem) {
  make();
  put("openai/prod", "sk-first", {"ops@example.com", "openai", "2027-03-01"});
  clock_.advance(std::chrono::hours(1));
  put("openai/prod", "sk-second", {});
  put("azure/eu", "az-key", {});
  const auto vault = open(store::Access::read);
  ASSERT_TRUE(vault) << vault.error().detail;
  EXPECT_EQ(read(*vault, "openai/prod"), "sk-second");
  EXPECT_EQ(read(*vault, "openai/prod@1"), "sk-first");
  EXPECT_EQ(read(*vault, "azure/eu"), "az-key");
  const auto list = vault->list();
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(list->at(0).path, "azure/eu");
  EXPECT_EQ(list->at(1).path, "openai/prod");
  EXPECT_EQ(list->at(1).version, 2);
  EXPECT_EQ(list->at(1).metadata, (Metadata{"ops@example.com", "openai", ""}))
      << "owner and provider go on, a day to rotate by does not";
  const auto versions = vault->versions("openai/prod");
  ASSERT_EQ(versions->size(), 2U);
  EXPECT_EQ(versions->at(0).version, 2);
  EXPECT_EQ(versions->at(1).metadata.rotate_by, "2027-03-01");
  EXPECT_EQ(versions->at(0).created_us - versions->at(1).created_us, 3'600'000'000);
  EXPECT_EQ(read(*vault, "openai/test"),
            "!the vault has no openai/test: put it there with \"holdfast vault put openai/test\"");
  EXPECT_EQ(read(*vault, "openai/prod@7"),
            "!the vault has no version 7 of openai/prod; it has: 2, 1");
}

TEST_F(VaultTest, KeepsTheLastTenVersions) {
  make();
  for (int i = 1; i <= 12; ++i) put("a", "secret-" + std::to_string(i));
  EXPECT_EQ(read("a"), "secret-12");
  EXPECT_EQ(read("a@3"), "secret-3");
  EXPECT_EQ(open(store::Access::read)->versions("a")->size(), limits::vault_versions);
  EXPECT_TRUE(read("a@2").starts_with("!the vault has no version 2 of a")) << read("a@2");
}

TEST_F(VaultTest, RefusesWhatItCannotKeep) {
  make();
  struct Case {
    const char* rule;
    std::string path;
    Metadata metadata;
    const char* want;
  };
  const Case cases[] = {
      {"a path that leads elsewhere", "a/../b", {}, "a path is"},
      {"one that begins with a slash", "/a", {}, "a path is"},
      {"an escape", "a%2fb", {}, "a path is"},
      {"a letter beyond ASCII", "\xd0\xb0", {}, "a path is"},
      {"no path", "", {}, "a path is"},
      {"a path too long", std::string(129, 'a'), {}, "a path is"},
      {"a line break in an owner", "a", {"x\ny", "", ""}, "an owner or provider"},
      {"a long provider", "a", {"", std::string(129, 'p'), ""}, "an owner or provider"},
      {"a day that is none", "a", {"", "", "2027-02-30"}, "the day"},
      {"a day in another order", "a", {"", "", "01-03-2027"}, "the day"}};
  for (const Case& c : cases) {
    auto vault = open();
    const auto stored = vault->put(c.path, "s", c.metadata, clock_);
    ASSERT_FALSE(stored) << c.rule;
    EXPECT_EQ(stored.error().code, ErrorCode::invalid_request) << c.rule;
    EXPECT_TRUE(stored.error().detail.starts_with(c.want)) << c.rule << stored.error().detail;
  }
  EXPECT_TRUE(open()->list()->empty());
}

TEST(Dates, AreOverWhenTheirDayIs) {
  constexpr std::int64_t day_us = 86'400'000'000;
  EXPECT_TRUE(is_date("1970-01-02"));
  EXPECT_FALSE(is_date("1970-1-2"));
  EXPECT_FALSE(is_over("1970-01-02", 2 * day_us - 1));
  EXPECT_TRUE(is_over("1970-01-02", 2 * day_us));
}

TEST_F(VaultTest, SaysWhenTheKeyIsWrong) {
  make();
  put("a", "secret");
  struct Case {
    const char* rule;
    OperatorSecret secret;
    std::string want;
  };
  Case cases[] = {{"another key file", key("other.key"), "other.key does not open this vault"},
                  {"a passphrase", passphrase("a long enough one"),
                   "the vault is opened by a key file, not by the passphrase"}};
  for (const Case& c : cases) {
    const auto opened = Vault::open(state_, c.secret, store::Access::read);
    ASSERT_FALSE(opened) << c.rule;
    EXPECT_EQ(opened.error().code, ErrorCode::configuration) << c.rule;
    EXPECT_NE(opened.error().detail.find(c.want), std::string::npos) << opened.error().detail;
  }
  EXPECT_EQ(read("a"), "secret");
}

TEST_F(VaultTest, IsOpenedByItsPassphraseAlone) {
  ASSERT_TRUE(Vault::create(state_, passphrase("correct horse battery"), cheap));
  EXPECT_TRUE(Vault::open(state_, passphrase("correct horse battery"), store::Access::read));
  const auto wrong = Vault::open(state_, passphrase("correct horse batterz"), store::Access::read);
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().detail.find("the passphrase does not open this vault"),
            std::string::npos);
  const auto by_file = Vault::open(state_, key(), store::Access::read);
  EXPECT_NE(by_file.error().detail.find("opened by a passphrase, not by the key file"),
            std::string::npos);
}

TEST_F(VaultTest, IsMadeOnceForItsOwnerAlone) {
  EXPECT_EQ(refusal(), "there is no vault in " + state_ +
                           ": make one with \"holdfast vault init\", or give another --state");
  make();
  const auto again = Vault::create(state_, key(), cheap);
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().detail.find("there is a vault already"), std::string::npos);
  put("a", "secret");
  const auto vault = open();  // with its -wal and -shm
  for (const auto& one : std::filesystem::directory_iterator(state_))
    EXPECT_EQ(one.status().permissions(), std::filesystem::perms(0600)) << one.path();
  EXPECT_EQ(std::filesystem::status(state_).permissions(), std::filesystem::perms(0700));
  std::filesystem::remove(file("vault.db"));
  const auto anew = Vault::create(folder_ / "other", key(), cheap);
  EXPECT_TRUE(anew);
}

TEST_F(VaultTest, IsNotMadeOverWhatIsLeftOfAnother) {
  make();
  std::filesystem::remove(file("vault.db"));
  const auto again = Vault::create(state_, key(), cheap);
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().detail.find("of a vault that is gone"), std::string::npos);
}

TEST_F(VaultTest, IsMadeWholeOrNotAtAllOnAFullDisk) {
  const std::string disk = (folder_ / "small").string();
  std::filesystem::create_directory(disk);
  make();
  put("a", std::string(8'000, 's'));
  const std::string backup = *open()->backup();
  int made = 0, refused = 0;
  // 8 KiB of room more each time, so that each of the writes is the first for which there is none.
  for (int pages = 2; pages <= 64; pages += 2) {
    const std::string size = "size=" + std::to_string(4 * pages) + "k";
    if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, size.c_str()) != 0)
      GTEST_SKIP() << "cannot mount a small tmpfs: " << std::strerror(errno);
    const auto restored = Vault::restore(disk + "/state", backup, key());
    if (restored) {
      const auto vault = Vault::open(disk + "/state", key(), store::Access::read);
      EXPECT_TRUE(vault) << size << ": " << vault.error().detail;
      if (vault) EXPECT_EQ(read(*vault, "a"), std::string(8'000, 's')) << size;
    } else {
      EXPECT_EQ(restored.error().code, ErrorCode::io) << size << ": " << restored.error().detail;
      EXPECT_FALSE(std::filesystem::exists(disk + "/state/vault.db")) << size;
    }
    ++(restored ? made : refused);
    EXPECT_EQ(::umount(disk.c_str()), 0);
  }
  EXPECT_GT(made, 0);
  EXPECT_GT(refused, 2);
}

TEST_F(VaultTest, IsUsedByTheUserWhoHasTheStateDirectory) {
  make();
  // Root in a container of its own may have no second user.
  if (::chown(state_.c_str(), 1, 1) != 0)
    GTEST_SKIP() << "a folder cannot be given away here: " << std::strerror(errno);
  const passwd* owner = ::getpwuid(1);
  const std::string name = owner == nullptr ? "#1" : owner->pw_name;
  for (const auto access : {store::Access::read, store::Access::write})
    EXPECT_EQ(refusal(access), fmt::format("{} belongs to {}: use the vault as that user, as in "
                                           "\"sudo -u {} holdfast vault ...\"",
                                           state_, name, name));
}

TEST_F(VaultTest, ManyReadersShareIt) {
  make();
  const auto first = open(store::Access::read);
  const auto second = open(store::Access::read);
  EXPECT_TRUE(first && second);
}

TEST_F(VaultTest, RotationChangesEveryKeyAndNoSecret) {
  make();
  for (const char* path : {"a", "b/c", "b/d"}) put(path, std::string("secret of ") + path);
  put("a", "newer");
  for (const Level level : {Level::data_key, Level::root}) {
    Contents old;
    {
      auto stored = VaultFile::open(state_, store::Access::read)->load();
      old = stored->contents;
      auto vault = open();
      const auto rotated = vault->rotate(level);
      ASSERT_TRUE(rotated) << rotated.error().detail;
      EXPECT_EQ(read(*vault, "a"), "newer") << "the same object goes on";
      ASSERT_TRUE(vault->put("a", "newer", {}, clock_));
    }
    EXPECT_EQ(read("a@1"), "secret of a");
    EXPECT_EQ(read("b/c"), "secret of b/c");
    EXPECT_EQ(read("b/d"), "secret of b/d");
    const Contents now = VaultFile::open(state_, store::Access::read)->load()->contents;
    ASSERT_EQ(now.data_keys.size(), 1U);
    EXPECT_EQ(now.data_keys.begin()->first, old.data_keys.begin()->first + 1);
    EXPECT_EQ(now.protection.wrapped_root == old.protection.wrapped_root, level != Level::root);
    const auto files_now = files();
    for (const auto& [name, row] : old.rows)
      for (const auto& [path, bytes] : files_now) {
        EXPECT_EQ(bytes.find(row.secret), std::string::npos) << path << " holds an old record";
        if (level == Level::root)
          EXPECT_EQ(bytes.find(name.tag), std::string::npos) << path << " holds an old tag";
      }
  }
}

TEST_F(VaultTest, RekeyingChangesWhatOpensIt) {
  make();
  put("a", "secret");
  {
    auto vault = open();
    ASSERT_TRUE(vault->rekey(key("second.key")));
    ASSERT_TRUE(vault->rotate(Level::root)) << "it goes on with the new one";
  }
  EXPECT_NE(refusal().find("vault.key does not open this vault"), std::string::npos) << refusal();
  {
    auto vault = Vault::open(state_, key("second.key"), store::Access::write);
    ASSERT_TRUE(vault) << vault.error().detail;
    EXPECT_EQ(read(*vault, "a"), "secret");
    ASSERT_TRUE(vault->rekey(passphrase("a long passphrase"), cheap));
  }
  EXPECT_FALSE(Vault::open(state_, key("second.key"), store::Access::read));
  const auto vault = Vault::open(state_, passphrase("a long passphrase"), store::Access::read);
  ASSERT_TRUE(vault);
  EXPECT_EQ(read(*vault, "a"), "secret");
}

TEST_F(VaultTest, NothingOfASecretIsOnTheDisk) {
  make();
  std::set<std::string> canaries = {"openai/canary-path", "canary-owner"};
  for (int i = 0; i < 60; ++i) {
    const std::string canary = "canary-secret-" + std::to_string(i * 7919);
    canaries.insert(canary);
    put("openai/canary-path", canary, {"canary-owner", "", ""});
    if (i % 15 == 7) ASSERT_TRUE(open()->rotate(Level::data_key));
    if (i % 15 == 14) ASSERT_TRUE(open()->rotate(Level::root));
  }
  auto vault = open();  // the -wal and -shm files are there now
  ASSERT_TRUE(vault->put("openai/canary-path", "canary-secret-last", {}, clock_));
  std::ofstream(folder_ / "a.backup", std::ios::binary) << *vault->backup();
  for (const auto& [path, bytes] : files())
    for (const std::string& canary : canaries)
      EXPECT_EQ(bytes.find(canary), std::string::npos) << path << " holds " << canary;
}
}  // namespace
}  // namespace holdfast::vault::sealed
