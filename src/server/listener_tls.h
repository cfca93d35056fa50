// The certificate of one listener while it runs: files that change are read again, a bad pair
// leaves the good one in use.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/server_tls.h"

namespace holdfast::server {

// Used by the administrative loop; what it hands out goes to any thread.
class ListenerTls {
 public:
  using Taker = std::function<void(std::shared_ptr<const net::ServerTls>)>;

  //   name   as the configuration has it: "server.tls"
  //   alpn   as net::ServerTls::load takes it
  ListenerTls(std::string name, std::string alpn, const Clock& clock);

  // Reads the files for the first time.   errors   configuration
  Result<void> open(const net::ServerTlsFiles& files);
  // Gives `take` what is in use, now and whenever it changes.
  void give_to(Taker take);
  // Other files, or the same again: the configuration was reloaded.
  void use(const net::ServerTlsFiles& files);
  // Once a second: looks at the files. Blocks on the disk.
  void tick();

  const std::shared_ptr<const net::ServerTls>& current() const { return current_; }
  net::TlsCounters& counters() { return counters_; }
  // Since the start: how often a changed pair was not taken over, and why the last time; empty:
  // what is there is in use.
  std::uint64_t failures() const { return failures_; }
  const std::string& problem() const { return problem_; }
  // What is to be said of it at this moment; empty: nothing.
  std::string warning() const;

 private:
  // Of the files at a moment: when they changed, their sizes and numbers.
  using Look = std::vector<std::int64_t>;
  Look look() const;
  void load();
  std::string expiry() const;  // what is to be said of it; empty: nothing
  void take_over(std::shared_ptr<const net::ServerTls> tls);

  std::string name_, alpn_;
  const Clock& clock_;
  net::ServerTlsFiles files_;
  std::shared_ptr<const net::ServerTls> current_;
  std::vector<Taker> takers_;
  net::TlsCounters counters_;
  Look loaded_, seen_;
  MonoTime tickets_since_{};
  MonoTime warned_{};
  bool ever_warned_ = false;
  std::uint64_t failures_ = 0;
  std::string problem_;
};

}  // namespace holdfast::server
