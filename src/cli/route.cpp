#include "cli/route.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <memory>

#include "cli/check.h"
#include "config/document.h"
#include "config/nearest.h"
#include "server/route_explain.h"

namespace holdfast::cli {
namespace {

constexpr std::size_t input_bytes = 1U << 20U;
constexpr int wrong_input = 1;

Outcome refuse(const std::string& what) {
  return {wrong_input, {}, fmt::format("holdfast route explain: {}\n", what)};
}

std::expected<boost::json::value, std::string> read_json(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::unexpected(fmt::format("{} cannot be read", path));
  std::string text;
  text.resize(input_bytes + 1);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > input_bytes)
    return std::unexpected(fmt::format("{} is larger than {} bytes", path, input_bytes));
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(text, error);
  if (error) return std::unexpected(fmt::format("{} is not JSON: {}", path, error.message()));
  return value;
}

struct Supposed {
  std::unique_ptr<routing::HealthTable> health = std::make_unique<routing::HealthTable>();
  std::unique_ptr<routing::LoadTable> load = std::make_unique<routing::LoadTable>();
};

// A number from 0 that may be missing; nothing when it is something else.
std::optional<double> number(const boost::json::object& of, std::string_view name) {
  const boost::json::value* const value = of.if_contains(name);
  if (value == nullptr) return -1;
  if (!value->is_number()) return std::nullopt;
  const auto found = value->to_number<double>();
  return found >= 0 ? std::optional(found) : std::nullopt;
}

// Notes one entry of the file of health; what is wrong with it, or nothing.
std::string suppose(const boost::json::value& entry, const server::Candidates& candidates,
                    MonoTime now, Supposed& into) {
  using namespace std::chrono_literals;
  const boost::json::object* const object = entry.if_object();
  if (object == nullptr) return "every target must be an object";
  constexpr std::array<std::string_view, 6> known = {"provider",  "model",          "state",
                                                     "in_flight", "first_token_ms", "per_token_ms"};
  for (const auto& [key, value] : *object)
    if (std::ranges::find(known, std::string_view(key)) == known.end())
      return fmt::format("unknown field \"{}\"; there are {}",
                         config::printable(std::string_view(key)), fmt::join(known, ", "));
  const auto text = [object](std::string_view name) {
    const boost::json::value* const value = object->if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string())
                                                  : std::string();
  };
  const std::pair name(text("provider"), text("model"));
  const auto found = std::ranges::find(candidates.targets, name);
  if (found == candidates.targets.end())
    return fmt::format("the model {} has no target {}/{}", candidates.model,
                       config::printable(name.first), config::printable(name.second));
  const auto position = static_cast<std::size_t>(found - candidates.targets.begin());
  const std::uint16_t index = candidates.route.leaves[position].index;
  const std::string state = text("state");
  if (state == "open")
    into.health->failed(index, FailureClass::connect, 0, now, 0, std::nullopt);
  else if (state == "cooling")
    into.health->failed(index, FailureClass::rate_limited, 0, now, 0, 60s);
  else if (state != "closed" && object->contains("state"))
    return "state must be closed, open or cooling";
  const auto in_flight = number(*object, "in_flight");
  const auto first = number(*object, "first_token_ms");
  const auto per = number(*object, "per_token_ms");
  if (!in_flight || !first || !per)
    return "in_flight, first_token_ms and per_token_ms must be numbers, not negative";
  constexpr double most_in_flight = 1e9;
  into.load->suppose(index, static_cast<std::int64_t>(std::min(*in_flight, most_in_flight)),
                     *first * 1000, *per * 1000, now);
  return {};
}

std::string read_health(const std::string& path, const server::Candidates& candidates, MonoTime now,
                        Supposed& into) {
  if (path.empty()) return {};
  const auto read = read_json(path);
  if (!read) return read.error();
  const boost::json::object* const object = read->if_object();
  const boost::json::value* const targets =
      object == nullptr ? nullptr : object->if_contains("targets");
  if (targets == nullptr || !targets->is_array())
    return fmt::format("{}: must be an object with a list targets", path);
  for (const boost::json::value& entry : targets->get_array())
    if (std::string wrong = suppose(entry, candidates, now, into); !wrong.empty())
      return fmt::format("{}: {}", path, wrong);
  return {};
}

std::string unknown_model(const std::string& name,
                          const std::vector<routing::ModelSettings>& models) {
  std::vector<std::string_view> names;
  names.reserve(models.size());
  for (const auto& one : models) names.emplace_back(one.name);
  const std::string meant = config::did_you_mean(name, names);
  return fmt::format("the request's model \"{}\" is not configured{}; there are {}",
                     config::printable(name), meant.empty() ? "" : "; " + meant,
                     fmt::join(names, ", "));
}

}  // namespace

Outcome explain_route(const RouteArguments& arguments, bool json, std::size_t columns) {
  const auto settings = server::read_settings(config::load(arguments.config_path));
  if (!settings) return check_config(arguments.config_path, {}, json, columns);
  const auto request = read_json(arguments.request_path);
  if (!request) return refuse(request.error());
  const auto supposed = server::read_supposed(*request);
  if (!supposed) return refuse(fmt::format("{}: {}", arguments.request_path, supposed.error()));
  const auto named = supposed->find("model");
  const std::string name = named == supposed->end() ? std::string() : named->second;
  const auto model = std::ranges::find(settings->models, name, &routing::ModelSettings::name);
  if (model == settings->models.end()) return refuse(unknown_model(name, settings->models));

  std::vector<std::uint16_t> indices;
  std::vector<std::pair<std::string, std::string>> targets;
  for (const routing::TargetSettings& target : model->targets) {
    indices.push_back(static_cast<std::uint16_t>(indices.size()));
    targets.emplace_back(target.provider, target.model);
  }
  const routing::Route route = routing::make_route(*model, indices);
  server::Candidates candidates{model->name, route, std::move(targets)};
  const std::vector<routing::ShadowRule> rules = routing::shadow_rules(*model);
  for (std::size_t i = 0; i < rules.size(); ++i)
    candidates.shadows.push_back(
        {model->shadows[i].target.provider, model->shadows[i].target.model, rules[i], {}});
  Supposed world;
  const MonoTime now = system_clock().now();
  if (std::string wrong = read_health(arguments.health_path, candidates, now, world);
      !wrong.empty())
    return refuse(wrong);
  const auto explained = server::explain_route(candidates, *supposed, settings->keys, *world.health,
                                               *world.load, now, system_clock().wall_us());
  if (!explained) return refuse(fmt::format("{}: {}", arguments.request_path, explained.error()));
  if (json) return {0, boost::json::serialize(*explained) + "\n", {}};
  return {0, server::describe_route(*explained, columns), {}};
}

}  // namespace holdfast::cli
