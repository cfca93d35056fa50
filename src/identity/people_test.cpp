#include "identity/people.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "identity/login_limit.h"
#include "identity/sessions.h"

namespace holdfast::identity {
namespace {
using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "people-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path() const { return path_.string(); }
  std::string file() const { return (path_ / "people.json").string(); }

 private:
  fs::path path_;
};

Person person_with(Roles roles, std::string_view password = "k3vm-9qda") {
  Person out;
  out.roles = roles;
  out.password = *keep_one_time_password(password);
  return out;
}

TEST(Password, IsKeptStretchedAndFoundAgain) {
  const auto kept = keep_password("correct horse battery");
  ASSERT_TRUE(kept) << kept.error().detail;
  EXPECT_EQ(kept->cost, vault::sealed::Argon2Cost{});
  EXPECT_TRUE(*is_password("correct horse battery", &*kept));
  EXPECT_FALSE(*is_password("correct horse batter", &*kept));
  EXPECT_FALSE(*is_password("", &*kept));
  EXPECT_FALSE(*is_password("correct horse battery", nullptr));
  EXPECT_NE(keep_password("correct horse battery")->hash, kept->hash) << "each has its own salt";
}

TEST(Password, HasALength) {
  for (const std::size_t size : {0U, 11U, 1025U})
    EXPECT_EQ(keep_password(std::string(size, 'a')).error().code, ErrorCode::invalid_request)
        << size;
}

TEST(Password, OfOneTimeIsNeverTheSame) {
  const std::string one = one_time_password();
  EXPECT_EQ(one.size(), 29U);
  EXPECT_NE(one, one_time_password());
  const auto kept = keep_one_time_password(one);
  ASSERT_TRUE(kept);
  EXPECT_TRUE(*is_password(one, &*kept));
  EXPECT_FALSE(*is_password(one_time_password(), &*kept));
}

TEST(People, AreKeptOverARestart) {
  const Folder folder;
  {
    auto people = People::open(folder.path());
    ASSERT_TRUE(people);
    EXPECT_TRUE(people->fresh());
    Person ann = person_with({Role::administrator});
    ann.one_time_until_us = 17;
    ann.made_us = 5;
    ASSERT_TRUE(people->put("ann", ann));
    ASSERT_TRUE(people->put("ben@example.org", person_with({Role::viewer, Role::operating})));
    ASSERT_TRUE(people->put_token("deploy", {{Role::operating}, vault::sealed::sha256("t"), 1, 9}));
    EXPECT_FALSE(people->fresh());
  }
  struct stat about{};
  ASSERT_EQ(::stat(folder.file().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777U, 0600U);
  auto again = People::open(folder.path());
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_FALSE(again->fresh());
  const Person* ann = again->find("ann");
  ASSERT_NE(ann, nullptr);
  EXPECT_EQ(ann->one_time_until_us, 17);
  EXPECT_EQ(ann->made_us, 5);
  EXPECT_TRUE(*is_password("k3vm-9qda", &ann->password));
  EXPECT_EQ(again->find("ben@example.org")->roles, (Roles{Role::viewer, Role::operating}));
  EXPECT_EQ(again->find("Ann"), nullptr);
  EXPECT_EQ(to_string(*again->find_token("t", 8)), "token:deploy");
  EXPECT_FALSE(again->find_token("t", 9)) << "its end is its end";
  EXPECT_FALSE(again->find_token("", 8));
  EXPECT_FALSE(again->find_token(vault::sealed::sha256("t"), 8)) << "a hash is no token";
  ASSERT_TRUE(again->remove_token("deploy"));
  EXPECT_FALSE(again->find_token("t", 8));
}

TEST(People, KnowTheirLastAdministrator) {
  const Folder folder;
  auto people = People::open(folder.path());
  ASSERT_TRUE(people->put("ann", person_with({Role::administrator})));
  ASSERT_TRUE(people->put("ben", person_with({Role::operating})));
  EXPECT_TRUE(people->is_last_administrator("ann"));
  EXPECT_FALSE(people->is_last_administrator("ben"));
  EXPECT_FALSE(people->is_last_administrator("nobody"));
  ASSERT_TRUE(people->put("ben", person_with({Role::administrator})));
  EXPECT_FALSE(people->is_last_administrator("ann"));
  ASSERT_TRUE(people->remove("ann"));
  EXPECT_TRUE(people->is_last_administrator("ben"));
}

TEST(People, AreNotReadFromADamagedFile) {
  for (const char* text :
       {"", "{", "[]", "{}", R"({"people":{},"tokens":[]})", R"({"people":{"a b":{}},"tokens":{}})",
        R"({"people":{"ann":{"roles":["root"]}},"tokens":{}})",
        R"({"people":{},"tokens":{"a":{"roles":[],"sha256":"00","made_us":1,"until_us":2}}})"}) {
    const Folder folder;
    std::ofstream(folder.file()) << text;
    const auto opened = People::open(folder.path());
    ASSERT_FALSE(opened) << text;
    EXPECT_EQ(opened.error().code, ErrorCode::configuration);
    EXPECT_NE(opened.error().detail.find("people.json is damaged"), std::string::npos);
  }
}

TEST(PrincipalName, IsPlain) {
  for (const char* name : {"ann", "Ann.B-2_x@example.org"}) EXPECT_TRUE(is_principal_name(name));
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("<b>"), std::string("\xc3\xa9"),
        std::string("a:b"), std::string(65, 'a')})
    EXPECT_FALSE(is_principal_name(name)) << name;
}

