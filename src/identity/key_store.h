// The virtual keys on the disk: STATE/keys.db. Of a secret only its hash is there.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "identity/virtual_key.h"
#include "store/database.h"

namespace holdfast::identity {

// Used by one thread.
class KeyStore {
 public:
  // Opens or makes DIR/keys.db and reads what is in it.
  //   errors   configuration: it was made with another pepper, or is damaged: says what to do; io
  static Result<KeyStore> open(const std::string& directory, const Pepper& pepper);

  // In the order in which they were made.
  const std::vector<VirtualKey>& keys() const { return keys_; }
  // Keeps a new key, or a change of one that is there: it is on the disk when this returns.
  //   errors   io: nothing has changed
  Result<void> save(const VirtualKey& key);

 private:
  explicit KeyStore(store::Database database) : database_(std::move(database)) {}
  Result<void> check_pepper(const Pepper& pepper);
  Result<void> read();

  store::Database database_;
  std::vector<VirtualKey> keys_;
  std::unordered_map<std::string, std::size_t> places_;  // in keys_, by id
};

}  // namespace holdfast::identity
