// Whoever can write the files, but has no key, is noticed.
#include <fmt/format.h>

#include <set>

#include "vault/sealed/backup.h"
#include "vault/sealed/test_support.h"

namespace holdfast::vault::sealed {
namespace {
namespace fs = std::filesystem;

class Tampering : public VaultTest {
 protected:
  Tampering() {
    make();
    put("a", "secret-a", {"owner", "openai", "2027-03-01"});
    put("a", "secret-a2");
    put("b", "secret-b");
  }
  // SQL on the database, beside the vault.
  void execute(const std::string& sql) const {
    auto database = store::Database::open(file("vault.db").string(), store::Access::write);
    ASSERT_TRUE(database) << database.error().detail;
    ASSERT_TRUE(database->execute("PRAGMA synchronous=OFF"));  // many, and none is to last
    const auto done = database->execute(sql);
    ASSERT_TRUE(done) << sql << ": " << done.error().detail;
    EXPECT_GT(database->changes(), 0) << sql;
  }
  // The cell's bytes.
  std::string cell(const std::string& column, const std::string& table) const {
    auto database = store::Database::open(file("vault.db").string(), store::Access::read);
    auto statement = database->prepare("SELECT " + column + " FROM " + table + " LIMIT 1");
    EXPECT_TRUE(*statement->step());
    return std::string(statement->bytes(0));
  }
  static std::string literal(std::string_view bytes) {
    std::string out = "X'";
    for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out + "'";
  }
};

TEST_F(Tampering, OfEveryByteOfEveryColumnIsFound) {
  struct Case {
    const char* table;
    const char* column;
  };
  constexpr Case cases[] = {
      {"vault", "install_id"},    {"vault", "protection"}, {"vault", "checksum"},
      {"vault", "previous_seal"}, {"vault", "seal"},       {"data_keys", "sealed"},
      {"secrets", "tag"},         {"secrets", "metadata"}, {"secrets", "secret"}};
  const auto pristine = bytes_of(file("vault.db"));
  for (const Case& c : cases) {
    const std::string whole = cell(c.column, c.table);
    ASSERT_FALSE(whole.empty()) << c.table << "." << c.column;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
      execute(fmt::format("UPDATE {0} SET {1}={2} WHERE {1}={3}", c.table, c.column, literal(bytes),
                          literal(whole)));
      EXPECT_NE(refusal(store::Access::read), "") << c.table << "." << c.column << ": byte " << i;
      std::ofstream(file("vault.db"), std::ios::binary) << pristine;
    }
  }
  EXPECT_EQ(refusal(), "") << "the untouched one opens";
}

TEST_F(Tampering, OfWholeRowsIsFound) {
  struct Case {
    const char* rule;
    const char* sql;
  };
  constexpr Case cases[] = {
      {"two ciphertexts change places",
       "UPDATE secrets SET secret=(SELECT other.secret FROM secrets other WHERE other.version=1 "
       "AND "
       "other.tag!=secrets.tag) WHERE version=1"},
      {"an older version in the place of the newer",
       "UPDATE secrets SET secret=(SELECT other.secret FROM secrets other WHERE other.version=1 "
       "AND "
       "other.tag=secrets.tag) WHERE version=2"},
      {"a version is gone", "DELETE FROM secrets WHERE version=2"},
      {"a version has another number", "UPDATE secrets SET version=3 WHERE version=2"},
      {"a row twice", "INSERT INTO secrets SELECT tag, 9, metadata, secret FROM secrets LIMIT 1"},
      {"a data key is gone", "DELETE FROM data_keys"},
      {"a data key has another number", "UPDATE data_keys SET id=id+1"},
      {"another count of changes", "UPDATE vault SET generation=generation+1"},
      {"no head", "DELETE FROM vault"}};
  const auto pristine = bytes_of(file("vault.db"));
  for (const Case& c : cases) {
    execute(c.sql);
    const std::string why = refusal(store::Access::read);
    EXPECT_TRUE(why.find("altered") != std::string::npos ||
                why.find("damaged") != std::string::npos ||
                why.find("removed") != std::string::npos)
        << c.rule << ": " << why;
    std::ofstream(file("vault.db"), std::ios::binary) << pristine;
  }
}

// What the seal over the whole does not leave to the pieces: each is bound to its place.
TEST(Records, OpenInTheirPlaceAlone) {
  const LockedBytes key = random_key(), other = random_key();
  const std::string record = seal_record(key.reveal(), 7, {"a/b", 3, "secret"}, "plain");
  EXPECT_EQ(key_id_of(record), 7);
  const auto opened = open_record(key.reveal(), {"a/b", 3, "secret"}, record);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->reveal(), "plain");
  EXPECT_FALSE(open_record(other.reveal(), {"a/b", 3, "secret"}, record)) << "another key";
  EXPECT_FALSE(open_record(key.reveal(), {"a/c", 3, "secret"}, record)) << "another path";
  EXPECT_FALSE(open_record(key.reveal(), {"a/b", 4, "secret"}, record)) << "another version";
  EXPECT_FALSE(open_record(key.reveal(), {"a/b", 3, "metadata"}, record)) << "another schema";
  EXPECT_FALSE(open_record(key.reveal(), {"a", 3, "secret"}, record)) << "a cut path";
  EXPECT_NE(seal_record(key.reveal(), 7, {"a/b", 3, "secret"}, "plain"), record)
      << "a nonce is never used twice";
}

