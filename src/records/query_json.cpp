#include <fmt/format.h>

#include <boost/json.hpp>

#include "records/query.h"

namespace holdfast::records {
namespace {
namespace json = boost::json;

json::value or_null(const std::optional<std::int64_t>& value) {
  return value ? json::value(*value) : json::value();
}
json::value or_null(const std::string& text) {
  return text.empty() ? json::value() : json::value(text);
}
json::value or_null(int status) { return status == 0 ? json::value() : json::value(status); }

// As people compare them: eight digits of hexadecimal.
json::value version_of(std::uint32_t version) {
  return version == 0 ? json::value() : json::value(fmt::format("{:08x}", version));
}

json::array features_of(std::uint32_t features) {
  json::array names;
  for (std::size_t i = 0; i < feature_count; ++i)
    if ((features & bit(feature_at(i))) != 0) names.emplace_back(to_string(feature_at(i)));
  return names;
}
}  // namespace

json::value to_json(const Attempt& attempt) {
  json::object object = {{"request_id", attempt.request_id},
                         {"attempt", attempt.attempt},
                         {"shadow", attempt.shadow()},
                         {"state", to_string(attempt.state)},
                         {"unsettled_reason", or_null(attempt.unsettled_reason)},
                         {"started_us", attempt.started_us},
                         {"logical_model", attempt.logical_model},
                         {"provider", attempt.provider},
                         {"model", attempt.model},
                         {"endpoint", to_string(attempt.endpoint)},
                         {"key_name", or_null(attempt.key_name)},
                         {"team", or_null(attempt.team)},
                         {"service", or_null(attempt.service)},
                         {"reserved_nano_usd", attempt.reserved_nano_usd},
                         {"features", features_of(attempt.features)}};
  if (attempt.state != State::settled) return object;
  object["ended_us"] = attempt.ended_us;
  object["failure"] = to_string(attempt.failure);
  object["status"] = or_null(attempt.status);
  object["answer_status"] = or_null(attempt.answer_status);
  object["tokens_in"] = or_null(attempt.tokens_in);
  object["tokens_out"] = or_null(attempt.tokens_out);
  object["tokens_cached"] = or_null(attempt.tokens_cached);
  object["tokens_reasoning"] = or_null(attempt.tokens_reasoning);
  object["usage_from_provider"] = attempt.usage_from_provider;
  object["first_content_us"] =
      attempt.first_content_us < 0 ? json::value() : json::value(attempt.first_content_us);
  object["total_us"] = attempt.total_us;
  object["bytes_sent"] = attempt.bytes_sent;
  object["bytes_received"] = attempt.bytes_received;
  object["client_left"] = attempt.client_left;
  object["committed"] = attempt.committed;
  object["continuation"] = attempt.continuation;
  object["upstream_request_id"] = or_null(attempt.upstream_request_id);
  object["cost_nano_usd"] = or_null(attempt.cost_nano_usd);
  object["charged_nano_usd"] = attempt.charged_nano_usd;
  object["price_version"] = version_of(attempt.price_version);
  return object;
}

json::value to_json(const Page& page) {
  json::array data;
  for (const Attempt& attempt : page.attempts) data.push_back(to_json(attempt));
  return {{"data", std::move(data)}, {"next_cursor", or_null(page.next_cursor)}};
}

json::value to_json(const Failover& failover) {
  return {{"at_us", failover.at_us},
          {"request_id", failover.request_id},
          {"logical_model", failover.logical_model},
          {"from", {{"provider", failover.from_provider}, {"model", failover.from_model}}},
          {"failure", to_string(failover.failure)},
          {"status", or_null(failover.status)},
          {"to", {{"provider", failover.to_provider}, {"model", failover.to_model}}}};
}

}  // namespace holdfast::records
