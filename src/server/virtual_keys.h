// The virtual keys of the running process: kept by identity/, posted to every loop as one table
// whenever one of them changes. The main thread's.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "identity/key_store.h"
#include "routing/published_keys.h"

namespace holdfast::server {

class VirtualKeys {
 public:
  using Published = std::shared_ptr<const routing::PublishedKeys>;

  //   limits   where what has been used of limits is kept; outlives this
  //   errors   as identity::keep_pepper and identity::KeyStore::open
  static Result<std::unique_ptr<VirtualKeys>> open(const std::string& state_dir,
                                                   routing::LimitStore& limits);

  std::span<const identity::VirtualKey> keys() const { return store_.keys(); }
  const identity::Pepper& pepper() const { return pepper_; }
  Published published() const { return published_; }
  // Who gets every table from now on.
  void tell(std::function<void(const Published&)> listener) { listener_ = std::move(listener); }
  // Keeps a new or a changed key; it counts on every loop a turn of it later.
  //   errors   io: nothing has changed
  Result<void> save(const identity::VirtualKey& key);

  // The first of the keys of a configuration that has the name of a virtual one; null: none has.
  const identity::KeySettings* clash(std::span<const identity::KeySettings> keys) const;
  // How often ids came with wrong secrets since the last call, by the name of the key.
  std::vector<std::pair<std::string, std::uint64_t>> take_wrong();

 private:
  VirtualKeys(identity::Pepper pepper, identity::KeyStore store, routing::LimitStore& limits);
  void publish();

  identity::Pepper pepper_;
  identity::KeyStore store_;
  routing::LimitStore& limits_;
  std::unordered_map<std::string, std::shared_ptr<identity::KeyUse>> uses_;  // by id
  std::unordered_map<std::string, std::uint64_t> told_;                      // of take_wrong()
  Published published_;
  std::function<void(const Published&)> listener_;
};

}  // namespace holdfast::server
