// Holds the rules against what was counted, and says when one begins to fire and when it ends.
// Pure: time and totals are passed in.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/alert/series.h"
#include "control/alert/settings.h"

namespace holdfast::control::alert {

// One rule; of burn_rate one of its pairs of windows.
struct Alert {
  const Rule* rule = nullptr;
  std::string_view windows;  // "page_quick"; empty: the rule has one window only
  Severity severity = Severity::ticket;
  bool firing = false;
  double value = 0;           // a share, US dollars, or times the baseline
  double threshold = 0;       // beyond which it fires
  std::int64_t since_us = 0;  // wall time at which it began to fire; 0: it never did
};

struct Change {  // of an alert
  Alert alert;
  std::int64_t at_us = 0;
};

using ReadTotals = std::function<Totals(const Rule&)>;

class Watch {  // one thread at a time
 public:
  // What was counted for rules of the same name and meaning stays when others take their place.
  void use(std::vector<Rule> rules);

  // Looks again; called every Series::fine_step or so. Returns what began or ended.
  std::vector<Change> look(MonoTime now, std::int64_t wall_us, const ReadTotals& read);

  std::vector<Alert> alerts() const;

  // An alert ends when it has not been true for so long: one that flaps is told of once.
  static constexpr std::chrono::minutes calm{2};

 private:
  struct State {
    Alert alert;
    MonoTime last_true{};
  };
  struct Watched {
    Rule rule;
    Series series;
    std::vector<State> states;
  };
  static std::vector<State> states_of(const Rule& rule);
  std::vector<std::unique_ptr<Watched>> watched_;  // rules stay where alerts point to
};

// In words, for logs and messages: "rule 'x': 12.5 % of requests for chat failed in 5m (limit 5
// %)".
std::string summary_of(const Alert& alert);
std::string scope_of(const Scope& scope);

}  // namespace holdfast::control::alert
