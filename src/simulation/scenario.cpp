#include "simulation/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/section.h"
#include "vault/instant.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;
using config::Section;
using std::chrono::milliseconds;

constexpr std::array<config::Choice<FaultKind>, 9> fault_kinds = {{
    {"outage", FaultKind::outage},
    {"unreachable", FaultKind::unreachable},
    {"brown_out", FaultKind::brown_out},
    {"slow", FaultKind::slow},
    {"stall", FaultKind::stall},
    {"cut", FaultKind::cut},
    {"revoked", FaultKind::revoked},
    {"quota", FaultKind::quota},
    {"flapping", FaultKind::flapping},
}};

constexpr milliseconds longest = longest_simulation;
constexpr int highest_speed = 1'000;

Fault first_target(FaultKind kind) {
  Fault fault;
  fault.kind = kind;
  fault.at = 30s;
  fault.lasts = 60s;
  return fault;
}

Scenario made(std::string name, std::string about, Fault fault) {
  Scenario scenario;
  scenario.name = std::move(name);
  scenario.about = std::move(about);
  scenario.lasts = 180s;
  scenario.faults.push_back(std::move(fault));
  return scenario;
}

Fault with_share(FaultKind kind, int share_percent) {
  Fault fault = first_target(kind);
  fault.share_percent = share_percent;
  return fault;
}

Fault of_everything() {
  Fault fault = first_target(FaultKind::outage);
  fault.everything = true;
  return fault;
}

std::vector<Scenario> make_built_in() {
  return {
      made("outage", "the first target is gone for a minute", first_target(FaultKind::outage)),
      made("unreachable", "the first target answers nothing for a minute",
           first_target(FaultKind::unreachable)),
      made("brown-out", "half of what the first target is asked gets 503, the rest is slow",
           with_share(FaultKind::brown_out, 50)),
      made("slow", "the first target takes five times as long", first_target(FaultKind::slow)),
      made("stall", "a third of the first target's answers stop half-way",
           with_share(FaultKind::stall, 33)),
      made("cut", "a third of the first target's answers are cut off half-way",
           with_share(FaultKind::cut, 33)),
      made("revoked", "the first target refuses the key", first_target(FaultKind::revoked)),
      made("quota", "the first target says 429, with a Retry-After of 10 s",
           first_target(FaultKind::quota)),
      made("flapping", "the first target is away every other 5 s",
           first_target(FaultKind::flapping)),
      made("blackout", "every provider is gone for a minute", of_everything()),
  };
}

void read_fault(Section& section, Fault& into) {
  section.choice("kind", into.kind, fault_kinds, "what goes wrong");
  section.require("kind", "say what goes wrong");
  section.duration("at", into.at, 0ms, longest, "when it begins");
  section.duration("lasts", into.lasts, 1ms, longest, "how long it lasts");
  section.require("lasts", "write, for example, lasts: 60s");
  section.text("provider", into.provider, "whose; nothing at all: the model's first target");
  section.text("owner", into.owner, "of all providers with this owner");
  section.text("host", into.host, "of all providers on this host");
  section.text("region", into.region, "of all providers in this region");
  section.text("same_key_as", into.credential, "of all providers that have this one's key");
  section.flag("everything", into.everything, "of all providers");
  section.integer("share", into.share_percent, 1, 100,
                  "percent of the requests: brown_out, stall, cut");
  section.integer("factor", into.factor, 1, 1000, "how much slower: brown_out, slow");
  section.duration("period", into.period, 100ms, 1h, "away and back once: flapping");
  section.duration("retry_after", into.retry_after, 1s, 1h, "that it asks for: quota");
}

void read_moment(Section& section, std::string_view key, std::optional<std::int64_t>& into,
                 std::string_view about) {
  std::string text;
  if (!section.word(key, text, about)) return;
  into = vault::parse_rfc3339(text);
  if (!into)
    section.problem(key, fmt::format("{} is no moment", config::printable(text)),
                    "write, for example, 2026-11-24T10:00:00Z");
}

