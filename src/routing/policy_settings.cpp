#include "routing/policy_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "config/section.h"

namespace holdfast::routing {
namespace {
using config::Section;

constexpr std::uint32_t hundred_percent = 10'000;  // in hundredths
constexpr int most_weight = 10'000;
constexpr std::string_view header_prefix = "header:";
constexpr std::array<config::Choice<Policy>, policy_count> policies = {
    {{"failover", Policy::failover},
     {"weighted", Policy::weighted},
     {"round_robin", Policy::round_robin},
     {"least_latency", Policy::least_latency},
     {"least_cost", Policy::least_cost},
     {"least_busy", Policy::least_busy},
     {"sticky", Policy::sticky},
     {"conditional", Policy::conditional},
     {"split", Policy::split}}};
constexpr std::array<config::Choice<On>, 5> ons = {{{"request", On::request},
                                                    {"user", On::user},
                                                    {"conversation", On::conversation},
                                                    {"prefix", On::prefix},
                                                    {"key", On::key}}};

bool weighs(Policy policy) { return policy == Policy::weighted || policy == Policy::sticky; }
bool sticks(Policy policy) { return policy == Policy::sticky || policy == Policy::split; }

class PolicyReader {
 public:
  PolicyReader(const ReadTarget& read_target, ModelSettings& model)
      : read_target_(read_target), model_(model) {}

  void read_root(Section& section) {
    model_.tree.emplace_back();
    read_group(section, 0, 1, "");
  }

 private:
  // Reads the group whose node is at `at`.   path   of the group in the model, for its salt
  void read_group(Section& section, std::size_t at, std::size_t depth, const std::string& path) {
    Node node;
    section.choice("policy", node.policy, policies, "how one of the targets below is chosen");
    node.on = node.policy == Policy::sticky ? On::conversation : On::request;
    section.when(sticks(node.policy), "policy: sticky or split", [&] { read_on(section, node); });
    node.salt = stable_hash(model_.name + path);
    if (node.policy == Policy::round_robin)
      node.turn = std::make_shared<std::atomic<std::uint32_t>>(0);
    const bool listed = section.items(
        "targets", "who answers for it: targets, or groups {policy: ..., targets: [...]} of them",
        [&](Section& inner) { read_entry(inner, node, depth, path); });
    section.require("targets",
                    "list who answers for it, as in targets: [{provider: ..., model: ...}]");
    if (listed && section.has("targets") && node.children.empty() && !full_)
      section.problem("targets", "empty", "list at least one, as in {provider: ..., model: ...}");
    finish_group(node);
    // Over what the group above has said of it.
    Node& place = model_.tree[at];
    node.weight = place.weight;
    node.percent = place.percent;
    node.when = std::move(place.when);
    check_group(section, node);
    place = std::move(node);
  }

  void read_on(Section& section, Node& node) {
    std::string on(to_string(node.on));
    if (!section.word("on", on,
                      "for whom the choice is always the same: request, user, conversation, "
                      "prefix, key, header:NAME"))
      return;
    const auto found = std::ranges::find(ons, on, &config::Choice<On>::name);
    if (found != ons.end()) {
      node.on = found->value;
    } else if (on.starts_with(header_prefix) && on.size() > header_prefix.size()) {
      node.on = On::header;
      node.header = on.substr(header_prefix.size());
    } else {
      section.problem("on", "unknown value", {},
                      "request, user, conversation, prefix, key, header:NAME");
    }
  }

  void read_entry(Section& inner, Node& group, std::size_t depth, const std::string& path) {
    const bool nested = inner.has("targets") || inner.has("policy");
    const std::string inner_path = fmt::format("{}.targets[{}]", path, group.children.size());
    Node node;
    if (nested) read_place(inner, group.policy, node);
    if (nested && depth >= limits::policy_depth) {
      inner.problem("targets", fmt::format("groups nested deeper than {}", limits::policy_depth));
      return;
    }
    if (nested) {
      const std::size_t at = model_.tree.size();
      model_.tree.push_back(std::move(node));
      read_group(inner, at, depth + 1, inner_path);
      if (model_.tree[at].children.empty())
        model_.tree.resize(at);  // a problem is reported
      else
        group.children.push_back(static_cast<std::uint8_t>(at));
      return;
    }
    if (inner.document() == nullptr) describe_group(inner);
    TargetSettings target;
    const bool kept = read_target_(inner, target);
    read_place(inner, group.policy, node);
    if (!kept) {
      full_ = true;
      return;
    }
    node.leaf = static_cast<std::uint8_t>(model_.targets.size());
    node.leaves = 1U << node.leaf;
    node.id = stable_hash(target.model, stable_hash(target.provider));
    // Two alike are two nevertheless.
    while (std::ranges::find(model_.tree, node.id, &Node::id) != model_.tree.end())
      node.id = mix(node.id + 1);
    group.children.push_back(static_cast<std::uint8_t>(model_.tree.size()));
    model_.tree.push_back(std::move(node));
    model_.targets.push_back(std::move(target));
  }

