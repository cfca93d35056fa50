// What the tests of the vault share.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "vault/sealed/vault.h"

namespace holdfast::vault::sealed {

inline constexpr Argon2Cost cheap{1, std::uint64_t{8} << 10U};

class VaultTest : public testing::Test {
 protected:
  VaultTest() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-vault-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    state_ = (folder_ / "state").string();
  }
  ~VaultTest() override { std::filesystem::remove_all(folder_); }

  // The key file of that name, made when it is not there.
  OperatorSecret key(const std::string& name = "vault.key") const {
    auto secret = make_key_file((folder_ / name).string());
    EXPECT_TRUE(secret) << secret.error().detail;
    return *std::move(secret);
  }
  static OperatorSecret passphrase(std::string_view text) {
    return {OperatorKind::passphrase, LockedBytes(text), "the passphrase", {}};
  }
  void make() const {
    const auto made = Vault::create(state_, key(), cheap);
    ASSERT_TRUE(made) << made.error().detail;
  }
  Result<Vault> open(store::Access access = store::Access::write) const {
    return Vault::open(state_, key(), access);
  }
  void put(const std::string& path, const std::string& secret, Metadata metadata = {}) const {
    auto vault = open();
    ASSERT_TRUE(vault) << vault.error().detail;
    const auto stored = vault->put(path, secret, std::move(metadata), clock_);
    ASSERT_TRUE(stored) << stored.error().detail;
  }
  // What stands at "path" or "path@version"; an error's message behind "!".
  static std::string read(const Vault& vault, std::string_view reference) {
    const auto entry = vault.find(*config::parse_vault_reference(reference));
    if (!entry) return "!" + entry.error().detail;
    const auto plain = vault.reveal(*entry);
    return plain ? std::string(plain->reveal()) : "!" + plain.error().detail;
  }
  std::string read(std::string_view reference) const {
    const auto vault = open(store::Access::read);
    return vault ? read(*vault, reference) : "!" + vault.error().detail;
  }
  // The message with which opening fails; empty: it does not.
  std::string refusal(store::Access access = store::Access::write) const {
    const auto vault = open(access);
    return vault ? "" : vault.error().detail;
  }
  std::filesystem::path file(const std::string& name) const {
    return std::filesystem::path(state_) / name;
  }
  static std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Every file below the folder, by its name.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> out;
    for (const auto& one : std::filesystem::recursive_directory_iterator(folder_))
      if (one.is_regular_file()) out[one.path().string()] = bytes_of(one.path());
    return out;
  }

  std::filesystem::path folder_;
  std::string state_;
  ManualClock clock_;
};

}  // namespace holdfast::vault::sealed
