// How servers that speak OpenAI's chat dialect deviate from it: one table each, instead of one
// codec each. Readers take every known deviation from anyone; the tables say what is written, and
// what counts as lost because the server refuses or ignores it. Facts as of 2026-11, from the
// vendors' documentation and the published types.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dialect/canonical.h"

namespace holdfast::dialect::openai {

// Whether what the model thought in earlier turns goes back to it.
enum class Replay : std::uint8_t {
  never,
  tool_loop,  // only since the last user message, and then always (DeepSeek)
  always,
};

// How an answer that the client has begun is continued.
enum class Prefill : std::uint8_t {
  none,
  last_message,    // a last message of the assistant's is, by itself, and all of it comes again
  prefix,          // "prefix": true in the last message
  continue_final,  // "continue_final_message": true in the request
};

enum class CacheMarks : std::uint8_t {
  none,
  breakpoint,     // prompt_cache_breakpoint
  cache_control,  // as Anthropic has it
};

struct Deviations {
  std::string_view id{};    // "mistral": names the table
  std::string_view name{};  // "Mistral": in messages to clients

  // Fields that are called otherwise; empty: there is none.
  std::string_view max_tokens = "max_tokens";
  std::string_view seed = "seed";
  std::string_view user{};                 // of the end user
  std::string_view required = "required";  // the tool choice
  std::string_view show{}, show_value{};   // asks for the model's thoughts
  std::string_view reasoning_field{};      // holds them in requests
  std::string_view house{};                // whose signatures its answers have

  // What of a request is honoured.
  std::span<const Effort> efforts{};  // in rising order; others are rounded to the nearest
  std::span<const std::string_view> service_tiers{};
  std::span<const std::string_view> extras{};  // the dialect's own fields; all when any_extra
  bool any_extra = false;
  std::size_t most_stops = 4;
  double most_temperature = 2;
  std::size_t most_id_length = 0;  // of tool calls; 0: any
  bool top_k = false, penalties = true, n = true, logprobs = true;
  bool tool_choice = true, allowed_tools = false, parallel_tools = true, strict_tools = false;
  bool json_object = true, json_schema = true;
  bool verbosity = false, metadata = false, padding = false;
  bool names = true;                      // of speakers
  bool tool_names = false;                // of tools, in their results
  bool refusals = false;                  // as a field of their own
  bool images = true, image_urls = true;  // urls: else inline only
  bool documents = false, document_urls = false;
  bool audio = false, video = false;
  CacheMarks cache_marks = CacheMarks::none;
  Replay replay = Replay::never;
  Prefill prefill = Prefill::none;

  // What it insists on.
  bool text_parts = true;           // several texts may be an array of parts; else they are joined
  bool ask_usage = true;            // takes stream_options.include_usage; else tells usage unasked
  bool needs_parameters = true;     // of every tool
  bool nine_character_ids = false;  // of tool calls: letters and digits
  bool no_user_after_tool = false;
  bool thinking_chunks = false;    // thoughts are parts of the content
  bool reasoning_details = false;  // thoughts with their signatures are a list of details
  bool reasoning_object = false;   // reasoning {effort, max_tokens, exclude, enabled}
  bool thinking_switch = false;    // thinking {type: disabled}

  // How its answers differ.
  bool output_is_total_less_input = false;  // completion_tokens leaves the reasoning out
};

namespace deviations {
extern const Deviations openai, azure, mistral, groq, deepseek, xai, together, fireworks,
    openrouter, ollama, vllm, sglang, tgi, llama_cpp;
// All of them.
std::span<const Deviations* const> all();
// The table `id`; null when there is none.
const Deviations* find(std::string_view id);
}  // namespace deviations

}  // namespace holdfast::dialect::openai
