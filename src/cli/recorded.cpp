#include "cli/recorded.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "identity/keys.h"

namespace holdfast::cli {
namespace {
constexpr std::size_t endpoints = records::endpoint_count;

bool has_model(const server::Settings& settings, std::string_view name) {
  return std::ranges::find(settings.models, name, &routing::ModelSettings::name) !=
         settings.models.end();
}

// "3 embeddings, 1 rerank"
std::string counted(const std::map<std::string, std::uint64_t>& counts) {
  std::string out;
  for (const auto& [name, count] : counts)
    fmt::format_to(std::back_inserter(out), "{}{} {}", out.empty() ? "" : ", ", count, name);
  return out;
}

// Requests of keys that are no more, or may not ask for the model any more.
std::map<std::string, std::uint64_t> strangers(const simulation::Script& script,
                                               std::string_view model,
                                               const server::Settings& settings) {
  std::map<std::string, std::uint64_t> out;
  if (settings.keys.empty()) return out;
  std::vector<bool> known;
  for (const std::string& name : script.keys) {
    const auto found = std::ranges::find(settings.keys, name, &identity::KeySettings::name);
    known.push_back(found != settings.keys.end() && identity::may_use(&*found, model));
  }
  for (const simulation::Asked& asked : script.requests) {
    const std::string& name = script.keys[asked.key];
    if (!known[asked.key]) ++out[name.empty() ? "without a key" : "of " + name];
  }
  return out;
}

std::map<std::string, std::uint64_t> unsaid_features(const simulation::Script& script) {
  std::map<std::string, std::uint64_t> out;
  for (const simulation::Asked& asked : script.requests) {
    const std::uint32_t left = simulation::unsaid(asked.features);
    for (std::size_t i = 0; i < records::feature_count; ++i)
      if ((left & bit(records::feature_at(i))) != 0)
        ++out["with " + std::string(to_string(records::feature_at(i)))];
  }
  return out;
}

void note_warnings(const records::PastTraffic& past, const server::Settings& settings,
                   Recorded& into) {
  std::map<std::string, std::uint64_t> others;
  for (std::size_t i = 0; i < endpoints; ++i)
    if (past.left_out[i] > 0)
      others[std::string(to_string(static_cast<records::Endpoint>(i)))] = past.left_out[i];
  if (!others.empty())
    into.warnings.push_back(
        fmt::format("requests that are no conversations are left out: {}", counted(others)));
  for (const auto& [model, script] : into.scripts) {
    const auto whose = strangers(script, model, settings);
    if (!whose.empty())
      into.warnings.push_back(
          fmt::format("no such key may use the model {} now, so these requests come with the first "
                      "key that may: {}",
                      model, counted(whose)));
    const auto without = unsaid_features(script);
    if (!without.empty())
      into.warnings.push_back(
          fmt::format("these requests for the model {} come without what they made use of: {}",
                      model, counted(without)));
  }
}
}  // namespace

Result<Recorded> read_recorded(const simulation::Scenario& scenario,
                               const server::Settings& settings) {
  const simulation::Traffic& traffic = scenario.traffic;
  const auto past = records::read_past(traffic.recorded, traffic.from_us, traffic.until_us);
  if (!past) return std::unexpected(past.error());
  auto scripts = simulation::scripts_of(*past, traffic);
  if (!scripts) return std::unexpected(std::move(scripts).error());
  if (!scenario.model.empty()) {
    if (!scripts->contains(scenario.model))
      return fail(ErrorCode::configuration,
                  fmt::format("{} has no request for the model {} in this time; it has some for {}",
                              traffic.recorded, scenario.model, fmt::join(past->models, ", ")));
    std::erase_if(*scripts, [&](const auto& one) { return one.first != scenario.model; });
  }
  for (const auto& [model, script] : *scripts)
    if (!has_model(settings, model))
      return fail(ErrorCode::configuration,
                  fmt::format("{} has {} requests for the model {}, which the configuration has "
                              "not: add it, or choose one with model: NAME in the scenario",
                              traffic.recorded, script.requests.size(), model));
  Recorded out;
  out.scripts = *std::move(scripts);
  note_warnings(*past, settings, out);
  return out;
}

}  // namespace holdfast::cli
