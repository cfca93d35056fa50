#include "cli/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>

#include "cli/alerts.h"
#include "cli/check.h"
#include "cli/completion.h"
#include "cli/key.h"
#include "cli/route.h"
#include "cli/target.h"
#include "cli/vault.h"
#include "cli/verbs.h"
#include "cli/version.h"
#include "config/nearest.h"
#include "config/problem.h"
#include "server/settings.h"

namespace holdfast::cli {
namespace {
constexpr int usage = 1;
constexpr int infrastructure = 4;

// The deepest verb that was given.
CLI::App& chosen(CLI::App& app) {
  const std::vector<CLI::App*> below = app.get_subcommands();
  return below.empty() ? app : chosen(*below.front());
}

Outcome wrong_usage(const std::string& path, const std::string& what) {
  return {usage, {}, fmt::format("{}: {}\nSee {} --help\n", path, what, path)};
}

// The verb that `words` name, options left out; or what is wrong with them.
std::expected<CLI::App*, Outcome> find_verb(CLI::App& app, const std::vector<std::string>& words) {
  CLI::App* verb = &app;
  for (const std::string& word : words) {
    const std::vector<CLI::App*> below = verb->get_subcommands([](CLI::App*) { return true; });
    if (below.empty() || word.starts_with('-')) break;
    const auto found =
        std::ranges::find(below, word, [](CLI::App* one) { return one->get_name(); });
    if (found == below.end()) {
      std::vector<std::string> names;
      names.reserve(below.size());
      for (const CLI::App* one : below) names.push_back(one->get_name());
      const std::vector<std::string_view> views(names.begin(), names.end());
      const std::string meant = config::did_you_mean(word, views);
      return std::unexpected(wrong_usage(
          path_of(*verb), fmt::format("unknown verb \"{}\"{} verbs: {}", config::printable(word),
                                      meant.empty() ? ";" : "; " + meant, fmt::join(names, ", "))));
    }
    verb = *found;
  }
  return verb;
}

// The first option in `words` that `verb` does not have; the parser would first miss the required.
std::optional<Outcome> unknown_option(const CLI::App& verb, const std::vector<std::string>& words) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  const std::vector<std::string_view> views(names.begin(), names.end());
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    if (!word.starts_with("--") || std::ranges::find(names, name) != names.end()) continue;
    const std::string meant = config::did_you_mean(name, views);
    return wrong_usage(path_of(verb),
                       fmt::format("unknown option {}{} options: {}", config::printable(name),
                                   meant.empty() ? ";" : "; " + meant, fmt::join(names, ", ")));
  }
  return std::nullopt;
}

Outcome help(const Arguments& arguments) {
  if (arguments.markdown) return {0, cli_reference(), {}};
  Arguments unused;
  const std::unique_ptr<CLI::App> app =
      make_app(unused);  // one that has parsed explains itself only
  const auto verb = find_verb(*app, arguments.help_verbs);
  if (!verb) return verb.error();
  return {0, help_of(**verb), {}};
}

Outcome perform(CLI::App& app, const Arguments& arguments, std::size_t columns) {
  const std::string path = path_of(chosen(app));
  if (path == "holdfast serve") return {server::serve(arguments.serve), {}, {}};
  if (path == "holdfast config check")
    return check_config(arguments.check_path, arguments.check_state, arguments.json, columns);
  if (path == "holdfast prices check")
    return check_prices(arguments.check_path, arguments.json, columns);
  if (path == "holdfast prices hints")
    return hint_prices(arguments.check_path, arguments.kind, columns);
  if (path == "holdfast config reference") return {0, server::settings_reference(), {}};
  if (path == "holdfast route explain")
    return explain_route(arguments.route, arguments.json, columns);
  if (path == "holdfast alerts prometheus") return alert_rules(arguments.alerts_path, columns);
  if (path.starts_with("holdfast target "))
    return act_on_target(arguments.admin, path.substr(path.rfind(' ') + 1), arguments.target,
                         arguments.duration, arguments.reason);
  if (path.starts_with("holdfast key "))
    return run_key(arguments.admin, path.substr(path.rfind(' ') + 1), arguments.key,
                   arguments.json);
  if (path.starts_with("holdfast admin "))
    return administer(arguments.admin, path.substr(std::string_view("holdfast admin ").size()),
                      arguments.administer, arguments.json);
  if (path.starts_with("holdfast audit "))
    return audit_verb(path.substr(path.rfind(' ') + 1), arguments.audit, arguments.json);
  if (path == "holdfast simulate") return simulate(arguments.simulate, arguments.json, columns);
  if (path.starts_with("holdfast vault "))
    return run_vault(path.substr(path.rfind(' ') + 1), arguments.vault, arguments.json);
  if (path == "holdfast version") return {0, version_text(arguments.json), {}};
  if (path == "holdfast completion")
    return {0, completion_script(arguments.shell, list_verbs()), {}};
  return help(arguments);
}

std::string synopsis(const VerbInfo& verb) {
  std::string line = "holdfast " + verb.path;
  for (const OptionInfo& option : verb.options) {
    if (option.name == "--help") continue;
    std::string part = option.name;
    if (!option.value.empty()) part += " " + option.value;
    line += option.required ? " " + part : " [" + part + "]";
  }
  return line;
}
}  // namespace

Outcome execute(const std::vector<std::string>& arguments, std::size_t columns) {
  try {
    Arguments parsed;
    const std::unique_ptr<CLI::App> app = make_app(parsed);
    const auto verb = find_verb(*app, arguments);
    if (!verb) return verb.error();
    if (auto wrong = unknown_option(**verb, arguments)) return *std::move(wrong);
    try {
      std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 takes it
      app->parse(reversed);
    } catch (const CLI::CallForHelp&) {
      return {0, help_of(chosen(*app)), {}};
    } catch (const CLI::CallForVersion&) {
      return {0, version_text(false), {}};
    } catch (const CLI::ParseError& error) {
      return wrong_usage(path_of(**verb), config::printable(error.what()));
    }
    return perform(*app, parsed, columns);
  } catch (const std::exception& error) {
    return {infrastructure, {}, fmt::format("holdfast: {}\n", error.what())};
  }
}

std::string cli_reference() {
  std::string page =
      "# Command reference\n\n"
      "<!-- Written by `holdfast help --markdown` from the verbs themselves. Do not edit. -->\n\n"
      "Exit codes: 0 ok, 1 usage or configuration, 2 a gate failed, 4 infrastructure.\n";
  for (const VerbInfo& verb : list_verbs()) {
    if (!verb.subverbs.empty()) continue;
    page += fmt::format(
        "\n## holdfast {}\n{}.\n\n```\n{}\n```\n\n| option | meaning |\n| --- | --- |\n", verb.path,
        verb.about, synopsis(verb));
    for (const OptionInfo& option : verb.options) {
      std::string name = option.name + (option.value.empty() ? "" : " " + option.value);
      std::ranges::replace(name, '|', '/');  // which would end the table's cell
      page +=
          fmt::format("| `{}` | {}{} |\n", name, option.about, option.required ? "; required" : "");
    }
    page += fmt::format("\n```\n{}\n```\n", verb.footer.substr(verb.footer.find('\n') + 3));
  }
  return page;
}
}  // namespace holdfast::cli
