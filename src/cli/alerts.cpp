#include "cli/alerts.h"

#include "cli/check.h"
#include "config/document.h"
#include "control/alert/prometheus.h"
#include "server/settings.h"

namespace holdfast::cli {

Outcome alert_rules(const std::string& path, std::size_t columns) {
  const auto settings = server::read_settings(config::load(path_to_read(path)));
  if (settings) return {0, control::alert::prometheus_rules(settings->alerts.rules), {}};
  Outcome outcome{1, {}, {}};
  for (const config::Problem& problem : settings.error())
    outcome.error += wrap(config::to_string(problem), columns) + "\n";
  return outcome;
}

}  // namespace holdfast::cli
