// Compiles the configuration into what the data plane may know.
#pragma once
#include <functional>
#include <memory>

#include "observe/registry.h"
#include "routing/snapshot.h"
#include "server/settings.h"

namespace holdfast::server {

// The local engine of a provider of kind llama_cpp; kept over reloads by whoever provides it.
using EngineOf = std::function<std::shared_ptr<engine::Engine>(const provider::Settings&)>;

//   limits    where what has been used of limits is kept, over reloads
//   budgets   where settings.budgets are kept by their index; null: they are not
std::shared_ptr<const routing::Snapshot> compile(const Settings& settings, std::uint64_t generation,
                                                 std::int64_t now_us, observe::Registry& registry,
                                                 routing::LimitStore& limits,
                                                 const EngineOf& engine_of,
                                                 routing::BudgetTable* budgets = nullptr);

}  // namespace holdfast::server
