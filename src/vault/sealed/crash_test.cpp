// kill -9 at random moments: the vault opens with the old secret or with the new one, and nothing
// that was acknowledged is lost. HOLDFAST_VAULT_KILLS says how often; the suite takes some, a
// thousand are worth their time before a release.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/random.h"
#include "vault/sealed/test_support.h"

namespace holdfast::vault::sealed {
namespace {

int kills() {
  const char* wanted = std::getenv("HOLDFAST_VAULT_KILLS");
  return wanted == nullptr ? 25 : std::atoi(wanted);
}

class Crash : public VaultTest {
 protected:
  // The step-th change: puts, and by turns a rotation of either level or another key file.
  Result<void> change(int step) const {
    auto vault = Vault::open(state_, key(key_before(step)), store::Access::write);
    if (!vault) return std::unexpected(std::move(vault).error());
    switch (step % 5) {
      case 1:
        return vault->rotate(Level::data_key);
      case 3:
        return vault->rotate(Level::root);
      case 4:
        return vault->rekey(key(key_before(step + 1)));
      default: {
        auto stored = vault->put("a/" + std::to_string(step % 3), value_of(step), {}, clock_);
        if (!stored) return std::unexpected(std::move(stored).error());
        return {};
      }
    }
  }
  static std::string value_of(int step) { return "secret-of-step-" + std::to_string(step); }
  // What opens the vault when step-1 changes are done: each fifth change is a new key file.
  static std::string key_before(int step) { return step / 5 % 2 == 0 ? "even.key" : "odd.key"; }
  // Whether the vault is as it is after `steps` changes.
  bool is_after(int steps, std::string& why) const {
    const auto vault = Vault::open(state_, key(key_before(steps)), store::Access::read);
    if (!vault) {
      why += vault.error().detail + "; ";
      return false;
    }
    // create() is change 1
    if (vault->generation() != steps + 1) {
      why += "change " + std::to_string(vault->generation()) + "; ";
      return false;
    }
    for (int step = std::max(0, steps - 5); step < steps; ++step)
      if (step % 5 == 0 || step % 5 == 2) {
        const auto versions = vault->versions("a/" + std::to_string(step % 3));
        bool found = false;
        for (const Entry& entry : *versions)
          found = found || vault->reveal(entry)->reveal() == value_of(step);
        if (!found) {
          why += value_of(step) + " is lost; ";
          return false;
        }
      }
    return true;
  }
};

TEST_F(Crash, LosesNothingThatWasAcknowledged) {
  for (const char* name : {"even.key", "odd.key"}) (void)key(name);
  ASSERT_TRUE(Vault::create(state_, key("even.key"), cheap));
  Random random(20'261'127);
  int done = 0;
  for (int cycle = 0; cycle < kills(); ++cycle) {
    int acknowledged[2];
    ASSERT_EQ(::pipe(acknowledged), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      for (int step = done;; ++step) {
        if (!change(step)) ::_exit(1);
        if (::write(acknowledged[1], "y", 1) != 1) ::_exit(1);
      }
    }
    ::close(acknowledged[1]);
    const auto wanted = random.below(8);
    char one = 0;
    for (std::uint64_t i = 0; i < wanted && ::read(acknowledged[0], &one, 1) == 1; ++i) ++done;
    ::usleep(static_cast<useconds_t>(random.below(4'000)));  // the moment of the crash
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "a change failed by itself, status " << status;
    while (::read(acknowledged[0], &one, 1) == 1) ++done;
    ::close(acknowledged[0]);
    std::string why;
    if (is_after(done, why)) continue;
    ASSERT_TRUE(is_after(done + 1, why))
        << "cycle " << cycle << ", " << done << " changes: " << why;
    ++done;  // it was stored, and the process ended before it could say so
  }
}

TEST_F(Crash, AVaultThatWasHalfMadeIsMadeAnew) {
  // As create() leaves it when the process ends before the last step.
  make();
  std::filesystem::rename(file("vault.db"), file("vault.db.new"));
  EXPECT_NE(refusal().find("there is no vault"), std::string::npos);
  const auto made = Vault::create(state_, key(), cheap);
  ASSERT_TRUE(made) << made.error().detail;
  EXPECT_EQ(refusal(), "");
  EXPECT_FALSE(std::filesystem::exists(file("vault.db.new")));
}
}  // namespace
}  // namespace holdfast::vault::sealed
