#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "store/database.h"
#include "store/state_lock.h"

namespace holdfast::store {
namespace {
class Store : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "store-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    path_ = folder_ + "/test.db";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_, path_;
};

constexpr std::string_view first_step = "CREATE TABLE things(name TEXT)";
constexpr std::string_view second_step = "ALTER TABLE things ADD COLUMN size INTEGER";

TEST_F(Store, MigratesStepByStepAndOnce) {
  const std::string_view steps[] = {first_step, second_step};
  for (const std::size_t known : {1U, 2U, 2U}) {
    auto database = Database::open(path_, Access::write);
    ASSERT_TRUE(database) << database.error().detail;
    const auto migrated = database->migrate("things", {steps, known});
    EXPECT_TRUE(migrated) << migrated.error().detail;
  }
  auto database = Database::open(path_, Access::write);
  EXPECT_TRUE(database->execute("INSERT INTO things VALUES('a', 1)"));
}

TEST_F(Store, AFailingStepLeavesNothingBehind) {
  const std::string_view steps[] = {"CREATE TABLE half(x); CREATE TABLE broken("};
  auto database = Database::open(path_, Access::write);
  EXPECT_FALSE(database->migrate("things", steps));
  EXPECT_EQ(*database->integer("SELECT count(*) FROM sqlite_master WHERE name='half'"), 0);
}

TEST_F(Store, RefusesTheTablesOfANewerVersion) {
  const std::string_view steps[] = {first_step, second_step};
  auto database = Database::open(path_, Access::write);
  ASSERT_TRUE(database->migrate("things", steps));
  const auto older = database->migrate("things", {steps, 1});
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, ErrorCode::configuration);
  EXPECT_NE(older.error().detail.find("start a newer Holdfast"), std::string::npos);
}

TEST_F(Store, RefusesADamagedFileAndSaysWhatToDo) {
  const std::string_view steps[] = {"CREATE TABLE t(x); CREATE INDEX i ON t(x)"};
  {
    auto database = Database::open(path_, Access::write);
    ASSERT_TRUE(database->migrate("things", steps));
    ASSERT_TRUE(database->execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) "
        "INSERT INTO t SELECT 'some text that fills pages' FROM n"));
  }
  struct Case {
    const char* rule;
    std::streamoff at;
    std::size_t bytes;
  };
  for (const Case& c : {Case{"pages", 8192, 8192}, Case{"the head", 0, 64}}) {
    {
      std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(c.at);
      file << std::string(c.bytes, '\x5a');
    }
    const auto damaged = Database::open(path_, Access::write);
    ASSERT_FALSE(damaged) << c.rule;
    EXPECT_EQ(damaged.error().code, ErrorCode::configuration) << c.rule;
    EXPECT_NE(damaged.error().detail.find(path_), std::string::npos) << c.rule;
    EXPECT_NE(damaged.error().detail.find("restore it from a backup"), std::string::npos) << c.rule;
  }
}

TEST_F(Store, AReaderSeesWhatIsCommittedAndCannotWrite) {
  auto writer = Database::open(path_, Access::write);
  ASSERT_TRUE(writer->execute("CREATE TABLE t(x)"));
  auto reader = Database::open(path_, Access::read);
  ASSERT_TRUE(reader) << reader.error().detail;
  {
    auto dropped = Transaction::begin(*writer);
    ASSERT_TRUE(writer->execute("INSERT INTO t VALUES(1)"));
    EXPECT_EQ(*reader->integer("SELECT count(*) FROM t"), 0);
  }
  EXPECT_EQ(*writer->integer("SELECT count(*) FROM t"), 0);
  auto kept = Transaction::begin(*writer);
  ASSERT_TRUE(writer->execute("INSERT INTO t VALUES(2)"));
  ASSERT_TRUE(kept->commit());
  EXPECT_EQ(*reader->integer("SELECT x FROM t"), 2);
  EXPECT_FALSE(reader->execute("INSERT INTO t VALUES(3)"));
}

TEST_F(Store, AReaderOfNothingIsAnError) {
  const auto reader = Database::open(path_, Access::read);
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ErrorCode::io);
}

