#include "cli/verbs.h"

#include <cstdlib>

#include "cli/version.h"

namespace holdfast::cli {
namespace {
constexpr int help_column = 28;
constexpr std::uint64_t most_seeds = 1'000'000;

// Where state is kept unless --state says otherwise (XDG Base Directory Specification).
std::string default_state_dir() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return std::string(state) + "/holdfast";
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/state/holdfast";
}

// `example` is what a user can type.
CLI::App* add_verb(CLI::App& parent, const char* name, const char* about,
                   const std::string& example) {
  CLI::App* verb = parent.add_subcommand(name, about);
  verb->footer("Example:\n  " + example);
  verb->set_help_flag("-h,--help", "show this help");
  return verb;
}

void add_serve(CLI::App& app, Arguments& into) {
  CLI::App* serve = add_verb(app, "serve", "Run the gateway until SIGTERM; SIGHUP reloads",
                             "holdfast serve --config holdfast.yaml");
  serve->add_option("--config", into.serve.config_path, "configuration: a file, or a folder")
      ->type_name("FILE")
      ->required();
  into.serve.state_dir = default_state_dir();
  serve->add_option("--state", into.serve.state_dir, "where records are kept")->type_name("DIR");
}

void add_config(CLI::App& app, Arguments& into) {
  CLI::App* config = add_verb(app, "config", "Check and explain configurations",
                              "holdfast config check holdfast.yaml");
  config->require_subcommand(1);
  CLI::App* check = add_verb(*config, "check", "Find every problem, without starting anything",
                             "holdfast config check holdfast.yaml");
  check->add_option("PATH", into.check_path, "file or folder; none: the current one")
      ->type_name("");
  check->add_flag("--json", into.json, "print the result as JSON");
  add_verb(*config, "reference", "Print what every key means, in Markdown",
           "holdfast config reference > configuration.md");
}

void add_route(CLI::App& app, Arguments& into) {
  CLI::App* route =
      add_verb(app, "route", "Explain who answers",
               "holdfast route explain --config holdfast.yaml --request request.json");
  route->require_subcommand(1);
  CLI::App* explain =
      add_verb(*route, "explain", "Say which targets a request would be given, and why",
               "holdfast route explain --config holdfast.yaml --request request.json");
  explain->add_option("--config", into.route.config_path, "configuration: a file, or a folder")
      ->type_name("FILE")
      ->required();
  explain
      ->add_option("--request", into.route.request_path,
                   "the request's facts, JSON: model, key, tokens ...")
      ->type_name("FILE")
      ->required();
  explain
      ->add_option("--health", into.route.health_path,
                   "JSON: how the targets are; none: all are well")
      ->type_name("FILE");
  explain->add_flag("--json", into.json, "print the explanation as JSON");
}

void add_prices(CLI::App& app, Arguments& into) {
  CLI::App* prices =
      add_verb(app, "prices", "Look up what models cost", "holdfast prices check holdfast.yaml");
  prices->require_subcommand(1);
  CLI::App* check = add_verb(*prices, "check", "List the price of every target, and who has none",
                             "holdfast prices check holdfast.yaml");
  check->add_option("PATH", into.check_path, "file or folder; none: the current one")
      ->type_name("");
  check->add_flag("--json", into.json, "print the list as JSON");
}

void add_alerts(CLI::App& app, Arguments& into) {
  CLI::App* alerts = add_verb(app, "alerts", "Write the alerts out for others",
                              "holdfast alerts prometheus holdfast.yaml > alerts.rules.yaml");
  alerts->require_subcommand(1);
  CLI::App* prometheus =
      add_verb(*alerts, "prometheus", "Print the rules of the section alerts for Prometheus",
               "holdfast alerts prometheus holdfast.yaml > alerts.rules.yaml");
  prometheus->add_option("PATH", into.alerts_path, "file or folder; none: the current one")
      ->type_name("");
}

void add_target(CLI::App& app, Arguments& into) {
  CLI::App* target = add_verb(app, "target", "Take targets of a running gateway out by hand",
                              "holdfast target drain openai/gpt-4o-mini --for 2h");
  target->require_subcommand(1);
  const auto add = [&](const char* name, const char* about, const std::string& example) {
    CLI::App* verb = add_verb(*target, name, about, example);
    verb->add_option("PROVIDER[/MODEL]", into.target, "all targets of a provider, or one")
        ->type_name("")
        ->required();
    verb->add_option("--admin", into.admin, "its administration's address")->type_name("URL");
    verb->add_option("--reason", into.reason, "why, for the audit log")->type_name("TEXT");
    return verb;
  };
  CLI::App* drain = add("drain", "Give a target no new request; streams finish",
                        "holdfast target drain openai --for 2h");
  drain->add_option("--for", into.duration, "how long; without: until it is restored")
      ->type_name("TIME");
  add("freeze", "Let a target's health stand as it is known", "holdfast target freeze openai");
  add("restore", "Undo drain and freeze", "holdfast target restore openai");
}

void add_audit(CLI::App& app, Arguments& into) {
  CLI::App* audit = add_verb(app, "audit", "Show what was done, and that nobody has changed it",
                             "holdfast audit verify --state /var/lib/holdfast");
  audit->require_subcommand(1);
  into.audit.state_dir = default_state_dir();
  const auto add = [&](const char* name, const char* about, const std::string& example) {
    CLI::App* verb = add_verb(*audit, name, about, example);
    verb->add_option("--state", into.audit.state_dir, "where the gateway keeps its state")
        ->type_name("DIR");
    return verb;
  };
  const auto add_key = [&](CLI::App* verb) {
    verb->add_option("--key", into.audit.key, "the log's public key, or a file with it")
        ->type_name("KEY");
  };
  CLI::App* verify = add("verify", "Check a log, or a proof, with the public key",
                         "holdfast audit verify --export march --key audit.pub");
  verify->add_option("--export", into.audit.exported, "an exported folder in place of the state's")
      ->type_name("DIR");
  add_key(verify);
  verify
      ->add_option("--checkpoint", into.audit.checkpoint,
                   "a kept checkpoint: the log must go on from it")
      ->type_name("FILE");
  verify->add_option("--proof", into.audit.proof, "check a proof in place of a log")
      ->type_name("FILE");
  verify->add_flag("--json", into.json, "print the result as JSON");
  CLI::App* prove = add("prove", "Print a proof that others can check",
                        "holdfast audit prove --entry 17 > proof.json");
  prove->add_option("--entry", into.audit.entry, "that this entry is in the log")
      ->type_name("INDEX");
  prove
      ->add_option("--checkpoint", into.audit.checkpoint,
                   "that the log goes on from this checkpoint")
      ->type_name("FILE");
  add_key(prove);
  add("export", "Copy entries and checkpoints for somebody else",
      "holdfast audit export --to march")
      ->add_option("--to", into.audit.to, "the folder to be made")
      ->type_name("DIR")
      ->required();
  CLI::App* tail = add("tail", "Print the last entries", "holdfast audit tail --lines 20");
  tail->add_option("--lines", into.audit.lines, "how many")->type_name("COUNT");
  tail->add_flag("--json", into.json, "print the entries as they were signed for");
  add("key", "Print the log's public key", "holdfast audit key > audit.pub");
}

void add_simulate(CLI::App& app, Arguments& into) {
  CLI::App* simulate = add_verb(app, "simulate", "Show what happens when providers fail",
                                "holdfast simulate --config holdfast.yaml --scenario brown-out");
  simulate->add_option("--config", into.simulate.config_path, "configuration: a file, or a folder")
      ->type_name("FILE");
  simulate->add_option("--scenario", into.simulate.scenario, "a name (see --list), or a file")
      ->type_name("NAME");
  simulate->add_option("--seed", into.simulate.seed, "the same seed gives the same history")
      ->type_name("NUMBER");
  simulate->add_option("--seeds", into.simulate.seeds, "run so many seeds, and sum them up")
      ->type_name("COUNT")
      ->check(CLI::Range(std::uint64_t{1}, most_seeds).description(""));
  simulate->add_flag("--list", into.simulate.list, "name the scenarios that there are");
  simulate->add_flag("--json", into.json, "print the figures as JSON");
}

void add_help(CLI::App& app, Arguments& into) {
  CLI::App* help = add_verb(app, "help", "Explain a verb", "holdfast help config check");
  help->add_option("VERB", into.help_verbs, "the verb's words; none: all verbs")->type_name("VERB");
  help->add_flag("--markdown", into.markdown, "print the reference of all verbs");
}

OptionInfo describe_option(const CLI::Option& option) {
  OptionInfo info;
  info.argument = option.get_positional();
  info.name = info.argument ? option.get_name(true) : "--" + option.get_lnames().front();
  info.about = option.get_description();
  info.required = option.get_required();
  if (!info.argument && option.get_items_expected_max() > 0) info.value = option.get_type_name();
  return info;
}

void describe(CLI::App& app, const std::string& path, std::vector<VerbInfo>& into) {
  VerbInfo info;
  info.path = path;
  info.about = app.get_description();
  info.footer = app.get_footer();
  info.help = help_of(app);
  for (const CLI::Option* option : app.get_options())
    info.options.push_back(describe_option(*option));
  const std::vector<CLI::App*> below = app.get_subcommands([](CLI::App*) { return true; });
  for (const CLI::App* verb : below) info.subverbs.push_back(verb->get_name());
  into.push_back(std::move(info));
  for (CLI::App* verb : below)
    describe(*verb, path.empty() ? verb->get_name() : path + " " + verb->get_name(), into);
}
}  // namespace

