#include "config/reference.h"

#include <fmt/format.h>

#include <string_view>

namespace holdfast::config {
namespace {
constexpr std::string_view introduction = R"(# Configuration reference

<!-- Written by `holdfast config reference` from the code that reads the keys. Do not edit. -->

Holdfast reads one YAML file, or all `*.yaml` of a folder in the order of their names.
`holdfast config check` finds every problem in it offline; a running instance reads it again on SIGHUP.

- **Durations** are a whole number and a unit: `500ms`, `15s`, `2m`, `1h`, `30d`.
- **Sizes** likewise: `512B`, `64KiB`, `32MiB`, `1GiB` (powers of 1024), `1MB`, `1GB` (powers of 1000).
- **Secrets** are named, never written: `env:NAME` is an environment variable, `file:PATH` a file
  (one line end at its end is dropped), `vault:PATH` the newest version of a secret in the vault and
  `vault:PATH@2` its second ([how](../howto/keep-secrets-in-the-vault.md)). A secret in the
  configuration itself is refused.
- **`${NAME}`** in a value becomes the environment variable NAME, `${NAME:-default}` a default when it is
  unset or empty, `$$` a dollar sign. What is put in is a value and never read as YAML again. Inside
  `{...}` YAML wants quotes around it: `{model: "${NAME}"}`.
- **Paths** are relative to the folder of the file.
- **Anchors and `<<`** work inside one file. A key given twice is an error, and so is an unknown one.
- Files of a folder share sections: `providers` may be spread over files, one provider may not.
)";

// Characters that end a table's cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string row(const KeyEntry& key) {
  std::string about = key.about;
  if (!key.only.empty()) about += fmt::format(" (only for `{}`)", key.only);
  std::string fallback = key.fallback.empty() ? "" : fmt::format("`{}`", key.fallback);
  if (key.required) fallback = "required";
  return fmt::format("| `{}` | {} | {} | {} |\n", key.path, cell(key.type), cell(fallback),
                     cell(about));
}
}  // namespace

std::string render_reference(std::span<const KeyEntry> keys) {
  std::string page(introduction);
  for (const KeyEntry& key : keys) {
    if (key.path.find('.') == std::string::npos) {
      page += fmt::format(
          "\n## {}\n{}.\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n",
          key.path, key.about);
    } else {
      page += row(key);
    }
  }
  return page;
}
}  // namespace holdfast::config
