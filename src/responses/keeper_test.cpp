#include "responses/keeper.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/limits.h"
#include "responses/schema.h"

namespace holdfast::responses {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

Entry entry(std::string owner, std::string id, std::string previous = {},
            std::string input = "[]") {
  Entry out;
  out.owner = std::move(owner);
  out.id = std::move(id);
  out.previous = std::move(previous);
  out.created_us = system_clock().wall_us();
  out.input = std::move(input);
  out.response = R"({"id":")" + out.id + R"("})";
  return out;
}

class Kept : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "responses-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    start();
  }
  void TearDown() override {
    keeper_.reset();
    fs::remove_all(folder_);
  }
  void start(const Settings& settings = {}) {
    keeper_.reset();
    auto opened = Keeper::open(folder_, settings, system_clock());
    ASSERT_TRUE(opened) << opened.error().detail;
    keeper_ = *std::move(opened);
  }
  bool keep(Entry one) { return keeper_->keep(std::make_shared<const Entry>(std::move(one))); }
  template <class T>
  Result<T> wait(Task<Result<T>> task) {
    boost::asio::io_context loop;
    auto outcome = boost::asio::co_spawn(loop, std::move(task), boost::asio::use_future);
    loop.run();
    return outcome.get();
  }
  static net::Deadline soon() { return system_clock().now() + 20s; }
  SharedEntry find(const std::string& owner, const std::string& id) {
    auto found = wait(keeper_->find(owner, id, soon()));
    EXPECT_TRUE(found) << found.error().detail;
    return found.value_or(nullptr);
  }
  Chain chain(const std::string& owner, const std::string& id) {
    auto found = wait(keeper_->chain(owner, id, soon()));
    EXPECT_TRUE(found) << found.error().detail;
    return found.value_or(Chain{});
  }
  bool remove(const std::string& owner, const std::string& id) {
    auto removed = wait(keeper_->remove(owner, id, soon()));
    EXPECT_TRUE(removed) << removed.error().detail;
    return removed.value_or(false);
  }
  // A removal is answered once all that was put into the queue before it is on disk.
  void settle() { remove("nobody", "nothing"); }
  bool on_disk(std::string_view text) const {
    for (const auto& file : fs::directory_iterator(folder_)) {
      std::ifstream in(file.path(), std::ios::binary);
      const std::string bytes(std::istreambuf_iterator<char>(in), {});
      if (bytes.find(text) != std::string::npos) return true;
    }
    return false;
  }

  std::string folder_;
  std::unique_ptr<Keeper> keeper_;
};

TEST_F(Kept, IsFoundAtOnceWrittenOrNot) {
  for (int i = 0; i < 200; ++i) {
    const std::string id = "resp_" + std::to_string(i);
    ASSERT_TRUE(keep(entry("app", id, "resp_x", R"([{"n":1}])")));
    const SharedEntry found = find("app", id);
    ASSERT_TRUE(found) << id;
    EXPECT_EQ(found->previous, "resp_x");
    EXPECT_EQ(found->input, R"([{"n":1}])");
    EXPECT_EQ(found->response, R"({"id":")" + id + R"("})");
  }
  settle();
  EXPECT_EQ(keeper_->totals().written, 200U);
  EXPECT_EQ(keeper_->totals().waiting, 0U);
  EXPECT_EQ(keeper_->totals().waiting_bytes, 0U);
  EXPECT_EQ(find("app", "resp_7")->id, "resp_7");
}

TEST_F(Kept, IsSeenByItsOwnerAlone) {
  ASSERT_TRUE(keep(entry("one", "resp_1")));
  for (const bool written : {false, true}) {
    if (written) settle();
    EXPECT_TRUE(find("one", "resp_1")) << written;
    EXPECT_FALSE(find("two", "resp_1")) << written;
    EXPECT_FALSE(find("", "resp_1")) << written;
    EXPECT_TRUE(chain("two", "resp_1").entries.empty()) << written;
    EXPECT_FALSE(remove("two", "resp_1")) << written;
  }
  ASSERT_TRUE(keep(entry("two", "resp_1", "resp_0")));
  settle();
  EXPECT_EQ(find("one", "resp_1")->previous, "") << "each has its own of the same id";
  EXPECT_EQ(find("two", "resp_1")->previous, "resp_0");
}

TEST_F(Kept, TheNewestOfAnIdCounts) {
  ASSERT_TRUE(keep(entry("a", "resp_1", "", R"(["old"])")));
  settle();
  ASSERT_TRUE(keep(entry("a", "resp_1", "", R"(["new"])")));
  EXPECT_EQ(find("a", "resp_1")->input, R"(["new"])");
  settle();
  EXPECT_EQ(find("a", "resp_1")->input, R"(["new"])");
}