std::unique_ptr<CLI::App> make_app(Arguments& into) {
  auto app = std::make_unique<CLI::App>("Holdfast: an AI gateway that keeps answering", "holdfast");
  app->footer(
      "Example:\n  holdfast serve --config holdfast.yaml\n\n"
      "Exit codes: 0 ok, 1 usage or configuration, 2 a gate failed, 4 infrastructure.");
  app->set_help_flag("-h,--help", "show this help");
  app->get_formatter()->column_width(help_column);
  app->set_version_flag("--version", version_text(false), "print the version");
  app->require_subcommand(1);
  add_serve(*app, into);
  add_config(*app, into);
  add_alerts(*app, into);
  add_route(*app, into);
  add_prices(*app, into);
  add_target(*app, into);
  add_audit(*app, into);
  add_simulate(*app, into);
  add_verb(*app, "version", "Print the version", "holdfast version --json")
      ->add_flag("--json", into.json, "print it as JSON");
  add_verb(*app, "completion", "Print the completion script of a shell",
           "source <(holdfast completion bash)")
      ->add_option("bash|zsh|fish", into.shell, "whose script")
      ->type_name("")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""))
      ->required();
  add_help(*app, into);
  return app;
}

std::string path_of(const CLI::App& verb) {
  const CLI::App* parent = verb.get_parent();
  return parent == nullptr ? verb.get_name() : path_of(*parent) + " " + verb.get_name();
}

std::string help_of(const CLI::App& verb) {
  const CLI::App* parent = verb.get_parent();
  return verb.help(parent == nullptr ? "" : path_of(*parent));
}

std::vector<VerbInfo> list_verbs() {
  Arguments unused;
  const std::unique_ptr<CLI::App> app = make_app(unused);
  std::vector<VerbInfo> verbs;
  describe(*app, {}, verbs);
  return verbs;
}
}  // namespace holdfast::cli
