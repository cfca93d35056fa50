#include "records/query.h"

#include <fmt/format.h>

#include <variant>

#include "records/cursor.h"
#include "records/schema.h"

namespace holdfast::records {
namespace {
constexpr auto query_time = std::chrono::seconds(5);

// The conditions of a query, and their parameters in order.
class Conditions {
 public:
  void text(const char* column, std::string_view value) {
    if (!value.empty()) add(fmt::format("{}=?", column), value);
  }
  void number(const char* condition, std::optional<std::int64_t> value) {
    if (value) add(condition, *value);
  }
  void before(const Cursor& cursor) {
    add("(started_us,id)<(?,?)", cursor.started_us);
    values_.emplace_back(cursor.id);
  }
  std::string sql() const { return sql_.empty() ? "" : " WHERE " + sql_; }
  void bind(store::Statement& statement) const {
    int index = 0;
    for (const auto& value : values_) {
      ++index;
      if (const auto* text = std::get_if<std::string_view>(&value))
        statement.bind(index, *text);
      else
        statement.bind(index, std::get<std::int64_t>(value));
    }
  }

 private:
  void add(const std::string& condition, std::variant<std::string_view, std::int64_t> value) {
    sql_ += (sql_.empty() ? "" : " AND ") + condition;
    values_.push_back(value);
  }
  std::string sql_;
  std::vector<std::variant<std::string_view, std::int64_t>> values_;
};

template <class T>
std::optional<std::int64_t> as_integer(const std::optional<T>& value) {
  if (!value) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

Conditions conditions_of(const Query& query) {
  Conditions conditions;
  conditions.number("started_us>=?", query.since_us);
  conditions.number("started_us<?", query.until_us);
  conditions.text("logical_model", query.logical_model);
  conditions.text("model", query.model);
  conditions.text("provider", query.provider);
  conditions.text("key_name", query.key_name);
  conditions.text("request_id", query.request_id);
  conditions.number("failure=?", as_integer(query.failure));
  conditions.number("status=?", as_integer(query.status));
  conditions.number("(state=1 AND flags&1)=?", as_integer(query.client_left));
  conditions.number("(state=2)=?", as_integer(query.unsettled));
  static_assert(shadow_attempt == 0);
  conditions.number("(attempt=0)=?", as_integer(query.shadow));
  return conditions;
}

constexpr std::string_view columns =
    "id, started_us, state, unsettled_reason, request_id, attempt, logical_model, provider, model, "
    "key_name, endpoint, features, ended_us, failure, status, answer_status, flags, tokens_in, "
    "tokens_out, tokens_cached, tokens_reasoning, first_content_us, total_us, bytes_sent, "
    "bytes_received, upstream_request_id, team, service, reserved_nano_usd, cost_nano_usd, "
    "charged_nano_usd, price_version";

Attempt read_attempt(const store::Statement& row) {
  Attempt attempt;
  int column = 1;
  const auto integer = [&] { return row.integer(column++); };
  const auto small = [&] { return static_cast<int>(row.integer(column++)); };
  const auto text = [&] { return std::string(row.text(column++)); };
  attempt.started_us = integer();
  attempt.state = static_cast<State>(integer());
  attempt.unsettled_reason = text();
  attempt.request_id = text();
  attempt.attempt = small();
  attempt.logical_model = text();
  attempt.provider = text();
  attempt.model = text();
  attempt.key_name = text();
  attempt.endpoint = static_cast<Endpoint>(integer());
  attempt.features = static_cast<std::uint32_t>(integer());
  constexpr int team_column = 26;
  attempt.team = row.text(team_column);
  attempt.service = row.text(team_column + 1);
  attempt.reserved_nano_usd = row.integer(team_column + 2);
  if (attempt.state != State::settled) return attempt;
  attempt.ended_us = integer();
  attempt.failure = static_cast<FailureClass>(integer());
  attempt.status = small();
  attempt.answer_status = small();
  const auto flags = static_cast<unsigned>(integer());
  attempt.client_left = (flags & client_left_flag) != 0;
  attempt.committed = (flags & committed_flag) != 0;
  attempt.usage_from_provider = (flags & from_provider_flag) != 0;
  attempt.continuation = (flags & continuation_flag) != 0;
  attempt.tokens_in = row.optional_integer(column++);
  attempt.tokens_out = row.optional_integer(column++);
  attempt.tokens_cached = row.optional_integer(column++);
  attempt.tokens_reasoning = row.optional_integer(column++);
  attempt.first_content_us = integer();
  attempt.total_us = integer();
  attempt.bytes_sent = integer();
  attempt.bytes_received = integer();
  attempt.upstream_request_id = text();
  attempt.cost_nano_usd = row.optional_integer(team_column + 3);
  attempt.charged_nano_usd = row.integer(team_column + 4);
  attempt.price_version = static_cast<std::uint32_t>(row.integer(team_column + 5));
  return attempt;
}

// A failover is an attempt and the one before it, of one request on one thread, at another target.
// The same id may have been used for several requests: the one before is the last such. A hedge
// stands beside one that is under way, has succeeded or has lost to it: no failover.
static_assert(static_cast<int>(FailureClass::none) == 0);
static_assert(static_cast<int>(FailureClass::hedge_lost) == 34);
constexpr std::string_view failovers_sql =
    "SELECT b.started_us, b.request_id, b.logical_model, a.provider, a.model, a.failure, a.status, "
    "b.provider, b.model FROM attempts b JOIN attempts a ON a.id = "
    "(SELECT max(p.id) FROM attempts p WHERE p.request_id=b.request_id AND p.run=b.run "
    "AND p.thread=b.thread AND p.attempt=b.attempt-1 AND p.id<b.id) "
    "WHERE b.attempt>1 AND a.failure NOT IN (0, 34) AND (a.provider<>b.provider OR "
    "a.model<>b.model) "
    "ORDER BY b.started_us DESC LIMIT ?";
}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::open:
      return "open";
    case State::settled:
      return "settled";
    case State::unsettled:
      return "unsettled";
  }
  return "open";
}

