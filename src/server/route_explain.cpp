#include "server/route_explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <optional>

#include "config/nearest.h"
#include "config/problem.h"

namespace holdfast::server {
namespace {

namespace json = boost::json;
using routing::PassedOver;

constexpr std::string_view header_prefix = "header.";
constexpr std::array<std::string_view, 13> known = {
    "model", "key",          "tokens", "max_tokens", "features", "stream", "endpoint",
    "user",  "conversation", "prefix", "request_id", "at_us",    "seed"};
constexpr std::size_t headers_most = 100;

std::string_view about(PassedOver reason) {
  switch (reason) {
    case PassedOver::no:
      return "would be tried";
    case PassedOver::region:
      return "not in the regions that the model or the key allows";
    case PassedOver::unfit:
      return "cannot serve what is asked";
    case PassedOver::condition:
      return "stands under a condition that does not hold";
    case PassedOver::context_window:
      return "what was too long for another is too long for it";
    case PassedOver::same_provider:
      return "its provider has refused the content";
    case PassedOver::cooling:
      return "waits out the time that its provider asked for";
    case PassedOver::open:
      return "its breaker is open, and last_resort is refuse";
    case PassedOver::maintenance:
      return "an operator has taken it out";
  }
  return {};
}

// Whether a target on trial would get a copy: empty; else why not, as PassedOver has it, or
// "share".
std::string_view shadow_reason(const Candidates::OnTrial& one, const routing::Facts& facts,
                               const routing::HealthTable& health, MonoTime now) {
  const PassedOver forbidden = routing::forbids(one.rule, facts);
  if (forbidden != PassedOver::no) return routing::to_string(forbidden);
  if (!facts.request_id.empty() && !routing::in_share(one.rule, facts.request_id)) return "share";
  if (!one.index) return {};
  switch (health.view(*one.index, now).state) {
    case routing::BreakerState::open:
      return routing::to_string(PassedOver::open);
    case routing::BreakerState::cooling:
      return routing::to_string(PassedOver::cooling);
    case routing::BreakerState::maintenance:
      return routing::to_string(PassedOver::maintenance);
    case routing::BreakerState::closed:
    case routing::BreakerState::half_open:
      break;
  }
  return {};
}

std::string about_shadow(std::string_view reason, double share, bool drawn) {
  if (reason.empty())
    return drawn ? std::string("would get a copy")
                 : fmt::format("would get a copy of {:g} requests in 100", share);
  if (reason == "share") return fmt::format("not among the {:g} in 100 that are copied", share);
  if (reason == "region") return "not in the regions that the model or the key allows: no copy";
  if (reason == "condition") return "its condition does not hold: no copy";
  if (reason == "open") return "its breaker is open: no copy";
  if (reason == "cooling") return "waits out the time that its provider asked for: no copy";
  return "an operator has taken it out: no copy";
}

// What the facts view lives here.
class Question {
 public:
  Question(const Supposed& supposed, std::span<const identity::KeySettings> keys,
           std::int64_t wall_us)
      : supposed_(supposed), keys_(keys) {
    facts_.wall_us = wall_us;
  }

  // What is wrong; nothing: the facts are there.
  std::optional<std::string> read() {
    for (const auto& [name, value] : supposed_) {
      if (name.starts_with(header_prefix) && name.size() > header_prefix.size()) {
        if (headers_.fields.size() >= headers_most)
          return fmt::format("more than {} headers", headers_most);
        headers_.fields.push_back({std::string_view(name).substr(header_prefix.size()), value});
      } else if (std::ranges::find(known, name) == known.end()) {
        return fmt::format("unknown field \"{}\"{}; there are {}, header.NAME",
                           config::printable(name.substr(0, 64)), meant(name, known),
                           fmt::join(known, ", "));
      }
    }
    facts_.headers = &headers_;
    if (auto wrong = read_key()) return wrong;
    if (auto wrong = read_features()) return wrong;
    if (!number("tokens", facts_.tokens_in) || !number("max_tokens", facts_.max_tokens) ||
        !number("at_us", facts_.wall_us) || !number("seed", seed_))
      return "tokens, max_tokens, at_us and seed must be whole numbers, not negative";
    facts_.request_id = text("request_id");
    facts_.user = hash("user");
    facts_.conversation = hash("conversation");
    facts_.prefix = hash("prefix");
    return read_endpoint();
  }
  routing::Facts& facts() { return facts_; }
  std::uint64_t seed() const { return static_cast<std::uint64_t>(seed_); }

 private:
  template <class Names>
  static std::string meant(const std::string& name, const Names& names) {
    const std::vector<std::string_view> views(names.begin(), names.end());
    const std::string said = config::did_you_mean(name, views);
    return said.empty() ? said : "; " + said;
  }