TEST_F(Kept, AChainIsWalkedToItsBeginning) {
  ASSERT_TRUE(keep(entry("a", "resp_1")));
  ASSERT_TRUE(keep(entry("a", "resp_2", "resp_1")));
  settle();
  ASSERT_TRUE(keep(entry("a", "resp_3", "resp_2")));
  const Chain whole = chain("a", "resp_3");
  ASSERT_EQ(whole.entries.size(), 3U);
  EXPECT_EQ(whole.entries[0]->id, "resp_1");
  EXPECT_EQ(whole.entries[2]->id, "resp_3");
  EXPECT_EQ(whole.missing, "");
  ASSERT_TRUE(remove("a", "resp_1"));
  const Chain broken = chain("a", "resp_3");
  EXPECT_EQ(broken.entries.size(), 2U);
  EXPECT_EQ(broken.missing, "resp_1");
  EXPECT_TRUE(chain("a", "resp_9").entries.empty());
}

TEST_F(Kept, AChainIsBounded) {
  ASSERT_TRUE(keep(entry("a", "loop", "loop")));
  const auto endless = wait(keeper_->chain("a", "loop", soon()));
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, ErrorCode::too_large);
  const std::string big(limits::responses_chain_bytes / 2, 'x');
  ASSERT_TRUE(keep(entry("a", "resp_1", "", big)));
  ASSERT_TRUE(keep(entry("a", "resp_2", "resp_1", big)));
  const auto large = wait(keeper_->chain("a", "resp_2", soon()));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::too_large);
}

TEST_F(Kept, WhatIsRemovedIsOutOfTheFiles) {
  const std::string secret = "what-nobody-may-find-again";
  std::string large;
  for (int i = 0; i < 20'000; ++i) large += secret;
  ASSERT_TRUE(keep(entry("a", "resp_1", "", secret)));
  ASSERT_TRUE(keep(entry("a", "resp_2", "", large)));
  settle();
  EXPECT_TRUE(on_disk(secret));
  EXPECT_TRUE(remove("a", "resp_1"));
  EXPECT_TRUE(remove("a", "resp_2"));
  EXPECT_FALSE(find("a", "resp_1"));
  EXPECT_FALSE(on_disk(secret));
  EXPECT_FALSE(remove("a", "resp_1"));
}

TEST_F(Kept, OutlivesTheProcess) {
  ASSERT_TRUE(keep(entry("a", "resp_1")));
  start();
  EXPECT_TRUE(find("a", "resp_1"));
  struct stat status{};
  for (const char* file : {"", "-wal", "-shm"}) {
    const std::string path = database_path(folder_) + file;
    ASSERT_EQ(::stat(path.c_str(), &status), 0) << path;
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << path;
  }
}

TEST_F(Kept, WhatIsTooOldGoes) {
  Entry old = entry("a", "resp_1", "", "an-old-prompt");
  old.created_us -= 3'600'000'000 * 25;
  ASSERT_TRUE(keep(std::move(old)));
  ASSERT_TRUE(keep(entry("a", "resp_2")));
  Settings settings;
  settings.keep = 24h;
  start(settings);
  while (find("a", "resp_1")) std::this_thread::yield();
  EXPECT_TRUE(find("a", "resp_2"));
  start();
  EXPECT_FALSE(on_disk("an-old-prompt"));
}

TEST_F(Kept, WhatIsTooMuchGoesTheOldestFirst) {
  const std::string piece(100'000, 'x');
  for (int i = 0; i < 100; ++i) {
    Entry one = entry("a", "resp_" + std::to_string(i), "", piece);
    one.created_us += i;
    ASSERT_TRUE(keep(std::move(one)));
  }
  Settings settings;
  settings.max_bytes = 3U << 20U;
  start(settings);
  while (find("a", "resp_60")) std::this_thread::yield();
  EXPECT_FALSE(find("a", "resp_0"));
  EXPECT_TRUE(find("a", "resp_99"));
  keeper_.reset();
  EXPECT_LE(fs::file_size(database_path(folder_)), (3U << 20U) + (1U << 18U));
}

// The limit on file sizes stands in for a full disk.
TEST_F(Kept, AFullDiskIsWaitedOut) {
  settle();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  const std::string big(1U << 20U, 'x');
  std::size_t taken = 0;
  while (keep(entry("a", "resp_" + std::to_string(taken), "", big))) ++taken;
  while (keeper_->totals().error.empty()) std::this_thread::yield();
  const Totals full = keeper_->totals();
  EXPECT_EQ(full.lost, 1U);
  EXPECT_EQ(full.waiting, taken);
  EXPECT_LE(full.waiting_bytes, limits::responses_waiting_bytes);
  EXPECT_TRUE(find("a", "resp_0")) << "what waits is found";
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  settle();
  EXPECT_EQ(keeper_->totals().waiting, 0U);
  EXPECT_EQ(keeper_->totals().error, "");
  EXPECT_TRUE(find("a", "resp_" + std::to_string(taken - 1)));
}

TEST_F(Kept, NobodyWaitsLongerThanTold) {
  const auto late = wait(keeper_->find("a", "resp_1", system_clock().now() - 1ms));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
}

TEST_F(Kept, ADamagedFileIsNotOverwritten) {
  keeper_.reset();
  for (const char* more : {"-wal", "-shm"}) fs::remove(database_path(folder_) + more);
  std::ofstream(database_path(folder_), std::ios::trunc) << "no database, but something";
  const auto opened = Keeper::open(folder_, {}, system_clock());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::configuration);
  EXPECT_NE(opened.error().detail.find("responses.db"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::responses
