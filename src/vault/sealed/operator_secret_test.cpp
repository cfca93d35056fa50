#include "vault/sealed/operator_secret.h"

#include <set>
#include <thread>
#include <vector>

#include "config/test_support.h"
#include "vault/sealed/files.h"
#include "vault/sealed/lookup.h"
#include "vault/sealed/test_support.h"

namespace holdfast::vault::sealed {
namespace {
namespace fs = std::filesystem;
using config::environment_of;

TEST(KeyFile, HasOneForm) {
  const std::string hex(64, 'a');
  struct Case {
    const char* rule;
    std::string text;
    bool valid;
  };
  const Case cases[] = {{"as it is written", "holdfast-vault-key-1 " + hex + "\n", true},
                        {"without a line end", "holdfast-vault-key-1 " + hex, true},
                        {"an editor of Windows", "holdfast-vault-key-1 " + hex + "\r\n", true},
                        {"nothing", "", false},
                        {"bare digits", hex, false},
                        {"one too few", "holdfast-vault-key-1 " + hex.substr(1), false},
                        {"one too many", "holdfast-vault-key-1 " + hex + "a", false},
                        {"no digit", "holdfast-vault-key-1 " + hex.substr(1) + "g", false},
                        {"another version", "holdfast-vault-key-2 " + hex, false},
                        {"two lines", "holdfast-vault-key-1 " + hex + "\n\n", false}};
  for (const Case& c : cases) {
    const auto key = parse_key_file(c.text);
    EXPECT_EQ(key.has_value(), c.valid) << c.rule;
    if (key) EXPECT_EQ(key->reveal(), std::string(32, '\xaa')) << c.rule;
  }
}

TEST_F(VaultTest, AKeyFileIsMadeOnceForItsOwnerAlone) {
  const auto made = key();
  EXPECT_EQ(fs::status(folder_ / "vault.key").permissions(), fs::perms(0600));
  EXPECT_EQ(key().value.reveal(), made.value.reveal()) << "the second time it is read";
  EXPECT_EQ(made.warning, "");
  fs::permissions(folder_ / "vault.key", fs::perms(0644));
  EXPECT_NE(key().warning.find("chmod 600"), std::string::npos);
  std::ofstream(folder_ / "other") << "something of the operator's";
  const auto refused = make_key_file((folder_ / "other").string());
  ASSERT_FALSE(refused);
  EXPECT_EQ(bytes_of(folder_ / "other"), "something of the operator's");
}

TEST_F(VaultTest, ANewFileIsOfANameOfItsOwn) {
  // What stands where it might be written beside is nobody's business, and no way elsewhere.
  std::ofstream(folder_ / "victim") << "of somebody else";
  fs::create_symlink(folder_ / "victim", folder_ / "vault.key.next");
  EXPECT_EQ(key().value.size(), key_bytes);
  EXPECT_EQ(bytes_of(folder_ / "victim"), "of somebody else");
  const auto again = write_new_file((folder_ / "vault.key").string(), "another");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::configuration);
  // A file that is replaced is beside by one name: a link there goes, and what it leads to stays.
  fs::create_symlink(folder_ / "victim", folder_ / "head.next");
  EXPECT_TRUE(replace_file((folder_ / "head").string(), "new"));
  EXPECT_EQ(bytes_of(folder_ / "head"), "new");
  EXPECT_EQ(bytes_of(folder_ / "victim"), "of somebody else");
  fs::create_directory(folder_ / "taken");
  EXPECT_FALSE(replace_file((folder_ / "taken").string(), "new"));
  std::set<std::string> left;
  for (const auto& one : fs::directory_iterator(folder_)) left.insert(one.path().filename());
  EXPECT_EQ(left,
            (std::set<std::string>{"head", "taken", "vault.key", "vault.key.next", "victim"}));
}

TEST_F(VaultTest, ManyWhoMakeOneKeyFileHaveOneKey) {
  for (int round = 0; round < 20; ++round) {
    const std::string path = (folder_ / ("key-" + std::to_string(round))).string();
    std::vector<std::string> keys(8);
    std::vector<std::thread> threads;
    threads.reserve(keys.size());
    for (std::string& mine : keys)
      threads.emplace_back([&mine, &path] {
        const auto secret = make_key_file(path);
        mine = secret ? std::string(secret->value.reveal()) : secret.error().detail;
      });
    for (std::thread& one : threads) one.join();
    for (const std::string& mine : keys) EXPECT_EQ(mine, read_key_file(path)->value.reveal());
  }
}

TEST(KeyFile, IsNotStandardInput) {
  const auto made = make_key_file("-");
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().detail.find("give the name of a file"), std::string::npos);
  EXPECT_FALSE(fs::exists("-"));
}

