#include "simulation/script.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulation/scenario.h"

namespace holdfast::simulation {
namespace {
using records::bit;
using records::Feature;
using namespace std::chrono_literals;
constexpr std::int64_t most_pieces = 64;         // what is longer comes in larger ones
constexpr std::int64_t most_filler = 1U << 20U;  // bytes of a prompt
constexpr std::int64_t bytes_per_token = 4;      // as estimates have it
constexpr std::int64_t bytes_besides = 60;       // of a request without its text, in part
constexpr std::int64_t microseconds_per_hour = 3'600'000'000;

// What of a request says that it makes use of a feature.
struct Saying {
  Feature feature;
  std::string_view json;
};
constexpr Saying sayings[] = {
    {Feature::tools,
     R"("tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}])"},
    {Feature::parallel_tools, R"("parallel_tool_calls":true)"},
    {Feature::reasoning, R"("reasoning_effort":"low")"},
    {Feature::stop, R"("stop":["###"])"},
    {Feature::seed, R"("seed":1)"},
    {Feature::metadata, R"("metadata":{"simulated":"yes"})"},
    {Feature::service_tier, R"("service_tier":"auto")"},
};
// The smallest picture: one point.
constexpr std::string_view picture =
    R"({"type":"image_url","image_url":{"url":"data:image/png;base64,)"
    R"(iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==)"
    R"("}})";

std::uint32_t sayable() {
  std::uint32_t bits = bit(Feature::stream) | bit(Feature::images);
  for (const Saying& one : sayings) bits |= bit(one.feature);
  return bits;
}

// As many bytes as the tokens come to, with spaces in them as prose has.
std::string text_of(const Asked& asked, std::uint32_t number) {
  std::string text = fmt::format("Request {}.", number);
  const std::int64_t size = prompt_bytes(asked) - bytes_besides;
  while (static_cast<std::int64_t>(text.size()) < size) text += " word";
  return text;
}
}  // namespace

std::int64_t prompt_bytes(const Asked& asked) {
  return std::min(most_filler, std::max<std::int64_t>(asked.tokens_in, 0) * bytes_per_token);
}

Result<std::map<std::string, Script, std::less<>>> scripts_of(const records::PastTraffic& past,
                                                              const Traffic& traffic) {
  std::map<std::string, Script, std::less<>> scripts;
  const std::int64_t begins = traffic.from_us.value_or(past.requests.front().at_us);
  const std::int64_t ends = traffic.until_us.value_or(past.requests.back().at_us + 1'000'000);
  const std::chrono::microseconds lasts((ends - begins) / traffic.speed);
  if (lasts > longest_simulation)
    return fail(ErrorCode::configuration,
                fmt::format("{} from {} until {} is {} hours, and a simulation lasts at most {}: "
                            "choose a shorter time with from and until, or a higher speed",
                            traffic.recorded, records::format_moment(begins),
                            records::format_moment(ends), (ends - begins) / microseconds_per_hour,
                            std::chrono::hours(longest_simulation).count()));
  for (const records::PastRequest& request : past.requests) {
    Script& script = scripts[past.models[request.model]];
    Asked asked;
    asked.at = std::chrono::microseconds((request.at_us - begins) / traffic.speed);
    asked.stream = (request.features & bit(Feature::stream)) != 0;
    asked.key = request.key;
    asked.features = request.features;
    if (request.tokens_in >= 0) asked.tokens_in = request.tokens_in;
    asked.tokens_out = request.tokens_out >= 0 ? request.tokens_out : traffic.tokens;
    asked.pieces = static_cast<int>(std::clamp<std::int64_t>(asked.tokens_out, 1, most_pieces));
    script.requests.push_back(asked);
  }
  for (auto& [model, script] : scripts) {
    script.begins_us = begins;
    script.lasts = std::max<Duration>(lasts, 1s);
    script.keys = past.keys;
    script.paces = past.paces;
  }
  return scripts;
}

std::uint32_t unsaid(std::uint32_t features) { return features & ~sayable(); }

std::string body_of(const Asked& asked, std::string_view model, std::uint32_t number) {
  const std::string text = text_of(asked, number);
  const bool pictured = (asked.features & bit(Feature::images)) != 0;
  std::string out = fmt::format(R"({{"model":"{}","messages":[{{"role":"user","content":)", model);
  if (pictured)
    fmt::format_to(std::back_inserter(out), R"([{{"type":"text","text":"{}"}},{}])", text, picture);
  else
    fmt::format_to(std::back_inserter(out), R"("{}")", text);
  out += "}]";
  for (const Saying& one : sayings)
    if ((asked.features & bit(one.feature)) != 0) (out += ',') += one.json;
  if (asked.stream) out += R"(,"stream":true)";
  return out + "}";
}

}  // namespace holdfast::simulation
