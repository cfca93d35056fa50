// Reads the configuration beside the main loop: when it is asked to, and again when a secret that
// the configuration names has changed. The vault's lock, Argon2id and slow disks hold nobody up.
#pragma once
#include <chrono>
#include <condition_variable>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "config/document.h"
#include "server/serve.h"
#include "server/settings.h"

namespace holdfast::server {

// A configuration as it was read once. The vault that it looked into is closed again.
struct Reading {
  std::shared_ptr<config::Document> document;
  std::shared_ptr<const config::SeenSecrets> secrets;
  std::expected<Settings, std::vector<config::Problem>> settings;
};
// Blocks on the disk.
Reading read_configuration(const ServeOptions& options);

// What a reading is for, and what it brought.
struct Loaded {
  enum class Cause : std::uint8_t { asked, secrets };
  Cause cause = Cause::asked;
  Reading reading;
  // For secrets: the references whose values are new. None: those in use can be read again.
  std::vector<std::string> secrets;
};

class Loader {
 public:
  // Called on the loader's thread; to hand it on.
  using Hand = std::function<void(std::shared_ptr<Loaded>)>;
  // Starts the thread.   in_force   the reading that is served with
  Loader(ServeOptions options, const Reading& in_force, Hand hand);
  ~Loader();  // waits for a reading that is under way

  // Reads the configuration once more. One that is asked for while another is under way follows
  // it; several of them are one. Returns whether it has to wait. Any thread.
  bool ask();
  // What was handed on is done with: the next may come. Any thread.
  //   cause      of what was handed on
  //   in_force   what is served with from now on; null: it was refused
  void done(Loaded::Cause cause, const Reading* in_force);

 private:
  struct InForce {
    std::shared_ptr<config::Document> document;
    std::shared_ptr<const config::SeenSecrets> secrets;
  };
  void run();
  std::shared_ptr<Loaded> look_at_secrets();

  const ServeOptions options_;
  const Hand hand_;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool asked_ = false, handed_ = false, stopping_ = false;  // under mutex_
  InForce in_force_;                                        // under mutex_
  // The loader's thread's, but while something is handed on: then whoever calls done().
  bool refused_ = false;  // the last change of secrets was
  std::chrono::steady_clock::time_point again_at_{};
  std::vector<config::FileStamp> read_, seen_;  // how files looked when read, when last looked at
  std::thread thread_;
};

}  // namespace holdfast::server
