// `holdfast config check`, `holdfast prices check` and `holdfast prices hints`.
#pragma once
#include <string>

#include "cli/command.h"

namespace holdfast::cli {

// Reads the configuration at `path`; when that is empty holdfast.yaml of the current folder, or all
// *.yaml of it.   columns   width to which problems are wrapped; 0: one line each
//   state_dir   where the vault is, for vault: references; empty: they are not looked up
Outcome check_config(const std::string& path, const std::string& state_dir, bool json,
                     std::size_t columns);

// The same for the prices of its targets: exit code 1 when one has none.
Outcome check_prices(const std::string& path, bool json, std::size_t columns);
// The prices that are assumed of its targets, or, unless it is empty, all of `kind`, as a section
// of the configuration. Exit code 1: there is none.
Outcome hint_prices(const std::string& path, const std::string& kind, std::size_t columns);
// Where an offline verb reads: `asked`, or when that is empty holdfast.yaml of the current folder,
// or else the folder.
std::string path_to_read(const std::string& asked);

// `line` broken at spaces so that it fits `columns`, what follows indented; 0: as it is.
std::string wrap(const std::string& line, std::size_t columns);

}  // namespace holdfast::cli
