// The table of the administrative side: one line per path.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <set>

#include "audit/reader.h"
#include "console/status_page.h"
#include "server/admin.h"
#include "server/alerts.h"
#include "server/auditing.h"
#include "server/budget_keeper.h"
#include "server/key_actions.h"
#include "server/people_actions.h"
#include "server/prices.h"
#include "server/regions.h"
#include "server/route_explain.h"
#include "server/sign_in.h"
#include "server/status.h"
#include "server/target_actions.h"

namespace holdfast::limits {
inline constexpr std::size_t audit_page_bytes = 1U << 20U;  // of entries in one answer
}

namespace holdfast::server {
namespace {

namespace json = boost::json;

AdminAnswer answer_json(const json::value& body, int status = 200) {
  return {status, "application/json", json::serialize(body)};
}

AdminAnswer answer_status_page(AdminState&, const QueryFields&) {
  return {200, "text/html; charset=utf-8", std::string(console::status_page())};
}

AdminAnswer answer_healthz(AdminState&, const QueryFields&) {
  return {200, "application/json", R"({"status":"ok"})"};
}

AdminAnswer answer_readyz(AdminState& state, const QueryFields&) {
  json::array warnings;  // they name providers: for those who may read
  if (state.local && state.settings.open_reading)
    for (const std::string& warning : warnings_of(state)) warnings.emplace_back(warning);
  const bool ready = !state.draining;
  return answer_json({{"status", ready ? "ready" : "draining"}, {"warnings", std::move(warnings)}},
                     ready ? 200 : 503);
}

AdminAnswer answer_metrics(AdminState& state, const QueryFields&) {
  return {200, "text/plain; version=0.0.4; charset=utf-8", state.registry.expose()};
}

AdminAnswer answer_openapi(AdminState&, const QueryFields&) {
  return {200, "application/json", std::string(openapi_document())};
}

AdminAnswer answer_status(AdminState& state, const QueryFields&) {
  return answer_json(status_json(state));
}

AdminAnswer answer_providers(AdminState& state, const QueryFields&) {
  return answer_json(providers_json(state));
}

AdminAnswer answer_alerts(AdminState& state, const QueryFields&) {
  return answer_json(state.alerts->to_json());
}

AdminAnswer answer_regions(AdminState& state, const QueryFields&) {
  return answer_json(regions_json(state));
}

AdminAnswer answer_targets(AdminState& state, const QueryFields&) {
  return answer_json(targets_json(state));
}

// Reads a field into `out`; false when it is there and is not what it must be.
bool read_number(const QueryFields& fields, const char* name, std::optional<std::int64_t>& out) {
  const auto found = fields.find(name);
  if (found == fields.end()) return true;
  std::int64_t number = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return false;
  out = number;
  return true;
}

bool read_flag(const QueryFields& fields, const char* name, std::optional<bool>& out) {
  const auto found = fields.find(name);
  if (found == fields.end()) return true;
  if (found->second != "true" && found->second != "false") return false;
  out = found->second == "true";
  return true;
}

AdminAnswer bad_field(std::string_view name, std::string_view allowed) {
  return admin_problem(400, "invalid_query", fmt::format("{} must be {}", name, allowed));
}

AdminAnswer answer_requests(AdminState& state, const QueryFields& fields) {
  static const std::set<std::string, std::less<>> known = {
      "since_us", "until_us", "model",       "target_model", "provider", "key",    "request_id",
      "failure",  "status",   "client_left", "unsettled",    "limit",    "cursor", "shadow"};
  for (const auto& [name, value] : fields)
    if (!known.contains(name)) {
      std::string all;
      for (const auto& one : known) all += (all.empty() ? "" : ", ") + one;
      return admin_problem(
          400, "invalid_query",
          fmt::format("unknown filter '{}'; there are {}", name.substr(0, 64), all));
    }
  const auto text = [&fields](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  };
  records::Query query;
  query.logical_model = text("model");
  query.model = text("target_model");
  query.provider = text("provider");
  query.key_name = text("key");
  query.request_id = text("request_id");
  query.cursor = text("cursor");
  std::optional<std::int64_t> status, limit;
  if (!read_number(fields, "since_us", query.since_us) ||
      !read_number(fields, "until_us", query.until_us))
    return bad_field("since_us and until_us", "microseconds since 1970, UTC");
  if (!read_number(fields, "status", status) || status.value_or(0) > 599)
    return bad_field("status", "an HTTP status");
  if (!read_number(fields, "limit", limit) || limit.value_or(1) < 1 ||
      limit.value_or(1) > records::page_limit_max)
    return bad_field("limit", fmt::format("from 1 to {}", records::page_limit_max));
  if (!read_flag(fields, "client_left", query.client_left) ||
      !read_flag(fields, "unsettled", query.unsettled) ||
      !read_flag(fields, "shadow", query.shadow))
    return bad_field("client_left, unsettled and shadow", "true or false");
  if (status) query.status = static_cast<int>(*status);
  if (limit) query.limit = static_cast<int>(*limit);
  if (const std::string failure = text("failure"); !failure.empty()) {
    query.failure = failure_class_from(failure);
    if (!query.failure) return bad_field("failure", "a failure class, or none");
  }
  auto archive = records::Archive::open(state.state_dir);
  if (!archive) return admin_problem(503, "records_unavailable", archive.error().detail);
  auto page = archive->requests(query);
  if (!page)
    return admin_problem(
        page.error().code == ErrorCode::invalid_request ? 400 : 503,
        page.error().code == ErrorCode::invalid_request ? "invalid_query" : "records_unavailable",
        page.error().detail);
  return answer_json(records::to_json(*page));
}

AdminAnswer answer_route_explain(AdminState& state, const QueryFields& fields) {
  const auto named = fields.find("model");
  const auto found = state.snapshot->models.find(named == fields.end() ? "" : named->second);
  if (found == state.snapshot->models.end())
    return bad_field("model", "the name of a configured model");
  const routing::Model& model = found->second;
  Candidates candidates{model.name, model.route, {}};
  for (const routing::Target& target : model.targets)
    candidates.targets.emplace_back(target.provider->name, target.model);
  for (const routing::Shadow& shadow : model.shadows)
    candidates.shadows.push_back(
        {shadow.target.provider->name, shadow.target.model, shadow.rule, shadow.index});
  const auto explained = explain_route(candidates, fields, state.settings.keys, state.health,
                                       state.load, state.clock.now(), state.clock.wall_us());
  if (!explained) return admin_problem(400, "invalid_query", explained.error());
  return answer_json(*explained);
}

AdminAnswer answer_budgets(AdminState& state, const QueryFields&) {
  if (state.budgets == nullptr) return answer_json(json::object{{"data", json::array()}});
  return answer_json(state.budgets->to_json());
}

AdminAnswer answer_prices(AdminState& state, const QueryFields&) {
  return answer_json(to_json(list_prices(state.settings), state.clock.wall_us()));
}

AdminAnswer answer_audit(AdminState& state, const QueryFields& fields) {
  constexpr std::int64_t usual = 100, most = 1'000;
  for (const auto& [name, value] : fields)
    if (name != "from" && name != "limit")
      return admin_problem(
          400, "invalid_query",
          fmt::format("unknown field '{}'; there are from and limit", name.substr(0, 64)));
  std::optional<std::int64_t> from, limit;
  if (!read_number(fields, "from", from)) return bad_field("from", "the index of an entry");
  if (!read_number(fields, "limit", limit) || limit.value_or(1) < 1 || limit.value_or(1) > most)
    return bad_field("limit", fmt::format("from 1 to {}", most));
  const auto unavailable = [](const Error& error) {
    return admin_problem(503, "audit_unavailable", error.detail);
  };
  const auto reader = audit::Reader::open(state.state_dir + "/audit");
  if (!reader) return unavailable(reader.error());
  const auto size = reader->size();
  if (!size) return unavailable(size.error());
  const auto count = static_cast<std::uint64_t>(limit.value_or(usual));
  const std::uint64_t last = *size > count ? *size - count : 0;
  const std::uint64_t first = from ? static_cast<std::uint64_t>(*from) : last;
  const auto lines = reader->lines(first, count, limits::audit_page_bytes);
  if (!lines) return unavailable(lines.error());
  const auto last_signed = reader->last_signed(state.auditing.log().key());
  if (!last_signed) return unavailable(last_signed.error());
  const json::object about{
      {"entries", *size},
      {"next_from",
       first + lines->size() < *size ? json::value(first + lines->size()) : json::value()},
      {"key", state.auditing.log().key().text()},
      {"checkpoint", *last_signed ? json::value((*last_signed)->note) : json::value()}};
  std::string body = json::serialize(about);
  body.back() = ',';  // what was signed for goes out as it was
  body += fmt::format(R"("data":[{}]}})", fmt::join(*lines, ","));
  return {200, "application/json", std::move(body)};
}

// A value as RFC 4180 has it.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

AdminAnswer costs_as_csv(const std::vector<records::SpendingRow>& rows, std::string_view by) {
  std::string text = fmt::format(
      "{},attempts,unknown,cost_nano_usd,charged_nano_usd,tokens_in,tokens_out\r\n", by);
  for (const records::SpendingRow& row : rows)
    text += fmt::format("{},{},{},{},{},{},{}\r\n", csv_field(row.name), row.attempts, row.unknown,
                        row.cost.value, row.charged.value, row.tokens_in, row.tokens_out);
  return {200, "text/csv; charset=utf-8", std::move(text)};
}

AdminAnswer answer_costs(AdminState& state, const QueryFields& fields) {
  std::string by_name = "provider", format = "json";
  std::int64_t until = records::day_of(state.clock.wall_us()) + 1;
  std::optional<std::int64_t> from;
  for (const auto& [name, value] : fields) {
    if (name == "by") {
      by_name = value;
    } else if (name == "format") {
      format = value;
    } else if (name == "from" || name == "to") {
      const auto date = records::parse_date(value);
      if (!date) return bad_field(name, "a day of UTC, as in 2026-11-27");
      if (name == "from")
        from = records::day_of(*date);
      else
        until = records::day_of(*date) + 1;
    } else {
      return admin_problem(
          400, "invalid_query",
          fmt::format("unknown field '{}'; there are by, format, from, to", name.substr(0, 64)));
    }
  }
  const auto by = records::spending_by_from(by_name);
  if (!by) return bad_field("by", "provider, model, logical_model, key, team, service or day");
  if (format != "json" && format != "csv") return bad_field("format", "json or csv");
  constexpr std::int64_t usual_days = 30;
  auto archive = records::Archive::open(state.state_dir);
  if (!archive) return admin_problem(503, "records_unavailable", archive.error().detail);
  const auto rows = archive->spending(*by, from.value_or(until - usual_days), until);
  if (!rows) return admin_problem(503, "records_unavailable", rows.error().detail);
  if (format == "csv") return costs_as_csv(*rows, by_name);
  json::array data;
  for (const records::SpendingRow& row : *rows) data.push_back(records::to_json(row));
  return answer_json(json::object{{"by", by_name}, {"data", std::move(data)}});
}

using enum identity::Permission;

constexpr AdminRoute routes[] = {
    {"/", read, answer_status_page},
    {"/login", sign_in, answer_login_page},
    {"/healthz", probe, answer_healthz},
    {"/readyz", probe, answer_readyz},
    {"/metrics", read, answer_metrics},
    {"/openapi.json", read, answer_openapi},
    {"/api/v1/status", read, answer_status},
    {"/api/v1/providers", read, answer_providers},
    {"/api/v1/alerts", read, answer_alerts},
    {"/api/v1/requests", read, answer_requests},
    {"/api/v1/budgets", read, answer_budgets},
    {"/api/v1/prices", read, answer_prices},
    {"/api/v1/costs", read, answer_costs},
    {"/api/v1/route/explain", read, answer_route_explain},
    {"/api/v1/regions", read, answer_regions},
    {"/api/v1/audit", read_audit, answer_audit},
    {"/api/v1/targets", read, answer_targets, operate, act_on_target},
    {"/api/v1/keys", read, answer_keys, manage_keys, act_on_key},
    {"/api/v1/session", own_session, answer_session, sign_in, act_sign_in},
    {"/api/v1/session/end", own_session, act_sign_out},
    {"/api/v1/people", manage_people, answer_people, manage_people, act_on_people},
    {"/api/v1/tokens", manage_people, answer_tokens, manage_people, act_on_tokens},
};

}  // namespace

std::span<const AdminRoute> admin_routes() { return routes; }

}  // namespace holdfast::server
