// A configuration as it was written: one file, or a folder of them merged into one tree.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/environment.h"
#include "config/problem.h"
#include "config/secrets.h"
#include "config/seen_secrets.h"
#include "config/tree.h"

namespace holdfast::config {

struct Document {
  NodePtr root;                    // nullptr: it could not be read, and `problems` says why
  std::vector<std::string> files;  // as messages name them; Place::file is an index
  // SHA-256 over the files' names and bytes, in hexadecimal: tells one configuration from another.
  // What their references (env:, file:, vault:) stand for is not in it.
  std::string digest;
  std::filesystem::path folder;  // what relative paths in it are relative to
  Environment environment;
  SecretLookup vault;                 // for vault: references; none until the owner sets it
  std::shared_ptr<SeenSecrets> seen;  // told of each secret that is read; may be none
  std::vector<Problem> problems;      // of the YAML itself: duplicate keys, variables not set
};

// Reads a file, or all *.yaml of a folder in the order of their names (hidden ones are left out).
// Files of a folder may share sections: the keys of `providers` may be spread over them, but what
// stands under one provider may not; a key given twice is a problem that names both places.
// Never fails: what is wrong is in the document. Blocks on the disk.
Document load(const std::string& path, Environment environment = process_environment());

// The secret that `reference` in `document` names: resolve_secret(), told to `seen`.
Result<ResolvedSecret> secret_of(const Document& document, std::string_view reference);

// Reads text that stands for the file `name`.
Document parse(std::string_view text, std::string name,
               Environment environment = process_environment(), std::filesystem::path folder = {});

}  // namespace holdfast::config