TEST(Sessions, EndWhenTheirTimeIsOver) {
  Sessions sessions;
  const SessionTimes times{10s, 60s};
  MonoTime now{};
  const auto opened = sessions.open("ann", now);
  EXPECT_EQ(opened.id.size(), 64U);
  EXPECT_NE(opened.id, opened.csrf);
  for (int i = 0; i < 6; ++i) {
    ASSERT_NE(sessions.use(opened.id, times, now), nullptr) << i;
    EXPECT_EQ(sessions.use(opened.id, times, now)->person, "ann");
    now += 9999ms;
  }
  EXPECT_NE(sessions.use(opened.id, times, now), nullptr);
  now += 5ms;  // 59.999 s
  EXPECT_NE(sessions.use(opened.id, times, now), nullptr);
  now += 2ms;
  EXPECT_EQ(sessions.use(opened.id, times, now), nullptr) << "as a whole";
  const auto idle = sessions.open("ann", now);
  now += 10s;
  EXPECT_EQ(sessions.use(idle.id, times, now), nullptr) << "without a request";
  EXPECT_EQ(sessions.use(idle.id, times, now), nullptr) << "and does not come back";
  EXPECT_EQ(sessions.count("ann"), 0U);
}

TEST(Sessions, EndOneByOneAndAllOfAPerson) {
  Sessions sessions;
  const SessionTimes times;
  const MonoTime now{};
  const auto one = sessions.open("ann", now), two = sessions.open("ann", now);
  const auto other = sessions.open("ben", now);
  EXPECT_EQ(sessions.use("", times, now), nullptr);
  EXPECT_EQ(sessions.use(one.csrf, times, now), nullptr);
  sessions.end(one.id);
  EXPECT_EQ(sessions.use(one.id, times, now), nullptr);
  EXPECT_NE(sessions.use(two.id, times, now), nullptr);
  EXPECT_EQ(sessions.end_all("ann"), 1U);
  EXPECT_EQ(sessions.use(two.id, times, now), nullptr);
  EXPECT_NE(sessions.use(other.id, times, now), nullptr);
}

TEST(Sessions, AreBoundedByPerson) {
  Sessions sessions;
  const SessionTimes times;
  MonoTime now{};
  const auto first = sessions.open("ann", now);
  const auto ben = sessions.open("ben", now);
  for (std::size_t i = 0; i < limits::sessions_per_person; ++i) sessions.open("ann", now += 1ms);
  EXPECT_EQ(sessions.count("ann"), limits::sessions_per_person);
  EXPECT_EQ(sessions.use(first.id, times, now), nullptr) << "the oldest went";
  EXPECT_NE(sessions.use(ben.id, times, now), nullptr) << "nobody else's";
}

TEST(LoginLimit, LetsSomebodyBeWrongFiveTimesAMinute) {
  LoginLimit limit;
  MonoTime now{};
  for (std::size_t i = 0; i < limits::wrong_passwords_per_name; ++i) {
    EXPECT_EQ(limit.wait("ann", now), 0s) << i;
    limit.wrong("ann", now);
    now += 1s;
  }
  EXPECT_EQ(limit.wait("ann", now), 55s);
  EXPECT_EQ(limit.wait("ben", now), 0s) << "others are not kept out";
  now += 54'999ms;
  EXPECT_EQ(limit.wait("ann", now), 1s);
  now += 1ms;
  EXPECT_EQ(limit.wait("ann", now), 0s);
  limit.wrong("ann", now);
  EXPECT_GT(limit.wait("ann", now), 0s);
  limit.right("ann");
  EXPECT_EQ(limit.wait("ann", now), 0s);
}

TEST(LoginLimit, IsOneForAllNamesToo) {
  LoginLimit limit;
  const MonoTime now{};
  for (std::size_t i = 0; i < limits::wrong_passwords; ++i) limit.wrong(std::to_string(i), now);
  EXPECT_EQ(limit.wait("somebody new", now), 60s);
  EXPECT_EQ(limit.wait("somebody new", now + 60s), 0s);
}

}  // namespace
}  // namespace holdfast::identity