  std::string_view text(const char* name) const {
    const auto found = supposed_.find(name);
    return found == supposed_.end() ? std::string_view() : std::string_view(found->second);
  }
  std::uint64_t hash(const char* name) const {
    return text(name).empty() ? 0 : routing::stable_hash(text(name));
  }
  bool number(const char* name, std::int64_t& into) const {
    const std::string_view digits = text(name);
    if (digits.empty()) return true;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), into);
    return error == std::errc() && end == digits.data() + digits.size() && into >= 0;
  }

  std::optional<std::string> read_key() {
    const std::string_view name = text("key");
    if (name.empty()) return std::nullopt;
    const auto found = std::ranges::find(keys_, name, &identity::KeySettings::name);
    if (found == keys_.end()) {
      std::vector<std::string_view> names;
      for (const auto& one : keys_) names.emplace_back(one.name);
      return fmt::format("key: there is no \"{}\"{}; there are {}", config::printable(name),
                         meant(std::string(name), names), fmt::join(names, ", "));
    }
    facts_.key = found->name;
    facts_.team = found->team;
    facts_.service = found->service;
    facts_.service_class = found->service_class;
    facts_.sensitivity = found->sensitivity;
    facts_.region = found->region;
    facts_.regions = found->regions;
    return std::nullopt;
  }

  std::optional<std::string> read_features() {
    std::vector<std::string_view> names;
    names.reserve(records::feature_count);
    for (std::size_t i = 0; i < records::feature_count; ++i)
      names.push_back(records::to_string(records::feature_at(i)));
    for (std::string_view rest = text("features"); !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view one = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      const auto found = std::ranges::find(names, one);
      if (found == names.end())
        return fmt::format("features: there is no \"{}\"{}; there are {}", config::printable(one),
                           meant(std::string(one), names), fmt::join(names, ", "));
      facts_.features |=
          records::bit(records::feature_at(static_cast<std::size_t>(found - names.begin())));
    }
    const std::string_view stream = text("stream");
    if (!stream.empty() && stream != "true" && stream != "false")
      return "stream must be true or false";
    if (stream == "true") facts_.features |= records::bit(records::Feature::stream);
    facts_.stream = (facts_.features & records::bit(records::Feature::stream)) != 0;
    return std::nullopt;
  }

  std::optional<std::string> read_endpoint() {
    const std::string_view name = text("endpoint");
    if (name.empty()) return std::nullopt;
    std::vector<std::string_view> names;
    names.reserve(records::endpoint_count);
    for (std::size_t i = 0; i < records::endpoint_count; ++i)
      names.push_back(records::to_string(static_cast<records::Endpoint>(i)));
    const auto found = std::ranges::find(names, name);
    if (found == names.end())
      return fmt::format("endpoint: there is no \"{}\"{}; there are {}", config::printable(name),
                         meant(std::string(name), names), fmt::join(names, ", "));
    facts_.endpoint = static_cast<records::Endpoint>(found - names.begin());
    return std::nullopt;
  }

  const Supposed& supposed_;
  std::span<const identity::KeySettings> keys_;
  routing::Facts facts_;
  net::HeaderFields headers_;
  std::int64_t seed_ = 0;
};

// A scalar of JSON as the query would have it.
std::optional<std::string> scalar(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  if (value.is_int64()) return fmt::format("{}", value.get_int64());
  if (value.is_uint64()) return fmt::format("{}", value.get_uint64());
  return std::nullopt;
}

// `text` behind `indent`, broken at spaces.
std::string folded(const std::string& indent, const std::string& text, std::size_t columns) {
  std::string out = indent;
  std::size_t width = indent.size();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    if (columns != 0 && width > indent.size() && width + 1 + (end - begin) > columns) {
      out += "\n" + std::string(indent.size(), ' ');
      width = indent.size();
    } else if (begin != 0) {
      out += ' ';
      ++width;
    }
    out.append(text, begin, end - begin);
    width += end - begin;
    begin = end + 1;
  }
  return out + "\n";
}

std::string name_of(const json::value& target) {
  return fmt::format("{}/{}", std::string(target.at("provider").as_string()),
                     std::string(target.at("model").as_string()));
}

}  // namespace

