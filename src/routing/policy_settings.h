// Reads the tree of a model's policies: `policy`, `on` and `targets` of the model and of the groups
// in it.
#pragma once
#include <functional>
#include <optional>
#include <string_view>

#include "routing/settings.h"

namespace holdfast::config {
class Section;
}

namespace holdfast::routing {

// Reads one target of a list; false: it is one too many and is not kept.
using ReadTarget = std::function<bool(config::Section&, TargetSettings&)>;

// "12", "0.5", "99.95": hundredths of a percent, up to 10000; nothing for anything else.
std::optional<std::uint32_t> parse_percent(std::string_view text);

// Reads the condition `when` of an entry of a list.
void read_when(config::Section& section, std::string_view about, std::optional<Expression>& into);

// Reads the model's own policy and everything below it into `model.targets` and `model.tree`. A
// tree that is wrong is there nevertheless, and the problems have been reported.
void read_policies(config::Section& section, const ReadTarget& read_target, ModelSettings& model);

}  // namespace holdfast::routing