Result<Archive> Archive::open(const std::string& state_dir) {
  auto database = store::Database::open(database_path(state_dir), store::Access::read);
  if (!database) return std::unexpected(std::move(database).error());
  return Archive(*std::move(database));
}

Result<Page> Archive::requests(const Query& query) {
  database_.limit_time(query_time);
  if (query.limit < 1 || query.limit > page_limit_max)
    return fail(ErrorCode::invalid_request, fmt::format("limit: 1 to {}", page_limit_max));
  Conditions conditions = conditions_of(query);
  if (!query.cursor.empty()) {
    const auto cursor = decode_cursor(query.cursor);
    if (!cursor)
      return fail(ErrorCode::invalid_request, "cursor: not one that an earlier page gave");
    conditions.before(*cursor);
  }
  auto statement =
      database_.prepare(fmt::format("SELECT {} FROM attempts{} ORDER BY started_us DESC, id DESC "
                                    "LIMIT {}",
                                    columns, conditions.sql(), query.limit + 1));
  if (!statement) return std::unexpected(std::move(statement).error());
  conditions.bind(*statement);
  Page page;
  Cursor last;
  while (true) {
    auto row = statement->step();
    if (!row) return std::unexpected(std::move(row).error());
    if (!*row) break;
    if (page.attempts.size() == static_cast<std::size_t>(query.limit)) {
      page.next_cursor = encode(last);
      break;
    }
    page.attempts.push_back(read_attempt(*statement));
    last = {page.attempts.back().started_us, statement->integer(0)};
  }
  return page;
}

Result<std::vector<SpendingRow>> Archive::spending(SpendingBy by, std::int64_t from_day,
                                                   std::int64_t until_day) {
  database_.limit_time(query_time);
  return records::spending(database_, by, from_day, until_day);
}

Result<NanoUsd> Archive::charged_in(const SpendingScope& scope, std::int64_t from_day,
                                    std::int64_t until_day) {
  database_.limit_time(query_time);
  return records::charged_in(database_, scope, from_day, until_day);
}

Result<std::vector<Failover>> Archive::recent_failovers(int count) {
  database_.limit_time(query_time);
  if (count < 1 || count > page_limit_max)
    return fail(ErrorCode::invalid_request, fmt::format("count: 1 to {}", page_limit_max));
  auto statement = database_.prepare(failovers_sql);
  if (!statement) return std::unexpected(std::move(statement).error());
  statement->bind(1, std::int64_t{count});
  std::vector<Failover> failovers;
  while (true) {
    auto row = statement->step();
    if (!row) return std::unexpected(std::move(row).error());
    if (!*row) return failovers;
    const auto text = [&](int column) { return std::string(statement->text(column)); };
    failovers.push_back({.at_us = statement->integer(0),
                         .request_id = text(1),
                         .logical_model = text(2),
                         .from_provider = text(3),
                         .from_model = text(4),
                         .failure = static_cast<FailureClass>(statement->integer(5)),
                         .status = static_cast<int>(statement->integer(6)),
                         .to_provider = text(7),
                         .to_model = text(8)});
  }
}

}  // namespace holdfast::records
