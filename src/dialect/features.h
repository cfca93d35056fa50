// The features that a request uses, as bits of a set. They are recorded with each attempt.
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>

namespace holdfast::dialect {

using Features = std::uint32_t;

enum Feature : Features {
  stream = 1U << 0U,
  tools = 1U << 1U,
  parallel_tools = 1U << 2U,
  json_schema = 1U << 3U,
  json_object = 1U << 4U,
  images = 1U << 5U,
  audio = 1U << 6U,
  files = 1U << 7U,
  reasoning = 1U << 8U,
  logprobs = 1U << 9U,
  many = 1U << 10U,  // n > 1
  stop = 1U << 11U,
  seed = 1U << 12U,
  prediction = 1U << 13U,
  web_search = 1U << 14U,
};

// Bit and name, in the order of the bits.
inline constexpr std::pair<Feature, std::string_view> feature_names[] = {
    {stream, "stream"},
    {tools, "tools"},
    {parallel_tools, "parallel_tools"},
    {json_schema, "json_schema"},
    {json_object, "json_object"},
    {images, "images"},
    {audio, "audio"},
    {files, "files"},
    {reasoning, "reasoning"},
    {logprobs, "logprobs"},
    {many, "many"},
    {stop, "stop"},
    {seed, "seed"},
    {prediction, "prediction"},
    {web_search, "web_search"},
};

}  // namespace holdfast::dialect