std::expected<Supposed, std::string> read_supposed(const json::value& request) {
  const json::object* const object = request.if_object();
  if (object == nullptr) return std::unexpected("the request must be a JSON object");
  Supposed out;
  for (const auto& [key, value] : *object) {
    const std::string name(key);
    if (name == "header" && value.is_object()) {
      for (const auto& [header, text] : value.get_object()) {
        if (!text.is_string()) return std::unexpected("header: every value must be a text");
        out[std::string(header_prefix) + std::string(header)] = text.get_string();
      }
    } else if (name == "features" && value.is_array()) {
      std::string& features = out[name];
      for (const json::value& one : value.get_array()) {
        if (!one.is_string()) return std::unexpected("features must be a list of texts");
        features += (features.empty() ? "" : ",") + std::string(one.get_string());
      }
    } else if (auto text = scalar(value)) {
      out[name] = std::move(*text);
    } else {
      return std::unexpected(fmt::format("{}: must be a text, a whole number, true or false",
                                         config::printable(name)));
    }
  }
  return out;
}

std::expected<json::value, std::string> explain_route(const Candidates& candidates,
                                                      const Supposed& supposed,
                                                      std::span<const identity::KeySettings> keys,
                                                      const routing::HealthTable& health,
                                                      const routing::LoadTable& load, MonoTime now,
                                                      std::int64_t wall_us) {
  Question question(supposed, keys, wall_us);
  if (auto wrong = question.read()) return std::unexpected(std::move(*wrong));
  question.facts().model = candidates.model;
  Random random(question.seed());
  const routing::Explanation why =
      routing::explain(candidates.route, question.facts(), health, load, random, now);
  const auto target = [&](std::size_t position) {
    return json::object{{"provider", candidates.targets[position].first},
                        {"model", candidates.targets[position].second}};
  };
  json::array order;
  json::array passed_over;
  json::array decisions;
  for (const auto& choice : why.order) {
    json::object one = target(choice.position);
    one["last_resort"] = choice.last_resort;
    order.push_back(std::move(one));
  }
  for (std::size_t i = 0; i < why.passed_over.size(); ++i) {
    if (why.passed_over[i] == PassedOver::no) continue;
    json::object one = target(i);
    one["reason"] = routing::to_string(why.passed_over[i]);
    one["about"] = about(why.passed_over[i]);
    passed_over.push_back(std::move(one));
  }
  for (const auto& decision : why.decisions)
    decisions.push_back(
        json::object{{"group", routing::path_of(candidates.route, decision.node, candidates.model)},
                     {"policy", routing::to_string(candidates.route.nodes[decision.node].policy)},
                     {"why", decision.why}});
  json::array shadows;
  for (const Candidates::OnTrial& one : candidates.shadows) {
    const std::string_view reason = shadow_reason(one, question.facts(), health, now);
    const double share = one.rule.share / 100.0;
    shadows.push_back(
        json::object{{"provider", one.provider},
                     {"model", one.model},
                     {"share", share},
                     {"reason", reason.empty() ? json::value() : json::value(reason)},
                     {"about", about_shadow(reason, share, !question.facts().request_id.empty())}});
  }
  return json::object{{"model", candidates.model},
                      {"order", std::move(order)},
                      {"passed_over", std::move(passed_over)},
                      {"decisions", std::move(decisions)},
                      {"shadows", std::move(shadows)}};
}

std::string describe_route(const json::value& explanation, std::size_t columns) {
  std::string out = folded(
      "", fmt::format("model {}", std::string(explanation.at("model").as_string())), columns);
  const json::array& order = explanation.at("order").as_array();
  out += order.empty() ? "nobody would be tried\n" : "tried, in this order\n";
  for (std::size_t i = 0; i < order.size(); ++i)
    out += folded(fmt::format("  {:>2}  ", i + 1),
                  name_of(order[i]) + (order[i].at("last_resort").as_bool()
                                           ? ", as the last resort: its breaker is open"
                                           : ""),
                  columns);
  const json::array& passed_over = explanation.at("passed_over").as_array();
  if (!passed_over.empty()) out += "passed over\n";
  for (const json::value& one : passed_over)
    out += folded("   -  ",
                  fmt::format("{}: {}", name_of(one), std::string(one.at("about").as_string())),
                  columns);
  const json::array& decisions = explanation.at("decisions").as_array();
  if (!decisions.empty()) out += "because\n";
  for (const json::value& one : decisions)
    out += folded("      ",
                  fmt::format("{} ({}): {}", std::string(one.at("group").as_string()),
                              std::string(one.at("policy").as_string()),
                              std::string(one.at("why").as_string())),
                  columns);
  const json::array& shadows = explanation.at("shadows").as_array();
  if (!shadows.empty()) out += "on trial\n";
  for (const json::value& one : shadows)
    out += folded("   -  ",
                  fmt::format("{}: {}", name_of(one), std::string(one.at("about").as_string())),
                  columns);
  return out;
}

}  // namespace holdfast::server
