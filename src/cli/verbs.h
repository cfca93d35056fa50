// The tree of verbs: one description, from which parsing, help, completion and reference are made.
#pragma once
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/admin.h"
#include "cli/audit.h"
#include "cli/key.h"
#include "cli/route.h"
#include "cli/simulate.h"
#include "cli/vault.h"
#include "server/serve.h"

namespace holdfast::cli {

struct Arguments {  // what the command line sets
  server::ServeOptions serve;
  std::string check_path;   // empty: the current folder
  std::string check_state;  // empty: vault: references are not looked up
  std::string kind;         // of holdfast prices hints; empty: those of the configuration
  RouteArguments route;
  std::string alerts_path;  // likewise
  AuditArguments audit;
  SimulateOptions simulate;
  VaultArguments vault;
  bool json = false;
  std::string shell;
  Administration admin;                  // of a running gateway
  AdminArguments administer;             // of holdfast admin
  std::string target, duration, reason;  // of holdfast target
  KeyArguments key;
  std::vector<std::string> help_verbs;
  bool markdown = false;
};

// The parser; it writes into `into`, which must outlive it.
std::unique_ptr<CLI::App> make_app(Arguments& into);

// "holdfast config check".
std::string path_of(const CLI::App& verb);
// The text of --help.
std::string help_of(const CLI::App& verb);

struct OptionInfo {
  std::string name;  // "--config"; for an argument what it stands for: "PATH"
  std::string about;
  std::string value;      // "FILE", "DIR", "bash|zsh|fish"; empty: takes none
  bool argument = false;  // stands by its place
  bool required = false;
};

struct VerbInfo {
  std::string path;  // "config check"; empty: holdfast itself
  std::string about;
  std::string footer;                 // the example
  std::vector<std::string> subverbs;  // their last words
  std::vector<OptionInfo> options;
  std::string help;  // the whole text of --help
};

// Every verb of the tree, the root first, parents before children.
std::vector<VerbInfo> list_verbs();

}  // namespace holdfast::cli