TEST(Domains, ShareNoKey) {
  const LockedBytes root = random_key();
  const std::string install_id(install_id_bytes, 'i');
  std::set<std::string> keys = {std::string(root.reveal())};
  const Domain domains[] = {Domain::vault, Domain::vault_name, Domain::vault_head, Domain::backup};
  for (const Domain domain : domains)
    keys.emplace(domain_key(root.reveal(), install_id, domain).reveal());
  EXPECT_EQ(keys.size(), std::size(domains) + 1);
  EXPECT_NE(domain_key(root.reveal(), std::string(install_id_bytes, 'j'), Domain::vault).reveal(),
            domain_key(root.reveal(), install_id, Domain::vault).reveal())
      << "nor do two vaults";
}

TEST_F(Tampering, DamageIsToldFromAWrongKey) {
  std::string protection = cell("protection", "vault");
  protection.back() = static_cast<char>(protection.back() ^ 1);
  execute("UPDATE vault SET protection=" + literal(protection));
  EXPECT_NE(refusal().find("vault.db is damaged (its head does not fit its checksum)"),
            std::string::npos)
      << refusal();
}

TEST_F(Tampering, AnOlderDatabaseIsFound) {
  fs::copy(file("vault.db"), folder_ / "older.db");
  put("b", "secret-b2");
  fs::copy(file("vault.db"), folder_ / "newer.db");
  fs::copy(folder_ / "older.db", file("vault.db"), fs::copy_options::overwrite_existing);
  for (const auto access : {store::Access::read, store::Access::write})
    EXPECT_TRUE(refusal(access).starts_with("rollback_detected: ")) << refusal(access);
  EXPECT_NE(refusal().find("is of change 4, and vault.head knows of change 5"), std::string::npos);
  EXPECT_FALSE(Vault::accept_rollback(state_, key("other.key"))) << "it takes the key to say so";
  ASSERT_TRUE(Vault::accept_rollback(state_, key()));
  EXPECT_EQ(read("b"), "secret-b");
  fs::copy(folder_ / "newer.db", file("vault.db"), fs::copy_options::overwrite_existing);
  EXPECT_TRUE(refusal().starts_with("rollback_detected: "))
      << "then the newer one is the wrong one";
}

TEST_F(Tampering, AHeadFileThatIsGoneOrOddIsFound) {
  const std::string head = bytes_of(file("vault.head"));
  ASSERT_TRUE(decode_head(head));
  struct Case {
    const char* rule;
    std::string text;
  };
  const Case cases[] = {{"empty", ""},
                        {"cut off", head.substr(0, head.size() - 2)},
                        {"another seal", head.substr(0, head.size() - 2) +
                                             (head[head.size() - 2] == '0' ? "1\n" : "0\n")},
                        {"longer than one is", head + std::string(300, 'x')}};
  for (const Case& c : cases) {
    std::ofstream(file("vault.head")) << c.text;
    EXPECT_TRUE(refusal().starts_with("rollback_detected: ")) << c.rule << ": " << refusal();
  }
  fs::remove(file("vault.head"));
  EXPECT_NE(refusal().find("missing or damaged"), std::string::npos) << refusal();
  ASSERT_TRUE(Vault::accept_rollback(state_, key()));
  EXPECT_EQ(read("a"), "secret-a2");
}

TEST_F(Tampering, AHeadFileOneChangeBehindIsWhatACrashLeaves) {
  const std::string before = bytes_of(file("vault.head"));
  put("b", "secret-b2");
  const std::string after = bytes_of(file("vault.head"));
  std::ofstream(file("vault.head")) << before;
  EXPECT_EQ(refusal(store::Access::read), "");
  EXPECT_EQ(bytes_of(file("vault.head")), before) << "who reads changes nothing";
  EXPECT_EQ(refusal(store::Access::write), "");
  EXPECT_EQ(bytes_of(file("vault.head")), after) << "the next writer brings it up";
  put("b", "secret-b3");
  std::ofstream(file("vault.head")) << before;
  EXPECT_TRUE(refusal().starts_with("rollback_detected: ")) << "two behind is not";
}

TEST_F(Tampering, ABackupOpensWholeOrNotAtAll) {
  const std::string backup = *open()->backup();
  const std::string elsewhere = (folder_ / "elsewhere").string();
  const auto restored = Vault::restore(elsewhere, backup, key());
  ASSERT_TRUE(restored) << restored.error().detail;
  {
    const auto vault = Vault::open(elsewhere, key(), store::Access::write);
    ASSERT_TRUE(vault) << vault.error().detail;
    EXPECT_EQ(read(*vault, "a@1"), "secret-a");
    EXPECT_EQ(read(*vault, "b"), "secret-b");
    EXPECT_EQ(vault->versions("a")->back().metadata.owner, "owner");
  }
  EXPECT_NE(Vault::restore(elsewhere, backup, key()).error().detail.find("not overwritten"),
            std::string::npos);
  for (std::size_t i = 0; i < backup.size(); ++i) {
    std::string altered = backup;
    altered[i] = static_cast<char>(altered[i] ^ (1 << (i % 8)));
    EXPECT_FALSE(decode_backup(altered, key())) << "byte " << i;
    EXPECT_FALSE(decode_backup(backup.substr(0, i), key())) << "cut off at " << i;
  }
  EXPECT_FALSE(decode_backup(backup + "x", key())) << "lengthened";
  EXPECT_NE(
      decode_backup(backup, key("other.key")).error().detail.find("does not open this backup"),
      std::string::npos);
  ASSERT_TRUE(open()->rekey(key("next.key")));
  EXPECT_TRUE(decode_backup(backup, key())) << "what opened the vault then opens it still";
  EXPECT_FALSE(decode_backup(backup, key("next.key")));
}
}  // namespace
}  // namespace holdfast::vault::sealed
