#include "simulation/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

namespace holdfast::simulation {
namespace {
namespace json = boost::json;
constexpr std::size_t columns = 5;  // providers that the table of shares has room for
constexpr std::size_t column_width = 10;
constexpr std::size_t whose_width = 32;
constexpr std::size_t kinds_width = 54;

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

std::string cut(std::string text, std::size_t width) {
  if (text.size() <= width) return text;
  text.resize(width - 1);
  return text + "~";
}

std::string shown(const std::optional<Duration>& time) {
  return time ? fmt::format("{:.2f} s", seconds(*time)) : "-";
}

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

double per_request(const Measures& all) {
  return all.requests == 0 ? 0
                           : static_cast<double>(all.attempts) / static_cast<double>(all.requests);
}

std::string heading(const Scenario& scenario) {
  return scenario.about.empty() ? scenario.name + "\n"
                                : fmt::format("{}: {}\n", scenario.name, scenario.about);
}

// "of 50 requests a second", or when it was recorded.
std::string traffic_of(const Scenario& scenario) {
  const Traffic& traffic = scenario.traffic;
  if (!scenario.script) return fmt::format("of {} requests a second", traffic.requests_per_second);
  const std::string from = records::format_moment(scenario.script->begins_us);
  return traffic.speed == 1
             ? "recorded from " + from
             : fmt::format("recorded from {}, {} times as fast", from, traffic.speed);
}

std::string counts(const Measures& all) {
  std::string out;
  const auto row = [&](std::string_view name, std::uint64_t count, const std::string& more) {
    fmt::format_to(std::back_inserter(out), "{:<14}{:>9}{}{}\n", name, count,
                   more.empty() ? "" : "  ", more);
  };
  const auto share = [&](std::uint64_t count) {
    return fmt::format("{:7.3f} %", percent(count, all.requests));
  };
  row("requests", all.requests, "");
  row("  answered", all.whole, share(all.whole));
  row("  errors", all.errors, share(all.errors));
  row("  broken", all.broken, share(all.broken) + "  begun, and not completed");
  if (all.left > 0) row("  left", all.left, share(all.left) + "  given up by their clients");
  std::string kinds;
  for (const auto& [kind, count] : all.kinds)
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", kind, count);
  if (!kinds.empty())
    fmt::format_to(std::back_inserter(out), "{:<23}  {}\n", "    seen as", cut(kinds, kinds_width));
  row("attempts", all.attempts, fmt::format("{:7.3f} a request", per_request(all)));
  if (all.amplification)
    fmt::format_to(std::back_inserter(out), "{:<23}  {:7.3f} a request\n", "  with everybody away",
                   *all.amplification);
  return out;
}

std::string fault_table(const Scenario& scenario, const Measures& all) {
  if (all.faults.empty()) return {};
  std::string out = fmt::format("\n{:<32}{:>8}{:>11}{:>13}{:>11}\n", "fault", "errors", "detected",
                                "p99 normal", "back");
  for (std::size_t i = 0; i < all.faults.size(); ++i) {
    const Fault& fault = scenario.faults[i];
    const FaultMeasures& one = all.faults[i];
    const std::string what = fmt::format("{} of {}", to_string(fault.kind), one.whose);
    fmt::format_to(std::back_inserter(out), "{:<32}{:>8}{:>11}{:>13}{:>11}\n",
                   cut(what, whose_width - 1), one.errors, shown(one.detected), shown(one.normal),
                   shown(one.back));
    fmt::format_to(std::back_inserter(out), "  {:.1f} s to {:.1f} s\n", seconds(fault.at),
                   seconds(fault.at + fault.lasts));
  }
  return out;
}

// Share of the complete answers, by time and provider.
std::string share_table(const Course& course, const Measures& all) {
  std::vector<int> asked;  // providers of the model's targets, each once
  for (const int provider : course.target_providers)
    if (std::ranges::find(asked, provider) == asked.end() && asked.size() < columns)
      asked.push_back(provider);
  std::string out = "\nwho answered, in percent\n        seconds";
  for (const int provider : asked)
    fmt::format_to(std::back_inserter(out), "{:>{}}",
                   cut(course.providers[static_cast<std::size_t>(provider)], column_width - 1),
                   column_width);
  out += "  errors     p99\n";
  for (const Slice& slice : all.slices) {
    fmt::format_to(std::back_inserter(out), "{:>15}",
                   fmt::format("{:.1f}-{:.1f}", seconds(slice.from), seconds(slice.until)));
    std::uint64_t answered = 0;
    for (const std::uint64_t count : slice.answered) answered += count;
    for (const int provider : asked)
      fmt::format_to(std::back_inserter(out), "{:>{}.1f}",
                     percent(slice.answered[static_cast<std::size_t>(provider)], answered),
                     column_width);
    fmt::format_to(std::back_inserter(out), "{:>8}{:>8}\n", slice.errors, shown(slice.p99));
  }
  return out;
}

std::string broken_rules_of(std::span<const Seen> all) {
  std::string out;
  for (const Seen& seen : all)
    for (const std::string& rule : seen.broken)
      fmt::format_to(std::back_inserter(out), "broken with seed {}: {}\n", seen.seed, rule);
  return out;
}

// The least, the middle and the most of what `read` takes from each; a dash where it is not there.
template <class Read>
std::string spread(std::string_view name, std::span<const Seen> all, Read read) {
  std::vector<double> values;
  for (const Seen& seen : all)
    if (const std::optional<double> value = read(seen.measures)) values.push_back(*value);
  if (values.empty()) return fmt::format("{:<36}{:>12}{:>12}{:>12}\n", name, "-", "-", "-");
  std::ranges::sort(values);
  return fmt::format("{:<36}{:>12.3f}{:>12.3f}{:>12.3f}\n", name, values.front(),
                     values[values.size() / 2], values.back());
}

json::value to_json(const std::optional<Duration>& time) {
  if (!time) return nullptr;
  return std::chrono::duration_cast<std::chrono::milliseconds>(*time).count();
}

json::object to_json(const Course& course, const Seen& seen) {
  const Measures& all = seen.measures;
  json::object kinds;
  for (const auto& [kind, count] : all.kinds) kinds[kind] = count;
  json::array faults;
  for (std::size_t i = 0; i < all.faults.size(); ++i) {
    const FaultMeasures& one = all.faults[i];
    faults.push_back({{"kind", to_string(course.scenario.faults[i].kind)},
                      {"providers", one.whose},
                      {"errors", one.errors},
                      {"detected_ms", to_json(one.detected)},
                      {"p99_normal_ms", to_json(one.normal)},
                      {"back_ms", to_json(one.back)}});
  }
  json::array slices;
  for (const Slice& slice : all.slices) {
    json::object answered;
    for (std::size_t i = 0; i < slice.answered.size(); ++i)
      answered[course.providers[i]] = slice.answered[i];
    slices.push_back({{"from_ms", to_json(slice.from)},
                      {"until_ms", to_json(slice.until)},
                      {"requests", slice.requests},
                      {"errors", slice.errors},
                      {"answered", std::move(answered)},
                      {"p99_ms", to_json(slice.p99)}});
  }
  return {{"seed", seen.seed},
          {"history", fmt::format("{:016x}", seen.hash)},
          {"requests", all.requests},
          {"answered", all.whole},
          {"errors", all.errors},
          {"broken", all.broken},
          {"left", all.left},
          {"kinds", std::move(kinds)},
          {"attempts", all.attempts},
          {"tokens_in", seen.tokens_in},
          {"tokens_out", seen.tokens_out},
          {"attempts_a_request_with_everybody_away",
           all.amplification ? json::value(*all.amplification) : json::value(nullptr)},
          {"usual_p99_ms", to_json(all.usual_p99)},
          {"faults", std::move(faults)},
          {"slices", std::move(slices)},
          {"broken_rules", json::value_from(seen.broken)}};
}
}  // namespace

std::string write_report(const Course& course, const Seen& seen) {
  const Measures& all = seen.measures;
  std::string out = heading(course.scenario);
  fmt::format_to(std::back_inserter(out), "model {}, {:.0f} s {}, seed {}\n\n",
                 course.scenario.model, seconds(course.scenario.lasts), traffic_of(course.scenario),
                 seen.seed);
  out += counts(all);
  out += fault_table(course.scenario, all);
  fmt::format_to(std::back_inserter(out), "\nusual p99 until the first content: {}\n",
                 shown(all.usual_p99));
  out += share_table(course, all);
  out += broken_rules_of(std::span(&seen, 1));
  return out;
}

std::string write_summary(const Scenario& scenario, std::span<const Seen> all) {
  std::string out = heading(scenario);
  fmt::format_to(std::back_inserter(out), "{} histories of {:.0f} s, seeds {} to {}\n\n",
                 all.size(), seconds(scenario.lasts), all.front().seed, all.back().seed);
  fmt::format_to(std::back_inserter(out), "{:<36}{:>12}{:>12}{:>12}\n", "", "least", "middle",
                 "most");
  out += spread("errors, percent of the requests", all, [](const Measures& one) {
    return std::optional(percent(one.errors, one.requests));
  });
  out += spread("broken, percent of the requests", all, [](const Measures& one) {
    return std::optional(percent(one.broken, one.requests));
  });
  out += spread("attempts a request", all,
                [](const Measures& one) { return std::optional(per_request(one)); });
  out +=
      spread("  with everybody away", all, [](const Measures& one) { return one.amplification; });
  const auto first = [](const Measures& one, std::optional<Duration> FaultMeasures::* what) {
    if (one.faults.empty() || !(one.faults.front().*what)) return std::optional<double>();
    return std::optional(seconds(*(one.faults.front().*what)));
  };
  out += spread("first fault: detected after, s", all,
                [&](const Measures& one) { return first(one, &FaultMeasures::detected); });
  out += spread("first fault: p99 normal after, s", all,
                [&](const Measures& one) { return first(one, &FaultMeasures::normal); });
  out += spread("first fault: back after its end, s", all,
                [&](const Measures& one) { return first(one, &FaultMeasures::back); });
  return out + broken_rules_of(all);
}

std::string write_json(const Course& last, std::span<const Seen> all) {
  json::array runs;
  for (const Seen& seen : all) runs.push_back(to_json(last, seen));
  const json::object out = {{"scenario", last.scenario.name},
                            {"model", last.scenario.model},
                            {"targets", json::value_from(last.targets)},
                            {"runs", std::move(runs)}};
  return json::serialize(out) + "\n";
}

}  // namespace holdfast::simulation