TEST_F(VaultTest, TheOperatorsSecretIsLookedForInOneOrder) {
  const std::string path = (folder_ / "vault.key").string();
  const std::string words = (folder_ / "words").string();
  const auto made = key();
  std::ofstream(words) << "words of a passphrase\nand more\n";
  fs::permissions(words, fs::perms(0600));
  fs::create_directory(folder_ / "credentials");
  fs::copy(words, folder_ / "credentials/holdfast-vault-passphrase");
  const std::string credentials = (folder_ / "credentials").string();
  struct Case {
    const char* rule;
    SecretOptions options;
    std::map<std::string, std::string> environment;
    std::string want;  // its source
  };
  const Case cases[] = {
      {"the command line first",
       {path, ""},
       {{"HOLDFAST_VAULT_PASSPHRASE", "another passphrase"}},
       "the key file " + path},
      {"a variable with a key file",
       {},
       {{"HOLDFAST_VAULT_KEY_FILE", path}, {"CREDENTIALS_DIRECTORY", credentials}},
       "the key file " + path},
      {"one with a file of a passphrase",
       {},
       {{"HOLDFAST_VAULT_PASSPHRASE_FILE", words}},
       "the passphrase in " + words},
      {"a passphrase itself",
       {},
       {{"HOLDFAST_VAULT_PASSPHRASE", "words of a passphrase"}},
       "HOLDFAST_VAULT_PASSPHRASE"},
      {"a credential of systemd",
       {},
       {{"CREDENTIALS_DIRECTORY", credentials}},
       "the passphrase in " + credentials + "/holdfast-vault-passphrase"}};
  for (const Case& c : cases) {
    const auto found = find_operator_secret(c.options, environment_of(c.environment));
    ASSERT_TRUE(found) << c.rule << ": " << found.error().detail;
    EXPECT_EQ(found->source, c.want) << c.rule;
    if (found->kind == OperatorKind::passphrase)
      EXPECT_EQ(found->value.reveal(), "words of a passphrase") << c.rule;
  }
  const auto none = find_operator_secret({}, environment_of({}));
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().detail.starts_with("the vault is sealed: set HOLDFAST_VAULT_KEY_FILE"));
  const auto gone =
      find_operator_secret({}, environment_of({{"HOLDFAST_VAULT_KEY_FILE", "/none/at/all"}}));
  EXPECT_EQ(gone.error().detail,
            "the key file /none/at/all cannot be opened: No such file or directory");
  const auto brief =
      find_operator_secret({}, environment_of({{"HOLDFAST_VAULT_PASSPHRASE", "short"}}));
  EXPECT_EQ(brief.error().detail, "HOLDFAST_VAULT_PASSPHRASE must have 12 to 1024 bytes");
}

TEST_F(VaultTest, TheConfigurationLooksSecretsUp) {
  const auto look = [&](std::map<std::string, std::string> environment, const char* reference) {
    const auto lookup = lookup_in(state_, environment_of(std::move(environment)), clock_);
    const auto found = lookup(*config::parse_vault_reference(reference));
    if (!found) return "!" + found.error().detail;
    return std::string(found->value.reveal()) + "|" + found->warning;
  };
  const std::map<std::string, std::string> with = {
      {"HOLDFAST_VAULT_KEY_FILE", (folder_ / "vault.key").string()}};
  EXPECT_TRUE(look({}, "a").starts_with("!there is no vault in ")) << look({}, "a");
  make();
  put("a", "secret-1", {"", "", "2020-01-01"});
  put("a", "secret-2");
  EXPECT_TRUE(look({}, "a").starts_with("!the vault is sealed")) << look({}, "a");
  EXPECT_EQ(look(with, "a"), "secret-2|");
  EXPECT_EQ(look(with, "a@1"),
            "secret-1|vault:a was to be rotated by 2020-01-01: put a new version");
  EXPECT_TRUE(look(with, "b").starts_with("!the vault has no b")) << look(with, "b");
  std::optional<config::SecretLookup> open = lookup_in(state_, environment_of(with), clock_);
  EXPECT_TRUE((*open)({"a", {}}));
  fs::remove(file("vault.db"));
  EXPECT_TRUE((*open)({"a", 1})) << "it is read once";
}
}  // namespace
}  // namespace holdfast::vault::sealed
