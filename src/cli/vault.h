// `holdfast vault`: the secrets in the state directory, beside a running gateway or without one.
#pragma once
#include <string>

#include "cli/command.h"
#include "vault/sealed/operator_secret.h"
#include "vault/sealed/vault.h"

namespace holdfast::cli {

struct VaultArguments {
  std::string state_dir;
  vault::sealed::SecretOptions secret;  // what opens the vault
  vault::sealed::SecretOptions fresh;   // rekey: what opens it from then on
  std::string path;                     // of a secret
  std::string file;                     // backup, restore; put: empty is standard input
  vault::sealed::Metadata metadata;     // put
  bool root = false;                    // rotate
};

// Runs `verb` ("init", "put" ...). Nothing that it returns holds a secret. The process leaves no
// core dump from then on.
Outcome run_vault(const std::string& verb, const VaultArguments& arguments, bool json);

}  // namespace holdfast::cli
