#include "routing/order.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/check.h"

namespace holdfast::routing {
namespace {

constexpr std::size_t most = limits::targets_per_model;
constexpr std::uint32_t hundred_percent = 10'000;  // in hundredths

// The children of one group that have somebody to offer, in the order being made.
struct Row {
  std::array<std::uint8_t, most> nodes{};
  std::size_t count = 0;
  std::span<std::uint8_t> all() { return std::span(nodes).first(count); }
  void to_front(std::size_t place, std::size_t front = 0) {
    std::rotate(nodes.begin() + static_cast<std::ptrdiff_t>(front),
                nodes.begin() + static_cast<std::ptrdiff_t>(place),
                nodes.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
};

// In (0, 1), by the upper 53 bits.
double unit(std::uint64_t bits) { return (static_cast<double>(bits >> 11U) + 0.5) * 0x1p-53; }

class Arranging {
 public:
  Arranging(const Route& route, const Facts& facts, std::uint32_t among, const Moment& moment,
            std::vector<Decision>* trace)
      : route_(route), facts_(facts), among_(among), moment_(moment), trace_(trace) {}

  void place(std::size_t at, Order& out) {
    const Node& node = route_.nodes[at];
    if (node.leaf != Node::no_leaf) {
      out.positions[out.count++] = node.leaf;
      return;
    }
    Row row;
    for (const std::uint8_t child : node.children)
      if ((route_.nodes[child].leaves & among_) != 0) row.nodes[row.count++] = child;
    std::size_t decision = 0;
    if (trace_ != nullptr) {
      decision = trace_->size();
      trace_->push_back({at, {}});
    }
    std::string why = sort(node, row);
    if (trace_ != nullptr) (*trace_)[decision].why = std::move(why);
    for (const std::uint8_t child : row.all()) place(child, out);
  }

 private:
  // Puts the row in the order of the node's policy; says why, if somebody asks.
  std::string sort(const Node& node, Row& row) {
    switch (node.policy) {
      case Policy::failover:
        return trace_ == nullptr ? std::string() : "in their order";
      case Policy::weighted:
        return draw(row);
      case Policy::round_robin:
        return take_turn(node, row);
      case Policy::least_latency:
        return compare_two(row);
      case Policy::least_cost:
        return sort_by_cost(row);
      case Policy::least_busy:
        return sort_by_load(row);
      case Policy::sticky:
        return stick(node, row);
      case Policy::conditional:
        return filter(row);
      case Policy::split:
        return split(node, row);
    }
    return {};
  }

  const Node& of(std::uint8_t child) const { return route_.nodes[child]; }

  // Bits of the positions that are well; looked at when a policy asks first.
  std::uint32_t well() {
    if (well_) return *well_;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < route_.leaves.size(); ++i) {
      if ((among_ & (1U << i)) == 0) continue;
      const BreakerState state = moment_.health.view(route_.leaves[i].index, moment_.now).state;
      if (state == BreakerState::closed || state == BreakerState::half_open) bits |= 1U << i;
    }
    well_ = bits;
    return bits;
  }
  bool is_well(std::uint8_t child) { return (of(child).leaves & well()) != 0; }

  // Those that are well before the others, else as they stand. Returns how many are.
  std::size_t well_first(Row& row) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < row.count; ++i)
      if (is_well(row.nodes[i])) row.to_front(i, count++);
    return count;
  }

  // Drawn without putting back: whoever is out, the others stay in proportion to each other.
  std::string draw(Row& row) {
    std::uint64_t total = 0;
    for (const std::uint8_t child : row.all()) total += of(child).weight;
    const std::uint64_t all = total;
    for (std::size_t front = 0; total > 0 && front + 1 < row.count; ++front) {
      std::uint64_t ticket = moment_.random.below(total);
      std::size_t place = front;
      while (ticket >= of(row.nodes[place]).weight) ticket -= of(row.nodes[place++]).weight;
      total -= of(row.nodes[place]).weight;
      row.to_front(place, front);
    }
    if (trace_ == nullptr || row.count == 0) return {};
    return fmt::format("drew weight {} of {}", of(row.nodes[0]).weight, all);
  }

  std::string take_turn(const Node& node, Row& row) {
    const std::size_t well = well_first(row);
    const std::uint32_t turn = moment_.dry ? node.turn->load(std::memory_order_relaxed)
                                           : node.turn->fetch_add(1, std::memory_order_relaxed);
    if (well > 0)
      std::rotate(row.nodes.begin(), row.nodes.begin() + static_cast<std::ptrdiff_t>(turn % well),
                  row.nodes.begin() + static_cast<std::ptrdiff_t>(well));
    if (trace_ == nullptr) return {};
    return well == 0 ? std::string("none is well: in their order")
                     : fmt::format("turn {} of {} that are well", turn % well + 1, well);
  }

