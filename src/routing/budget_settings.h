// `budgets`: how much may be spent, by whom.
#pragma once
#include <span>
#include <vector>

#include "identity/settings.h"
#include "provider/settings.h"
#include "routing/budget.h"
#include "routing/settings.h"

namespace holdfast::routing {

// Reads `budgets` of the top level; they name what the others hold.
void read_settings(config::Section& top, std::span<const provider::Settings> providers,
                   std::span<const ModelSettings> models,
                   std::span<const identity::KeySettings> keys, std::vector<Budget>& into);

// Whether an attempt of `key` (null: no keys are configured) for the logical model `model` counts;
// `provider` is empty before it is known who will be asked: then budgets of a provider do not.
bool counts(const records::SpendingScope& scope, const identity::KeySettings* key,
            std::string_view model, std::string_view provider);

}  // namespace holdfast::routing
