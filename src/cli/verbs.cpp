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
  check->add_option("--state", into.check_state, "where the vault is; none: it is not looked into")
      ->type_name("DIR");
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
  CLI::App* hints =
      add_verb(*prices, "hints", "Print list prices that are assumed, to be agreed to",
               "holdfast prices hints holdfast.yaml");
  hints->add_option("PATH", into.check_path, "file or folder; none: the current one")
      ->type_name("");
  hints->add_option("--kind", into.kind, "all that is known of a kind of providers")
      ->type_name("KIND");
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

// Of a verb that asks a running gateway.
void add_administration(CLI::App& verb, Arguments& into) {
  verb.add_option("--admin", into.admin.url, "its administration's address")->type_name("URL");
  verb.add_option("--state", into.admin.state_dir, "its state directory, where its token is")
      ->type_name("DIR");
  verb.add_option("--token-file", into.admin.token_file, "a file with another token")
      ->type_name("FILE");
  verb.add_option("--ca-file", into.admin.ca_file, "PEM file of who may sign its certificate")
      ->type_name("FILE");
}

void add_target(CLI::App& app, Arguments& into) {
  CLI::App* target = add_verb(app, "target", "Take targets of a running gateway out by hand",
                              "holdfast target drain openai/gpt-4o-mini --for 2h");
  target->require_subcommand(1);
  into.admin.state_dir = default_state_dir();
  const auto add = [&](const char* name, const char* about, const std::string& example) {
    CLI::App* verb = add_verb(*target, name, about, example);
    verb->add_option("PROVIDER[/MODEL]", into.target, "all targets of a provider, or one")
        ->type_name("")
        ->required();
    add_administration(*verb, into);
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

// What a virtual key may do.
void add_scope(CLI::App& verb, KeyArguments& into) {
  const auto add = [&verb](const char* name, std::optional<std::string>& value, const char* about,
                           const char* type) {
    verb.add_option(name, value, about)->type_name(type);
  };
  add("--models", into.models, "logical models, commas between; none: all", "NAMES");
  add("--providers", into.providers, "providers that may be asked", "NAMES");
  add("--endpoints", into.endpoints, "as chat_completions,embeddings", "NAMES");
  add("--networks", into.networks, "where it may be used from, as 10.0.0.0/8", "NETWORKS");
  add("--regions", into.regions, "where its requests may be answered", "NAMES");
  add("--team", into.team, "whose limits and budgets count", "NAME");
  add("--service", into.service, "what asks with it, likewise", "NAME");
  add("--region", into.region, "where its callers are", "NAME");
  add("--sensitivity", into.sensitivity, "of what is asked with it", "NAME");
  add("--class", into.service_class, "who is shed last", "CLASS");
  add("--limits", into.limits, "as requests_per_minute=60,tokens_per_minute=9000", "LIMITS");
  add("--starts-in", into.starts_in, "not valid before, as 1h", "TIME");
  add("--expires-in", into.expires_in, "valid for, as 90d; never: without end", "TIME");
  add("--note", into.note, "what it is for", "TEXT");
}

void add_key(CLI::App& app, Arguments& into) {
  CLI::App* key = add_verb(app, "key", "Give out keys to applications of a running gateway",
                           "holdfast key create shop --models chat --expires-in 90d");
  key->require_subcommand(1);
  const auto add = [&](const char* name, const char* about, const std::string& example) {
    CLI::App* verb = add_verb(*key, name, about, example);
    if (std::string_view(name) != "list")
      verb->add_option("KEY", into.key.key, "its name; of one that is there, its id will do")
          ->type_name("")
          ->required();
    add_administration(*verb, into);
    verb->add_flag("--json", into.json, "print what the administration answers");
    return verb;
  };
  const auto add_reason = [&](CLI::App* verb) {
    verb->add_option("--reason", into.key.reason, "why, for the audit log")->type_name("TEXT");
  };
  CLI::App* create = add("create", "Make a key, and show its secret once",
                         "holdfast key create shop --models chat --expires-in 90d");
  create->add_option("--owner", into.key.owner, "as team:checkout, user:ann or service:till")
      ->type_name("KIND:NAME");
  create->add_option("--parent", into.key.parent, "a key that it never has more than")
      ->type_name("KEY");
  add_scope(*create, into.key);
  add_reason(create);
  add("list", "List the keys that were made", "holdfast key list");
  add("show", "Show a key, without its secret", "holdfast key show shop");
  CLI::App* rotate = add("rotate", "Give a key a new secret, and show that once",
                         "holdfast key rotate shop --overlap 24h");
  rotate->add_option("--overlap", into.key.overlap, "how long the old secret is good too; 0s: not")
      ->type_name("TIME")
      ->required();
  add_reason(rotate);
  add_reason(add("revoke", "End a key at once, and what is asked with it",
                 "holdfast key revoke shop --reason leaked"));
  CLI::App* change = add("change", "Change what a key may do; what is not named stays",
                         "holdfast key change shop --models chat,embed");
  add_scope(*change, into.key);
  add_reason(change);
}

void add_admin_people(CLI::App& admin, Arguments& into) {
  CLI::App* people = add_verb(admin, "people", "Add, change and remove people who administer",
                              "holdfast admin people list");
  people->require_subcommand(1);
  const auto add = [&](const char* name, const char* about, const std::string& example) {
    CLI::App* verb = add_verb(*people, name, about, example);
    add_administration(*verb, into);
    verb->add_option("NAME", into.administer.name, "who")->type_name("")->required();
    verb->add_option("--reason", into.administer.reason, "why, for the audit log")
        ->type_name("TEXT");
    return verb;
  };
  const auto add_roles = [&](CLI::App* verb) {
    verb->add_option("--role", into.administer.roles, "what it stands for; may be given again")
        ->type_name("ROLE")
        ->required();
  };
  add_roles(add("add", "Add a person, and print the one-time password",
                "holdfast admin people add ann --role operator"));
  add_roles(add("set-roles", "Give a person other roles",
                "holdfast admin people set-roles ann --role operator --role auditor"));
  add("remove", "Remove a person, and end all sessions", "holdfast admin people remove ann");
  add("sign-out", "End all sessions of a person", "holdfast admin people sign-out ann");
  CLI::App* list =
      add_verb(*people, "list", "Name the people who administer", "holdfast admin people list");
  add_administration(*list, into);
  list->add_flag("--json", into.json, "print the list as JSON");
}

void add_admin_tokens(CLI::App& admin, Arguments& into) {
  CLI::App* token = add_verb(admin, "token", "Make and revoke tokens for automation",
                             "holdfast admin token list");
  token->require_subcommand(1);
  CLI::App* create = add_verb(*token, "create", "Make a token, and print it once",
                              "holdfast admin token create deploy --role operator --for 30d");
  CLI::App* revoke =
      add_verb(*token, "revoke", "End a token at once", "holdfast admin token revoke deploy");
  for (CLI::App* verb : {create, revoke}) {
    add_administration(*verb, into);
    verb->add_option("NAME", into.administer.name, "what it is for")->type_name("")->required();
    verb->add_option("--reason", into.administer.reason, "why, for the audit log")
        ->type_name("TEXT");
  }
  create->add_option("--role", into.administer.roles, "what it stands for; may be given again")
      ->type_name("ROLE")
      ->required();
  create->add_option("--for", into.administer.duration, "how long it holds; without: 90 days")
      ->type_name("TIME");
  CLI::App* list = add_verb(*token, "list", "Name the tokens, without showing them",
                            "holdfast admin token list");
  add_administration(*list, into);
  list->add_flag("--json", into.json, "print the list as JSON");
}

void add_admin(CLI::App& app, Arguments& into) {
  CLI::App* admin = add_verb(app, "admin", "Say who administers a running gateway",
                             "holdfast admin people add ann --role operator");
  admin->require_subcommand(1);
  add_admin_people(*admin, into);
  add_admin_tokens(*admin, into);
  CLI::App* reset =
      add_verb(*admin, "reset-password", "Give a person a new one-time password, and print it",
               "sudo -u holdfast holdfast admin reset-password --state /var/lib/holdfast");
  add_administration(*reset, into);
  into.administer.name = "admin";
  reset->add_option("NAME", into.administer.name, "who; without: admin")->type_name("");
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
  verify
      ->add_option("--records", into.audit.records,
                   "a state whose records are held against the log")
      ->type_name("DIR");
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
  tail->add_flag("--json", into.json, "print the entries as JSON");
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

// A verb of the vault, with what opens it.
CLI::App* add_vault_verb(CLI::App& vault, Arguments& into, const char* name, const char* about,
                         const std::string& example) {
  CLI::App* verb = add_verb(vault, name, about, example);
  verb->add_option("--state", into.vault.state_dir, "the state directory, where the vault is")
      ->type_name("DIR");
  CLI::Option* key = verb->add_option("--key-file", into.vault.secret.key_file, "what opens it");
  key->type_name("FILE");
  verb->add_option("--passphrase-file", into.vault.secret.passphrase_file,
                   "or its passphrase, in a file; -: stdin")
      ->type_name("FILE")
      ->excludes(key);
  return verb;
}

CLI::Option* add_vault_path(CLI::App& verb, Arguments& into, const char* about) {
  return verb.add_option("SECRET", into.vault.path, about)->type_name("")->required();
}

void add_vault_secrets(CLI::App& vault, Arguments& into) {
  CLI::App* put = add_vault_verb(vault, into, "put", "Store a secret, or a new version of one",
                                 "holdfast vault put openai/prod < openai.key");
  add_vault_path(*put, into, "its path, as in openai/prod");
  put->add_option("--file", into.vault.file, "where the secret is read from; none: stdin")
      ->type_name("FILE");
  put->add_option("--owner", into.vault.metadata.owner, "whom to ask about it")->type_name("NAME");
  put->add_option("--provider", into.vault.metadata.provider, "whose credential it is")
      ->type_name("NAME");
  put->add_option("--rotate-by", into.vault.metadata.rotate_by, "the day, as in 2027-03-01")
      ->type_name("DATE");
  CLI::App* list = add_vault_verb(vault, into, "list", "Name the secrets, without showing them",
                                  "holdfast vault list");
  list->add_flag("--json", into.json, "print the list as JSON");
  CLI::App* get = add_vault_verb(vault, into, "get-metadata",
                                 "Show what is known about a secret, not the secret",
                                 "holdfast vault get-metadata openai/prod");
  add_vault_path(*get, into, "its path");
  get->add_flag("--json", into.json, "print it as JSON");
}

void add_vault(CLI::App& app, Arguments& into) {
  CLI::App* vault = add_verb(app, "vault", "Keep secrets encrypted, and manage their keys",
                             "holdfast vault put openai/prod < openai.key");
  vault->require_subcommand(1);
  into.vault.state_dir = default_state_dir();
  add_vault_verb(*vault, into, "init", "Make a vault, and its key file if it is not there",
                 "holdfast vault init --key-file /etc/holdfast/vault.key");
  add_vault_secrets(*vault, into);
  add_vault_verb(*vault, into, "rotate", "Make a new data key, and seal every secret with it",
                 "holdfast vault rotate --root")
      ->add_flag("--root", into.vault.root, "make a new root key too");
  CLI::App* rekey = add_vault_verb(*vault, into, "rekey", "Change what opens the vault",
                                   "holdfast vault rekey --new-key-file /etc/holdfast/next.key");
  CLI::Option* key = rekey->add_option("--new-key-file", into.vault.fresh.key_file,
                                       "from now on; made if it is not there");
  key->type_name("FILE");
  rekey
      ->add_option("--new-passphrase-file", into.vault.fresh.passphrase_file,
                   "or this passphrase, in a file; -: stdin")
      ->type_name("FILE")
      ->excludes(key);
  const auto with_file = [&](const char* name, const char* about, const std::string& example,
                             const char* file) {
    add_vault_verb(*vault, into, name, about, example)
        ->add_option("FILE", into.vault.file, file)
        ->type_name("")
        ->required();
  };
  with_file("backup", "Write all of it, encrypted, into a new file",
            "holdfast vault backup vault-2026-11-27.backup", "made; it must not be there");
  with_file("restore", "Make a vault out of a backup",
            "holdfast vault restore vault-2026-11-27.backup", "the backup");
  add_vault_verb(*vault, into, "accept-rollback", "Go on with an older vault.db, put back by hand",
                 "holdfast vault accept-rollback --key-file /etc/holdfast/vault.key");
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
  add_key(*app, into);
  add_admin(*app, into);
  add_audit(*app, into);
  add_simulate(*app, into);
  add_vault(*app, into);
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
