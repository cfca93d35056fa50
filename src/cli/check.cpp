#include "cli/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "base/clock.h"
#include "config/document.h"
#include "server/price_hints.h"
#include "server/prices.h"
#include "server/settings.h"
#include "vault/sealed/lookup.h"

namespace holdfast::cli {
namespace {
constexpr const char* usual_file = "holdfast.yaml";

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

boost::json::object to_json(const config::Problem& problem) {
  return {{"severity", problem.severity == config::Severity::error ? "error" : "warning"},
          {"file", problem.file},
          {"line", problem.line},
          {"column", problem.column},
          {"key", problem.key},
          {"what", problem.what},
          {"remedy", problem.remedy},
          {"allowed", problem.allowed}};
}

// Each target once whose price in force nobody has agreed to.
std::vector<const server::TargetPrices*> with_assumed_prices(
    const std::vector<server::TargetPrices>& targets, std::int64_t now_us) {
  std::vector<const server::TargetPrices*> out;
  for (const server::TargetPrices& target : targets) {
    const records::Price* price = target.prices.at(now_us);
    if (price == nullptr || !price->assumed) continue;
    const bool told = std::ranges::any_of(out, [&](const auto* other) {
      return other->provider == target.provider && other->model == target.model;
    });
    if (!told) out.push_back(&target);
  }
  return out;
}
}  // namespace

std::string path_to_read(const std::string& asked) {
  if (!asked.empty()) return asked;
  std::error_code error;
  return std::filesystem::exists(usual_file, error) ? usual_file : ".";
}

Outcome check_config(const std::string& path, const std::string& state_dir, bool json,
                     std::size_t columns) {
  const std::string read = path_to_read(path);
  config::Document document = config::load(read);
  if (!state_dir.empty())
    document.vault = vault::sealed::lookup_in(state_dir, document.environment, system_clock());
  const auto settings = server::read_settings(document);
  const std::vector<config::Problem>& problems = settings ? settings->warnings : settings.error();
  const auto errors = static_cast<std::size_t>(std::ranges::count(
      problems, config::Severity::error, [](const auto& problem) { return problem.severity; }));
  const std::size_t warnings = problems.size() - errors;
  const auto targets =
      settings ? server::list_prices(*settings) : std::vector<server::TargetPrices>();
  const auto assumed = with_assumed_prices(targets, system_clock().wall_us());
  Outcome outcome;
  outcome.exit_code = settings ? 0 : 1;
  if (json) {
    boost::json::array prices;
    for (const server::TargetPrices* target : assumed)
      prices.push_back(
          boost::json::object{{"provider", target->provider}, {"model", target->model}});
    boost::json::array list;
    for (const config::Problem& problem : problems) list.push_back(to_json(problem));
    const boost::json::object result = {{"ok", settings.has_value()},
                                        {"path", read},
                                        {"errors", errors},
                                        {"warnings", warnings},
                                        {"problems", std::move(list)},
                                        {"assumed_prices", std::move(prices)}};
    outcome.out = boost::json::serialize(result) + "\n";
    return outcome;
  }
  for (const config::Problem& problem : problems)
    outcome.out += wrap(config::to_string(problem), columns) + "\n";
  if (problems.empty())
    outcome.out += read + ": no problems\n";
  else
    outcome.out +=
        fmt::format("{}: {}, {}\n", read, counted(errors, "error"), counted(warnings, "warning"));
  if (assumed.empty()) return outcome;
  std::string names;
  for (const server::TargetPrices* target : assumed)
    names += fmt::format("{}{}/{}", names.empty() ? "" : ", ", target->provider, target->model);
  outcome.out += wrap("prices are assumed, of lists that come with this program, for " + names +
                          ": holdfast prices hints prints what to write under prices.list to agree "
                          "to them",
                      columns) +
                 "\n";
  return outcome;
}

Outcome check_prices(const std::string& path, bool json, std::size_t columns) {
  const auto settings = server::read_settings(config::load(path_to_read(path)));
  if (!settings) return check_config(path, {}, json, columns);
  const auto targets = server::list_prices(*settings);
  const std::int64_t now_us = system_clock().wall_us();
  auto [text, unknown, assumed] = server::describe(targets, now_us);
  text += fmt::format("{}, {} without a price", counted(targets.size(), "target"), unknown);
  if (assumed > 0)
    text += fmt::format(
        ", {} with an assumed one: holdfast prices hints prints what to write under prices.list",
        assumed);
  text += '\n';
  if (json) text = boost::json::serialize(server::to_json(targets, now_us)) + "\n";
  return {unknown == 0 ? 0 : 1, std::move(text), {}};
}

Outcome hint_prices(const std::string& path, const std::string& kind, std::size_t columns) {
  if (!kind.empty()) {
    auto known = server::price_hints(kind);
    if (known) return {0, *std::move(known), {}};
    return {1, {}, wrap(known.error().detail, columns) + "\n"};
  }
  const auto settings = server::read_settings(config::load(path_to_read(path)));
  if (!settings) return check_config(path, {}, false, columns);
  std::string known = server::price_hints(server::list_prices(*settings), system_clock().wall_us());
  if (!known.empty()) return {0, std::move(known), {}};
  return {1, {}, "no target has an assumed price: holdfast prices check lists them\n"};
}

std::string wrap(const std::string& line, std::size_t columns) {
  constexpr std::string_view indent = "    ";
  if (columns == 0) return line;
  std::string out;
  std::size_t width = 0;
  for (std::size_t begin = 0; begin < line.size();) {
    const std::size_t end = std::min(line.find(' ', begin), line.size());
    const std::size_t length = end - begin;
    if (width != 0 && width + 1 + length > columns) {
      out += '\n';
      out += indent;
      width = indent.size();
    } else if (width != 0) {
      out += ' ';
      ++width;
    }
    out.append(line, begin, length);
    width += length;
    begin = end + 1;
  }
  return out;
}
}  // namespace holdfast::cli
