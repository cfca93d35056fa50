// Who asks at the administration, and whether they may. The main thread's.
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "identity/login_limit.h"
#include "identity/machine_token.h"
#include "identity/people.h"
#include "identity/role.h"
#include "identity/sessions.h"
#include "net/http_head.h"

namespace holdfast::server {

// Why a request is refused, as the administration answers it.
struct AccessProblem {
  int status = 0;         // 401, 403
  std::string_view code;  // also for the audit log
  std::string message;
};

// Whoever asks.
struct Caller {
  identity::Principal who;
  std::string session;  // the id of the session in the cookie; empty: by a token
  std::string csrf;     // what such a session has to send with whatever changes something
};

class Access {
 public:
  // Makes this machine's token when there is none.   errors   as MachineToken::open, People::open
  static Result<Access> open(const std::string& state_dir, const Clock& clock);
  // Reads the token again, or makes it: whoever deletes it has it changed.
  Result<void> reload();
  void use(const identity::SessionTimes& times) { times_ = times; }

  // At the first start: makes the person "admin", an administrator, and returns the one-time
  // password, which is not kept; nothing: there are people already.   errors   io
  Result<std::optional<std::string>> make_first_person();

  // Who sent the request; nothing: nobody who says so.
  //   errors   401 invalid_token: says so, and is not
  //   secure   it came over TLS
  std::expected<std::optional<Caller>, AccessProblem> identify(const net::RequestHead& head,
                                                               bool secure);

  identity::People& people() { return people_; }
  identity::Sessions& sessions() { return sessions_; }
  identity::LoginLimit& limit() { return limit_; }
  const identity::SessionTimes& times() const { return times_; }

 private:
  Access(std::string state_dir, const Clock& clock, identity::MachineToken machine,
         identity::People people)
      : state_dir_(std::move(state_dir)),
        clock_(&clock),
        machine_(std::move(machine)),
        people_(std::move(people)) {}
  std::optional<Caller> by_cookie(const net::RequestHead& head, bool secure);

  std::string state_dir_;
  const Clock* clock_;
  identity::MachineToken machine_;
  identity::People people_;
  identity::Sessions sessions_;
  identity::LoginLimit limit_;
  identity::SessionTimes times_;
};

// Whether `caller` (nothing: nobody) may; nothing: yes.
//   open_reading   what only reads is for everybody
std::optional<AccessProblem> refuse(const std::optional<Caller>& caller, identity::Permission needs,
                                    bool open_reading);

// Whether a page of ours sent what a cookie answers for: its Origin is this Host, and it knows the
// session's token. What a bearer token answers for needs neither. Nothing: yes.
std::optional<AccessProblem> refuse_forged(const Caller& caller, const net::RequestHead& head,
                                           bool secure);

// Values of Set-Cookie.
std::string session_cookie(std::string_view id, bool secure);
std::string ended_session_cookie(bool secure);
// What a page of ours has as its Origin.
std::string own_origin(const net::RequestHead& head, bool secure);

// A one-time password, as `person` is given it: until when it holds, and its text.
struct OneTimePassword {
  std::string text;
  std::int64_t until_us = 0;
};
Result<OneTimePassword> give_one_time_password(identity::Person& person, std::int64_t now_us);

}  // namespace holdfast::server
