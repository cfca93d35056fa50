#include "provider/probe_settings.h"

#include <array>

#include "config/section.h"

namespace holdfast::provider {
namespace {
using namespace std::chrono_literals;
constexpr std::array<config::Choice<ProbeKind>, 3> kinds = {
    {{"none", ProbeKind::none},
     {"models", ProbeKind::models},
     {"completion", ProbeKind::completion}}};
}  // namespace

void read_probe(config::Section& section, ProbeSettings& into) {
  section.section("probe", "how its targets are tried while they are out", [&](auto& probe) {
    probe.choice("kind", into.kind, kinds,
                 "models: the list of models, free, where its kind has one; completion: an answer "
                 "of one token, paid");
    probe.duration("every", into.every, 100ms, 24h,
                   "from one to the next, unless the breaker's time is over before");
    probe.duration("timeout", into.timeout, 100ms, 10min, "of one");
    probe.when(into.kind == ProbeKind::completion, "kind: completion", [&] {
      probe.integer("per_day", into.per_day, 1, 100'000,
                    "most completions of all its targets within 24 hours");
    });
  });
}

}  // namespace holdfast::provider
