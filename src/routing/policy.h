// How a model's targets are chosen from: a tree of policies whose leaves are targets. Made when
// the configuration is read, immutable afterwards but for the turns of round_robin.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "routing/expression.h"

namespace holdfast::limits {
inline constexpr std::size_t policy_depth = 8;  // of groups in groups
}  // namespace holdfast::limits

namespace holdfast::routing {

// Spelled as in the configuration. Each gives all that stand below it in an order: the first is
// the policy's choice, the others are who comes after it when it fails.
enum class Policy : std::uint8_t {
  failover,       // in their order
  weighted,       // at random, in proportion to `weight`
  round_robin,    // those that are well take turns
  least_latency,  // the faster of two drawn at random, then the others by predicted time
  least_cost,     // by price times expected tokens; unknown prices last
  least_busy,     // by attempts under way
  sticky,         // the same for the same caller (`on`), in proportion to `weight`
  conditional,    // those whose `when` holds, in their order; no others
  split,          // by `percent`, the same for the same caller (`on`)
};
inline constexpr std::size_t policy_count = 9;
std::string_view to_string(Policy policy);

// For whom a sticky choice is the same.
enum class On : std::uint8_t {
  request,       // a request, by its x-request-id
  user,          // the end user that the request names
  conversation,  // what every turn of a conversation begins with
  prefix,        // system prompt and tools
  key,           // the client key
  header,        // the value of a header
};
std::string_view to_string(On on);

// In pico-USD per token, which is micro-USD per million tokens. Negative: not known.
struct TargetPrice {
  std::int64_t input = -1, output = -1;
  bool known() const { return input >= 0 && output >= 0; }
};

// What decisions need to know of a target.
struct Leaf {
  std::uint16_t index = 0;          // in the tables of health and load
  std::uint16_t provider = 0;       // equal for targets of the same one
  std::string region;               // the provider's; empty: not said
  std::int64_t context_window = 0;  // tokens; 0: not said
  TargetPrice price;
};

// A target, or a group of nodes.
struct Node {
  static constexpr std::uint8_t no_leaf = 255;
  std::uint8_t leaf = no_leaf;         // the target's position; no_leaf: a group
  Policy policy = Policy::failover;    // of a group
  std::vector<std::uint8_t> children;  // of a group: places in the tree
  std::uint32_t leaves = 0;            // bits of the positions below it
  std::uint64_t id = 0;                // of a target: the same wherever it stands
  std::uint64_t salt = 0;              // of split: the same as long as its place is the same
  On on = On::request;                 // of sticky and split
  std::string header;                  // of on: header
  std::shared_ptr<std::atomic<std::uint32_t>> turn;  // of round_robin: turns taken
  // What the group above says of it.
  std::uint32_t weight = 1;
  std::uint32_t percent = 0;  // in hundredths
  std::optional<Expression> when;
};

// A tree, the root first, and what goes with it.
struct Route {
  std::vector<Leaf> leaves;  // by position
  std::vector<Node> nodes;
  std::uint32_t permitted = 0;  // bits of the positions in the model's regions
  std::uint32_t needs = 0;      // bits of Need: the facts that the tree reads
  bool last_resort = true;      // targets whose breaker is open are tried when no other is left
  bool next_on_content_filter = false;            // another provider may answer what one refuses
  std::chrono::milliseconds wait_for_cooling{0};  // at most, before a request gives up

  // Bits of all positions.
  std::uint32_t all() const {
    return static_cast<std::uint32_t>((std::uint64_t{1} << leaves.size()) - 1);
  }
};

// Whether a provider in `region` may answer what must stay in `allowed` (empty: anywhere): its
// region is one of them, or begins with one and a dash. A region that is not said is none.
bool in_regions(std::string_view region, std::span<const std::string> allowed);

// The facts that `nodes` read.
std::uint32_t needs_of(std::span<const Node> nodes);

}  // namespace holdfast::routing
