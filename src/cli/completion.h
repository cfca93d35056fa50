// Completion scripts, written from the tree of verbs.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "cli/verbs.h"

namespace holdfast::cli {

// The script of `shell`: bash, zsh or fish.
std::string completion_script(std::string_view shell, std::span<const VerbInfo> verbs);

}  // namespace holdfast::cli