  // The keys of an entry that is a group; nothing is there to be read.
  static void describe_group(Section& inner) {
    Node node;
    inner.choice("policy", node.policy, policies,
                 "makes this entry a group, with targets below it");
    std::string on;
    inner.word("on", on, "of a group: as of the model");
    inner.items("targets", "of a group: as of the model", [](Section&) {});
  }

  // What the group says of an entry: how much of the traffic, or on which condition.
  void read_place(Section& inner, Policy policy, Node& node) {
    int weight = 1;
    inner.when(weighs(policy), "policy: weighted or sticky", [&] {
      inner.integer("weight", weight, 0, most_weight,
                    "its share beside the others; 0: only when no other is left");
    });
    node.weight = static_cast<std::uint32_t>(weight);
    std::string percent;
    inner.when(policy == Policy::split, "policy: split", [&] {
      if (!inner.word("percent", percent, "its share, as in 5 or 0.5; all of a group are 100"))
        return;
      if (const auto value = parse_percent(percent))
        node.percent = *value;
      else
        inner.problem("percent", "not a percentage", "write it as in 5 or 0.5, up to 100");
    });
    if (policy == Policy::split)
      inner.require("percent", "give every entry of a split its share, as in percent: 5");
    inner.when(policy == Policy::conditional, "policy: conditional", [&] {
      read_when(inner,
                "tried only if this holds, as in team == \"support\" and tokens > 8000; "
                "none: always",
                node.when);
    });
  }

  void finish_group(Node& node) {
    for (const std::uint8_t child : node.children) node.leaves |= model_.tree[child].leaves;
  }

  void check_group(Section& section, const Node& node) {
    std::uint64_t weights = 0;
    std::uint32_t percents = 0;
    for (const std::uint8_t child : node.children) {
      weights += model_.tree[child].weight;
      percents += model_.tree[child].percent;
    }
    if (node.children.empty()) return;
    if (weighs(node.policy) && weights == 0)
      section.problem("targets", "every weight is 0", "give at least one a weight");
    if (node.policy == Policy::split && percents != hundred_percent)
      section.problem("targets",
                      fmt::format("the percentages are {} in all",
                                  fmt::format("{:g}", static_cast<double>(percents) / 100)),
                      "make them 100");
    if (node.policy == Policy::conditional && model_.tree[node.children.back()].when)
      section.warn("targets", "a request for which no condition holds is refused",
                   "add a last entry without when, if others are to be answered");
  }

  const ReadTarget& read_target_;
  ModelSettings& model_;
  bool full_ = false;
};

}  // namespace

std::optional<std::uint32_t> parse_percent(std::string_view text) {
  std::uint32_t whole = 0;
  std::uint32_t parts = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc() || whole > 100) return std::nullopt;
  std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (rest.empty()) return whole * 100;
  rest.remove_prefix(1);
  if (*end != '.' || rest.empty() || rest.size() > 2) return std::nullopt;
  for (const char c : rest) {
    if (c < '0' || c > '9') return std::nullopt;
    parts = parts * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (rest.size() == 1) parts *= 10;
  const std::uint32_t value = whole * 100 + parts;
  return value <= hundred_percent ? std::optional(value) : std::nullopt;
}

void read_when(Section& section, std::string_view about, std::optional<Expression>& into) {
  std::string when;
  if (!section.text("when", when, about)) return;
  auto compiled = Expression::compile(when);
  if (compiled)
    into = std::move(*compiled);
  else
    section.problem("when", std::move(compiled.error().what), std::move(compiled.error().remedy),
                    std::move(compiled.error().allowed));
}

void read_policies(Section& section, const ReadTarget& read_target, ModelSettings& model) {
  PolicyReader(read_target, model).read_root(section);
}

}  // namespace holdfast::routing
