// What the records tell: pages of attempts, newest first, and the last failovers.
#pragma once
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "records/attempt.h"
#include "records/schema.h"
#include "records/shadow_attempt.h"
#include "records/spending.h"
#include "store/database.h"

namespace holdfast::records {

inline constexpr int page_limit_default = 50;
inline constexpr int page_limit_max = 500;

// Only attempts that match all that is set.
struct Query {
  std::optional<std::int64_t> since_us, until_us;  // of the start: since <= start < until
  std::string logical_model, model;                // asked for; the target's own
  std::string provider, key_name, request_id;      // empty: any
  std::optional<FailureClass> failure;             // none: those that succeeded
  std::optional<int> status;                       // the upstream's
  std::optional<bool> client_left;
  std::optional<bool> unsettled;
  std::optional<bool> shadow;      // copies for targets on trial; false: none of them
  int limit = page_limit_default;  // 1..page_limit_max
  std::string cursor;              // Page::next_cursor of the page before; empty: the first
};

std::string_view to_string(State state);

struct Attempt {
  State state = State::open;
  std::string unsettled_reason;  // "process_ended"; empty unless unsettled
  std::string request_id;
  int attempt = 1;  // shadow_attempt: a copy for a target on trial
  bool shadow() const { return attempt == shadow_attempt; }
  std::int64_t started_us = 0;
  std::string logical_model, provider, model, key_name, team, service;
  std::int64_t reserved_nano_usd = 0;
  Endpoint endpoint = Endpoint::chat_completions;
  std::uint32_t features = 0;
  // What follows is only there when settled.
  std::int64_t ended_us = 0;
  FailureClass failure = FailureClass::none;
  int status = 0, answer_status = 0;
  std::optional<std::int64_t> tokens_in, tokens_out, tokens_cached, tokens_reasoning;
  bool usage_from_provider = false, client_left = false, committed = false;
  bool continuation = false;  // it went on with the answer of an attempt before it
  std::int64_t first_content_us = -1, total_us = 0, bytes_sent = 0, bytes_received = 0;
  std::string upstream_request_id;
  std::optional<std::int64_t> cost_nano_usd;  // nothing: not known
  std::int64_t charged_nano_usd = 0;
  std::uint32_t price_version = 0;  // 0: the price was not known
};

struct Page {
  std::vector<Attempt> attempts;
  std::string next_cursor;  // empty: this is the last page
};

// A request that went from one target to another.
struct Failover {
  std::int64_t at_us = 0;  // when the second attempt started
  std::string request_id, logical_model;
  std::string from_provider, from_model;
  FailureClass failure = FailureClass::none;  // why
  int status = 0;                             // the upstream's that was left
  std::string to_provider, to_model;
};

// Reads the records of a running Drain. One for each thread that asks.
class Archive {
 public:
  //   errors   io: there are no records, or they cannot be read
  static Result<Archive> open(const std::string& state_dir);

  // One page. Attempts recorded meanwhile neither repeat nor shift what the next pages show.
  //   errors   invalid_request: limit out of range, or a cursor that is none
  //            deadline_exceeded: the filters are too wide to answer within 5 s; io
  Result<Page> requests(const Query& query);
  // The last `count` (1..500) failovers, newest first.   errors   as above
  Result<std::vector<Failover>> recent_failovers(int count);
  // As the functions in spending.h.
  Result<std::vector<SpendingRow>> spending(SpendingBy by, std::int64_t from_day,
                                            std::int64_t until_day);
  Result<NanoUsd> charged_in(const SpendingScope& scope, std::int64_t from_day,
                             std::int64_t until_day);

 private:
  explicit Archive(store::Database database) : database_(std::move(database)) {}
  store::Database database_;
};

boost::json::value to_json(const Attempt& attempt);
boost::json::value to_json(const Page& page);
boost::json::value to_json(const Failover& failover);

}  // namespace holdfast::records