  // The least of `value` over the leaves of a child, those that are well if any is.
  template <class Value>
  auto least(std::uint8_t child, Value value) {
    std::uint32_t leaves = of(child).leaves & among_;
    if ((leaves & well()) != 0) leaves &= well();
    std::optional<decltype(value(route_.leaves[0]))> found;
    for (std::size_t i = 0; i < route_.leaves.size(); ++i) {
      if ((leaves & (1U << i)) == 0) continue;
      const auto one = value(route_.leaves[i]);
      if (!found || one < *found) found = one;
    }
    return *found;
  }

  // Sorts by `values`, which stand by place in the row; equal ones stay as they are.
  template <class T>
  static void sort_by(Row& row, std::size_t end, std::array<T, most>& values) {
    for (std::size_t i = 1; i < end; ++i)
      for (std::size_t j = i; j > 0 && values[j] < values[j - 1]; --j) {
        std::swap(values[j], values[j - 1]);
        std::swap(row.nodes[j], row.nodes[j - 1]);
      }
  }

  // The power of two choices: the better of two drawn at random, so that not all run to the one
  // that was best a moment ago.
  std::string compare_two(Row& row) {
    const std::size_t well = well_first(row);
    std::array<double, most> values{};
    for (std::size_t i = 0; i < row.count; ++i)
      values[i] = least(row.nodes[i], [this](const Leaf& leaf) {
        return moment_.load.predicted_us(leaf.index, expected_tokens_out(facts_), moment_.now);
      });
    if (well < 2) {
      sort_by(row, well, values);
      if (trace_ == nullptr) return {};
      return well == 0 ? std::string("none is well: in their order")
                       : fmt::format("one is well, {} predicted", shown_us(values[0]));
    }
    const auto one = static_cast<std::size_t>(moment_.random.below(well));
    auto other = static_cast<std::size_t>(moment_.random.below(well - 1));
    if (other >= one) ++other;
    const std::size_t better = values[other] < values[one] ? other : one;
    const double won = values[better];
    const double lost = values[one + other - better];
    const std::uint8_t first = row.nodes[better];
    sort_by(row, well, values);
    const auto at = std::find(row.nodes.begin(), row.nodes.end(), first);
    row.to_front(static_cast<std::size_t>(at - row.nodes.begin()));
    if (trace_ == nullptr) return {};
    return fmt::format("of two drawn, {} predicted against {}", shown_us(won), shown_us(lost));
  }

  static std::string shown_us(double us) {
    constexpr double unmeasured_us = 1e14;
    if (us >= unmeasured_us) return "nothing yet";
    return fmt::format("{:.0f} ms", us / 1000);
  }

  std::string sort_by_cost(Row& row) {
    __extension__ using Wide = __int128;
    constexpr Wide unknown = Wide{1} << 120U;
    const auto cost = [this](const Leaf& leaf) {
      if (!leaf.price.known()) return unknown;
      return static_cast<Wide>(leaf.price.input) * facts_.tokens_in +
             static_cast<Wide>(leaf.price.output) * expected_tokens_out(facts_);
    };
    std::array<Wide, most> values{};
    for (std::size_t i = 0; i < row.count; ++i) values[i] = least(row.nodes[i], cost);
    sort_by(row, row.count, values);
    if (trace_ == nullptr || row.count == 0) return {};
    if (values[0] == unknown) return "no price is known: in their order";
    return fmt::format("{:.6f} USD expected, for {} tokens in and {} out",
                       static_cast<double>(values[0]) / 1e12, facts_.tokens_in,
                       expected_tokens_out(facts_));
  }

  std::string sort_by_load(Row& row) {
    const std::size_t well = well_first(row);
    // Among equals none is always the first.
    if (well > 1) {
      const auto start = static_cast<std::ptrdiff_t>(moment_.random.below(well));
      std::rotate(row.nodes.begin(), row.nodes.begin() + start,
                  row.nodes.begin() + static_cast<std::ptrdiff_t>(well));
    }
    std::array<std::int64_t, most> values{};
    for (std::size_t i = 0; i < well; ++i)
      values[i] = least(row.nodes[i],
                        [this](const Leaf& leaf) { return moment_.load.in_flight(leaf.index); });
    sort_by(row, well, values);
    if (trace_ == nullptr) return {};
    return well == 0 ? std::string("none is well: in their order")
                     : fmt::format("{} under way", values[0]);
  }

  // The caller for whom the choice is always the same; 0: the request does not say.
  std::uint64_t caller(const Node& node) const {
    const auto hash = [](std::string_view text) { return text.empty() ? 0 : stable_hash(text); };
    switch (node.on) {
      case On::request:
        return hash(facts_.request_id);
      case On::user:
        return facts_.user;
      case On::conversation:
        return facts_.conversation;
      case On::prefix:
        return facts_.prefix;
      case On::key:
        return hash(facts_.key);
      case On::header:
        return hash(facts_.header(node.header));
    }
    return 0;
  }