TEST_F(Store, BindsEveryKindOfValue) {
  auto database = Database::open(path_, Access::write);
  auto statement = database->prepare("SELECT ?, ?, ?, ?");
  statement->bind(1, std::int64_t{-5});
  statement->bind(2, std::string_view("text"));
  statement->bind(3, std::string_view());
  statement->bind(4, std::optional<std::int64_t>());
  ASSERT_TRUE(*statement->step());
  EXPECT_EQ(statement->integer(0), -5);
  EXPECT_EQ(statement->text(1), "text");
  EXPECT_EQ(statement->text(2), "");
  EXPECT_EQ(statement->optional_integer(2), 0);  // '' and not NULL
  EXPECT_EQ(statement->optional_integer(3), std::nullopt);
  auto bytes = database->prepare("SELECT ?, ?, typeof(?1), typeof(?2)");
  constexpr std::string_view any("\0\xff\0", 3);
  bytes->bind_bytes(1, any);
  bytes->bind_bytes(2, {});
  ASSERT_TRUE(*bytes->step());
  EXPECT_EQ(bytes->bytes(0), any);
  EXPECT_EQ(bytes->bytes(1), "");
  EXPECT_EQ(bytes->text(2), "blob");
  EXPECT_EQ(bytes->text(3), "blob");  // X'' and not NULL
}

// Three rows of a number, a text and nothing; the text lies where the next row overwrites it.
struct ThreeRows final : Rows {
  void begin() override { at = 0; }
  bool next(std::span<Value> row) override {
    if (at == 3) return false;
    text = std::string(40, static_cast<char>('a' + at));
    row[0] = ++at;
    row[1] = at == 2 ? std::string_view() : text;
    row[2] = Value();
    return true;
  }
  std::int64_t at = 0;
  std::string text;
};

TEST_F(Store, TakesRowsOfTheProcessInByOneStatement) {
  auto database = Database::open(path_, Access::write);
  ThreeRows rows;
  ASSERT_TRUE(database->offer("given", "number, text, empty", rows));
  ASSERT_TRUE(database->execute("CREATE TABLE things(number INTEGER, text TEXT, empty)"));
  auto insert = database->prepare("INSERT INTO things SELECT number, text, empty FROM given");
  ASSERT_TRUE(insert) << insert.error().detail;
  for (std::int64_t time = 1; time <= 2; ++time) {
    ASSERT_TRUE(insert->run());
    EXPECT_EQ(database->changes(), 3);
    EXPECT_EQ(database->integer("SELECT count(*) FROM things WHERE empty IS NULL"), 3 * time);
    EXPECT_EQ(database->integer("SELECT sum(number) FROM things"), 6 * time);
    EXPECT_EQ(database->integer("SELECT count(*) FROM things WHERE number=3 AND text LIKE 'cc%' "
                                "AND length(text)=40"),
              time);
    EXPECT_EQ(database->integer("SELECT count(*) FROM things WHERE number=2 AND text=''"), time);
  }
  rows.at = 3;
  EXPECT_EQ(database->integer("SELECT count(*) FROM given"), 3) << "from the beginning";
  EXPECT_FALSE(database->execute("DELETE FROM given"));
}

TEST_F(Store, AQueryEndsWhenItsTimeIsUp) {
  auto database = Database::open(path_, Access::write);
  database->limit_time(std::chrono::milliseconds(1));
  const auto endless = database->integer(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n");
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, ErrorCode::deadline_exceeded);
}

TEST_F(Store, OneProcessHasTheStateDirectory) {
  const std::string directory = folder_ + "/made/for/it";
  {
    auto lock = StateLock::acquire(directory);
    ASSERT_TRUE(lock) << lock.error().detail;
    const auto second = StateLock::acquire(directory);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::io);
    EXPECT_NE(second.error().detail.find("in use by process " + std::to_string(::getpid())),
              std::string::npos)
        << second.error().detail;
    StateLock moved = *std::move(lock);
    EXPECT_FALSE(StateLock::acquire(directory));
  }
  EXPECT_TRUE(StateLock::acquire(directory));
}

TEST_F(Store, TheLockEndsWithItsProcess) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = StateLock::acquire(folder_);
    [[maybe_unused]] const ssize_t told = ::write(ready[1], lock ? "y" : "n", 1);
    ::pause();
    ::_exit(0);
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  const auto refused = StateLock::acquire(folder_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find(std::to_string(child)), std::string::npos);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(StateLock::acquire(folder_));
  ::close(ready[0]);
  ::close(ready[1]);
}
}  // namespace
}  // namespace holdfast::store