void read_recorded(Section& section, Traffic& into) {
  section.path("recorded", into.recorded,
               "in place of random traffic: a records.db, or saved answers of /api/v1/requests");
  read_moment(section, "from", into.from_us, "the first moment of it that counts");
  read_moment(section, "until", into.until_us, "the moment at which it ends");
  section.integer("speed", into.speed, 1, highest_speed, "so many times as fast as it was");
  if (into.recorded.empty()) {
    for (const std::string_view key : {"from", "until", "speed"})
      if (section.has(key))
        section.problem(key, "is for recorded traffic", "name its file: recorded");
    return;
  }
  for (const std::string_view key : {"requests_per_second", "streams"})
    if (section.has(key))
      section.problem(key, "is for random traffic, and this is recorded",
                      "leave it out: the records say it");
  if (into.from_us && into.until_us && *into.until_us <= *into.from_us)
    section.problem("until", "is not behind from", "write a later moment");
}

void read_all(Section& top, Scenario& into) {
  top.text("name", into.name, "of the scenario");
  top.text("about", into.about, "one line that the report repeats");
  top.duration("lasts", into.lasts, 1s, longest, "how long traffic comes");
  top.text("model", into.model, "that clients ask for; none: the configuration's first");
  top.section("traffic", "What clients do", [&](Section& section) {
    section.integer("requests_per_second", into.traffic.requests_per_second, 1, 10'000,
                    "at random times");
    section.integer("streams", into.traffic.stream_percent, 0, 100,
                    "percent that ask for a stream");
    section.integer("leave", into.traffic.leave_percent, 0, 100,
                    "percent that may give up within 3 s");
    section.integer("tokens", into.traffic.tokens, 1, 10'000, "of an answer");
    read_recorded(section, into.traffic);
  });
  if (!into.traffic.recorded.empty() && top.has("lasts"))
    top.problem("lasts", "is for random traffic, and this is recorded",
                "leave it out: traffic.from and traffic.until say it");
  top.section("service", "How providers are while nothing is wrong", [&](Section& section) {
    section.duration("first_content", into.service.first_content, 1ms, 10min,
                     "half to one and a half times as much, one in 50 up to 4.5 times");
    section.duration("between_tokens", into.service.between_tokens, 0ms, 1min, "then");
    section.duration("latency", into.service.latency, 0ms, 10s, "of the network, one way");
  });
  top.items("faults", "What goes wrong, and when",
            [&](Section& section) { read_fault(section, into.faults.emplace_back()); });
}
}  // namespace

std::string_view to_string(FaultKind kind) {
  return std::ranges::find(fault_kinds, kind, &config::Choice<FaultKind>::value)->name;
}

const std::vector<Scenario>& built_in_scenarios() {
  static const std::vector<Scenario> scenarios = make_built_in();
  return scenarios;
}

const Scenario* find_scenario(std::string_view name) {
  const auto& all = built_in_scenarios();
  const auto found = std::ranges::find(all, name, &Scenario::name);
  return found == all.end() ? nullptr : &*found;
}

std::expected<Scenario, std::vector<config::Problem>> read_scenario(
    const config::Document& document) {
  Scenario scenario;
  config::Reader reader(document);
  reader.read([&](Section& top) { read_all(top, scenario); });
  std::vector<config::Problem> problems = reader.take_problems();
  if (config::has_error(problems)) return std::unexpected(std::move(problems));
  if (scenario.name.empty()) scenario.name = "scenario";
  return scenario;
}

std::string scenario_reference() {
  Scenario scenario;
  config::Reader reader;
  reader.read([&](Section& top) { read_all(top, scenario); });
  std::string page =
      "# Scenario reference\n\n"
      "<!-- Written from the code that reads the keys. Do not edit. -->\n\n"
      "What may stand in a file for [`holdfast simulate "
      "--scenario`](../howto/simulate-an-outage.md)."
      "\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n";
  for (const config::KeyEntry& key : reader.keys())
    page += fmt::format("| `{}` | {} | {} | {} |\n", key.path, key.type,
                        key.required           ? "required"
                        : key.fallback.empty() ? ""
                                               : fmt::format("`{}`", key.fallback),
                        key.about);
  return page;
}

}  // namespace holdfast::simulation
