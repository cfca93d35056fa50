// Virtual keys for the tests of this room.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <unordered_map>

#include "identity/key_changes.h"
#include "identity/key_store.h"
#include "identity/key_table.h"

namespace holdfast::identity {

inline const Pepper& test_pepper() {
  static const Pepper pepper("a pepper of these tests, 32 bytes");
  return pepper;
}

// Keys in memory, as the administration makes them.
class KeyRing {
 public:
  // Its secret.
  std::string make(std::string name, KeyScope scope = {}, std::string parent = {}) {
    VirtualKey wanted;
    wanted.name = std::move(name);
    wanted.scope = std::move(scope);
    wanted.parent = std::move(parent);
    auto made = make_key(keys, wanted, test_pepper(), 1);
    EXPECT_TRUE(made) << made.error().detail;
    keys.push_back(made->key);
    return std::string(made->text.reveal());
  }
  VirtualKey& at(std::string_view name) { return const_cast<VirtualKey&>(*find_key(keys, name)); }
  KeyTable table() { return KeyTable(test_pepper(), keys, uses); }

  std::vector<VirtualKey> keys;
  std::unordered_map<std::string, std::shared_ptr<KeyUse>> uses;
};

// A folder that goes with the test.
class KeyFolder : public testing::Test {
 protected:
  KeyFolder() {
    char name[] = "/tmp/holdfast-keys-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~KeyFolder() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

}  // namespace holdfast::identity
