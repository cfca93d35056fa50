// Tells a webhook, until it has heard: signed, tried again with growing pauses, in order of
// nothing.
#pragma once
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "control/alert/settings.h"
#include "control/alert/watch.h"
#include "net/http_client.h"

namespace holdfast::control::alert {

// A message as it is sent. The form of its headers is Standard Webhooks' (version 1.0.0).
struct Message {
  std::string id;    // the same at every try
  std::string body;  // JSON
};
Message message_of(const Change& change, Random& random);

// The value of webhook-signature. A secret that begins with whsec_ is Base64 behind that, as these
// are handed out; any other is taken as it is.
//   timestamp_s   of this try
std::string sign(const Secret& secret, std::string_view id, std::int64_t timestamp_s,
                 std::string_view body);

// How long to wait before try number `tried` + 1: full jitter up to a bound that doubles.
Duration pause_after(int tried, Random& random);
inline constexpr int most_tries = 10;  // within an hour or so

struct WebhookStatus {
  std::string name;
  std::uint64_t delivered = 0, given_up = 0, waiting = 0;
  std::string last_error;  // of the last try; empty: it succeeded, or there was none
};

class Webhooks {  // used by one loop, which its parts outlive
 public:
  struct Loop {
    boost::asio::io_context& loop;
    net::Watchdog& watchdog;
    net::ConnectionPool& pool;
    const Clock& clock;
  };
  Webhooks(Loop loop, Random random);
  ~Webhooks();
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  // Ends what is under way at its next step and sends nothing more; what waits is given up.
  void stop();
  // Hooks of the same name keep what waits for them.
  void use(const std::vector<WebhookSettings>& hooks);
  // Tells `hook`; returns at once. Beyond limits::alerts_waiting messages the oldest is given up.
  void tell(const std::string& hook, Message message);
  std::vector<WebhookStatus> status() const;

 private:
  struct Hook;
  Loop loop_;
  Random random_;
  std::list<std::shared_ptr<Hook>> hooks_;
};

}  // namespace holdfast::control::alert
