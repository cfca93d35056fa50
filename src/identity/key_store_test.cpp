// kill -9 at random moments: the store opens, and nothing that was acknowledged is lost or comes
// back. HOLDFAST_KEY_KILLS says how often.
#include "identity/key_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/random.h"
#include "identity/key_test_support.h"

namespace holdfast::identity {
namespace {

class Store : public KeyFolder {};

TEST_F(Store, KeepsAllOfAKey) {
  KeyRing ring;
  KeyScope scope;
  scope.models = {"chat"};
  scope.limits.requests_per_minute = 4;
  ring.make("above");
  ring.make("shop", scope, "above");
  VirtualKey key = ring.at("shop");
  key.owner_kind = OwnerKind::team;
  key.owner = "'; DROP TABLE virtual_keys;--";
  key.note = "a note";
  {
    auto store = KeyStore::open(folder_, test_pepper());
    ASSERT_TRUE(store) << store.error().detail;
    ASSERT_TRUE(store->save(ring.at("above")));
    ASSERT_TRUE(store->save(key));
    key = rotate_key(key, 7, test_pepper(), 9)->key;
    ASSERT_TRUE(store->save(key));
  }
  const auto store = KeyStore::open(folder_, test_pepper());
  ASSERT_TRUE(store) << store.error().detail;
  ASSERT_EQ(store->keys().size(), 2U);
  const VirtualKey& kept = store->keys()[1];
  EXPECT_EQ(kept.id, key.id);
  EXPECT_EQ(kept.parent, ring.at("above").id);
  EXPECT_EQ(kept.owner, key.owner);
  EXPECT_EQ(kept.note, key.note);
  EXPECT_EQ(kept.owner_kind, OwnerKind::team);
  EXPECT_EQ(kept.scope.models, scope.models);
  EXPECT_EQ(kept.scope.limits.requests_per_minute, 4);
  EXPECT_EQ(kept.hash, key.hash);
  EXPECT_EQ(kept.old_hash, key.old_hash);
  EXPECT_EQ(kept.old_until_us, 16);
}

TEST_F(Store, AnotherPepperIsToldFromItsOwn) {
  ASSERT_TRUE(KeyStore::open(folder_, test_pepper()));
  const auto other = KeyStore::open(folder_, Pepper("another"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::configuration);
  EXPECT_NE(other.error().detail.find("another pepper"), std::string::npos);
}

TEST_F(Store, ThePepperIsMadeOnceAndForItsOwnerAlone) {
  const std::string path = folder_ + "/keys.pepper";
  const auto made = keep_pepper(path), kept = keep_pepper(path);
  ASSERT_TRUE(made && kept);
  EXPECT_EQ(made->reveal(), kept->reveal());
  EXPECT_EQ(made->reveal().size(), pepper_bytes);
  struct stat about{};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_NE(keep_pepper(path).error().detail.find("chmod 600"), std::string::npos);
}

TEST(Pepper, IsHmacSha256) {  // RFC 4231, test case 2
  const KeyHash hash = Pepper("Jefe").hash("what do ya want for nothing?");
  std::string hex;
  for (const unsigned char byte : hash) hex += fmt::format("{:02x}", byte);
  EXPECT_EQ(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

int kills() {
  const char* wanted = std::getenv("HOLDFAST_KEY_KILLS");
  return wanted == nullptr ? 200 : std::atoi(wanted);
}

// The writer: by turns it makes a key, rotates it and revokes it, and says each time, once it is
// kept, which step that was. What a step leaves behind can be told from the step alone.
VirtualKey after(int step) {
  VirtualKey key;
  key.id = fmt::format("{:a>12}", std::string(1, static_cast<char>('a' + step / 3 % 26)));
  key.id = key.id.substr(0, 6) + fmt::format("{:06}", step / 3);
  key.name = fmt::format("key-{}", step / 3);
  key.created_us = 1 + step / 3 * 3;
  key.changed_us = 1 + step;
  key.hash = test_pepper().hash(fmt::format("secret {}", step % 3 == 0 ? step : step / 3 * 3 + 1));
  key.old_hash = test_pepper().hash(fmt::format("secret {}", step / 3 * 3));
  key.old_until_us = step % 3 == 0 ? 0 : 1 + step;
  key.revoked_us = step % 3 == 2 ? 1 + step : 0;
  return key;
}

[[noreturn]] void write_until_killed(const std::string& folder, int from, int report) {
  auto store = KeyStore::open(folder, test_pepper());
  if (!store) ::_exit(2);
  for (int step = from;; ++step) {
    if (!store->save(after(step))) ::_exit(3);
    if (::write(report, &step, sizeof step) != static_cast<ssize_t>(sizeof step)) ::_exit(4);
  }
}

TEST_F(Store, LosesNothingThatWasAcknowledgedToAKill) {
  Random random(20'261'128);
  int done = 0;  // steps that were acknowledged
  const int rounds = kills();
  for (int round = 0; round < rounds; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe[0]);
      write_until_killed(folder_, done, pipe[1]);
    }
    ::close(pipe[1]);
    // The kill comes some steps and a while later, whatever the speed of the machine: within the
    // opening as well, and within what follows an acknowledgement.
    int step = 0;
    for (auto steps = random.below(6); steps > 0; --steps)
      if (::read(pipe[0], &step, sizeof step) == static_cast<ssize_t>(sizeof step)) done = step + 1;
    ::usleep(static_cast<useconds_t>(random.below(3'000)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "round " << round << ": it ended by itself";
    while (::read(pipe[0], &step, sizeof step) == static_cast<ssize_t>(sizeof step))
      done = step + 1;
    ::close(pipe[0]);

    const auto store = KeyStore::open(folder_, test_pepper());
    ASSERT_TRUE(store) << "round " << round << ": " << store.error().detail;
    // One step more than was acknowledged may be there, and none less.
    ASSERT_GE(store->keys().size(), static_cast<std::size_t>((done + 2) / 3)) << "round " << round;
    for (const VirtualKey& key : store->keys()) {
      const int last = std::stoi(key.name.substr(4)) * 3 + 2;
      const VirtualKey revoked = after(last);
      if (last < done) ASSERT_EQ(key.revoked_us, revoked.revoked_us) << key.name << " came back";
      const VirtualKey want = after(static_cast<int>(key.changed_us) - 1);
      ASSERT_EQ(key.name, want.name);
      ASSERT_EQ(key.hash, want.hash) << key.name;
      ASSERT_EQ(key.revoked_us, want.revoked_us) << key.name;
    }
    if (!store->keys().empty()) {
      const int there = static_cast<int>(store->keys().back().changed_us);
      ASSERT_TRUE(there == done || there == done + 1) << there << " of " << done;
      done = there;  // the writer goes on from what is there
    }
  }
  RecordProperty("steps", done);
  EXPECT_GE(done, rounds) << "the kills came before much was written";
}

}  // namespace
}  // namespace holdfast::identity