  std::string shown_caller(const Node& node, bool known) const {
    const std::string name = node.on == On::header ? fmt::format("header {}", node.header)
                                                   : std::string(to_string(node.on));
    return known ? "by " + name : fmt::format("at random: the request has no {}", name);
  }

  // For one caller: exponentially distributed with mean 1, and a node's own. A group's comes from
  // the targets below it, of which one less changes it for few callers: an id of the group would
  // change for all of them.
  double time_of(const Node& node, const Node& above, std::uint64_t by) const {
    if (node.leaf != Node::no_leaf) return -std::log(unit(mix(by ^ mix(node.id))));
    double first = std::numeric_limits<double>::infinity(), weights = 0;
    // The first of them is then the one that the group itself will choose: none but its callers
    // look for another when it leaves.
    if (node.policy == Policy::sticky && node.on == above.on && node.header == above.header) {
      for (const std::uint8_t child : node.children) {
        if (of(child).weight == 0) continue;
        weights += of(child).weight;
        first = std::min(first, time_of(of(child), node, by) / of(child).weight);
      }
      return weights * first;
    }
    // Other hashes than the targets' own: what the group chooses must not depend on whether it is
    // chosen.
    for (const Node& one : route_.nodes) {
      if (one.leaf == Node::no_leaf || (one.leaves & node.leaves) == 0) continue;
      ++weights;
      first = std::min(first, -std::log(unit(mix(~by ^ mix(one.id)))));
    }
    return weights * first;
  }

  // Rendezvous hashing with weights: when one leaves, only its own callers move.
  std::string stick(const Node& node, Row& row) {
    const std::uint64_t known = caller(node);
    const std::uint64_t by = known != 0 ? known : moment_.random.next();
    std::array<double, most> values{};  // negative scores: the least is the first
    for (std::size_t i = 0; i < row.count; ++i)
      values[i] =
          -static_cast<double>(of(row.nodes[i]).weight) / time_of(of(row.nodes[i]), node, by);
    sort_by(row, row.count, values);
    return trace_ == nullptr ? std::string() : shown_caller(node, known != 0);
  }

  std::string filter(Row& row) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < row.count; ++i) {
      const Node& child = of(row.nodes[i]);
      if (!child.when || child.when->holds(facts_)) row.nodes[kept++] = row.nodes[i];
    }
    row.count = kept;
    if (trace_ == nullptr) return {};
    if (kept == 0) return "no condition holds";
    const auto& when = of(row.nodes[0]).when;
    return when ? fmt::format("holds: {}", when->text()) : std::string("without a condition");
  }

  std::string split(const Node& node, Row& row) {
    const std::uint64_t known = caller(node);
    const std::uint64_t by = known != 0 ? known : moment_.random.next();
    auto share = static_cast<std::uint32_t>(mix(by ^ mix(node.salt)) % hundred_percent);
    const std::uint32_t drawn = share;
    // Over all children, those that cannot serve too: nobody changes sides because one is left out.
    std::uint8_t chosen = node.children.front();
    for (const std::uint8_t child : node.children) {
      chosen = child;
      if (share < of(child).percent) break;
      share -= of(child).percent;
    }
    const auto at = std::ranges::find(row.all(), chosen);
    if (at != row.all().end()) row.to_front(static_cast<std::size_t>(at - row.all().begin()));
    if (trace_ == nullptr) return {};
    return fmt::format("{:.2f} of 100 {}{}", static_cast<double>(drawn) / 100,
                       shown_caller(node, known != 0),
                       at == row.all().end() ? ", whose part is left out" : "");
  }

  const Route& route_;
  const Facts& facts_;
  std::uint32_t among_;
  const Moment& moment_;
  std::vector<Decision>* trace_;
  std::optional<std::uint32_t> well_;
};

}  // namespace

std::uint32_t Order::bits() const {
  std::uint32_t bits = 0;
  for (const std::uint8_t position : all()) bits |= 1U << position;
  return bits;
}

Order arrange(const Route& route, const Facts& facts, std::uint32_t among, const Moment& moment,
              std::vector<Decision>* trace) {
  HF_CHECK(route.leaves.size() <= limits::targets_per_model && !route.nodes.empty());
  Order out;
  if ((route.nodes.front().leaves & among) != 0)
    Arranging(route, facts, among, moment, trace).place(0, out);
  return out;
}

std::uint32_t permitted(const Route& route, const Facts& facts) {
  std::uint32_t bits = route.permitted;
  if (facts.regions.empty()) return bits;
  for (std::size_t i = 0; i < route.leaves.size(); ++i)
    if (!in_regions(route.leaves[i].region, facts.regions)) bits &= ~(1U << i);
  return bits;
}

}  // namespace holdfast::routing
