// Reads the tree of a model's policies: `policy`, `on` and `targets` of the model and of the groups
// in it.
#pragma once
#include <functional>

#include "routing/settings.h"

namespace holdfast::config {
class Section;
}

namespace holdfast::routing {

// Reads one target of a list; false: it is one too many and is not kept.
using ReadTarget = std::function<bool(config::Section&, TargetSettings&)>;

// Reads the model's own policy and everything below it into `model.targets` and `model.tree`. A
// tree that is wrong is there nevertheless, and the problems have been reported.
void read_policies(config::Section& section, const ReadTarget& read_target, ModelSettings& model);

}  // namespace holdfast::routing
