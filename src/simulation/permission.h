// Who may answer a request of a simulation, by the regions and the conditions of the configuration.
// Found without the code that routes, so that it can be held to it.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "base/clock.h"
#include "identity/settings.h"
#include "routing/snapshot.h"

namespace holdfast::simulation {

// Bits of positions in the model.
struct Permitted {
  std::uint32_t may = 0;   // what is not known here taken for yes: no other may be asked
  std::uint32_t must = 0;  // ... taken for no: each of them could have answered
};

// What a request is permitted by, beside the model's tree.
struct Asker {
  std::span<const std::string> regions;  // of the model; empty: anywhere
  const identity::KeySettings* key = nullptr;
  std::uint32_t features = 0;  // bits of records::Feature
  bool stream = false;
};

// Which of the model's targets may answer what is sent at `wall_us` and decided within a second.
// The size of a request and its headers are not known here, nor whether a target can be told what
// the request makes use of: then none must.
Permitted permitted_targets(const routing::Model& model, const Asker& asker, std::int64_t wall_us);

// The same for copies: bits of the model's shadows, what is not known taken for yes.
std::uint32_t permitted_copies(const routing::Model& model, const Asker& asker,
                               std::int64_t wall_us);

}  // namespace holdfast::simulation
