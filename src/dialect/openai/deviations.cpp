#include "dialect/openai/deviations.h"

#include <array>

namespace holdfast::dialect::openai::deviations {
namespace {

using std::string_view;

constexpr Effort every_effort[] = {Effort::none, Effort::minimal, Effort::low, Effort::medium,
                                   Effort::high, Effort::xhigh,   Effort::max};
constexpr Effort none_to_high[] = {Effort::none, Effort::low, Effort::medium, Effort::high};
constexpr Effort low_to_high[] = {Effort::low, Effort::medium, Effort::high};
constexpr Effort none_or_high[] = {Effort::none, Effort::high};
constexpr Effort low_or_high[] = {Effort::low, Effort::high};

constexpr string_view openai_tiers[] = {"auto", "default", "flex", "scale", "priority", "fast"};
constexpr string_view mistral_tiers[] = {"auto"};  // its other word is Anthropic's standard_only
constexpr string_view azure_tiers[] = {"auto", "default", "flex", "priority"};
constexpr string_view groq_tiers[] = {"auto", "flex"};
constexpr string_view openrouter_tiers[] = {"auto", "default", "flex", "priority"};

constexpr string_view mistral_extras[] = {
    "safe_prompt",     "prompt_mode",        "guardrails", "prediction",
    "min_tokens",      "repetition_penalty", "prefix",     "prompt_cache_key",
    "prompt_logprobs", "top_prompt_logprobs"};
constexpr string_view groq_extras[] = {
    "reasoning_format", "include_reasoning",       "documents",      "citation_options",
    "search_settings",  "disable_tool_validation", "compound_custom"};
constexpr string_view deepseek_extras[] = {"thinking"};
constexpr string_view xai_extras[] = {"deferred", "search_parameters", "web_search_options"};
constexpr string_view together_extras[] = {
    "min_p", "repetition_penalty", "logit_bias", "safety_model", "echo", "chat_template_kwargs"};
constexpr string_view fireworks_extras[] = {"min_p",
                                            "repetition_penalty",
                                            "logit_bias",
                                            "mirostat_target",
                                            "mirostat_lr",
                                            "typical_p",
                                            "ignore_eos",
                                            "prompt_cache_key",
                                            "reasoning_history",
                                            "prediction",
                                            "context_length_exceeded_behavior",
                                            "prompt_truncate_len",
                                            "echo",
                                            "perf_metrics_in_response"};
constexpr string_view openrouter_extras[] = {"min_p",      "top_a",       "repetition_penalty",
                                             "logit_bias", "transforms",  "models",
                                             "route",      "provider",    "plugins",
                                             "usage",      "prediction",  "web_search_options",
                                             "modalities", "image_config"};
constexpr string_view vllm_extras[] = {"min_p",
                                       "repetition_penalty",
                                       "length_penalty",
                                       "logit_bias",
                                       "stop_token_ids",
                                       "include_stop_str_in_output",
                                       "ignore_eos",
                                       "min_tokens",
                                       "skip_special_tokens",
                                       "spaces_between_special_tokens",
                                       "truncate_prompt_tokens",
                                       "prompt_logprobs",
                                       "bad_words",
                                       "allowed_token_ids",
                                       "echo",
                                       "add_generation_prompt",
                                       "continue_final_message",
                                       "add_special_tokens",
                                       "documents",
                                       "chat_template",
                                       "chat_template_kwargs",
                                       "mm_processor_kwargs",
                                       "structured_outputs",
                                       "guided_json",
                                       "guided_regex",
                                       "guided_choice",
                                       "guided_grammar",
                                       "priority",
                                       "cache_salt",
                                       "include_reasoning",
                                       "thinking_token_budget",
                                       "return_token_ids"};
constexpr string_view sglang_extras[] = {"min_p",
                                         "min_tokens",
                                         "repetition_penalty",
                                         "logit_bias",
                                         "regex",
                                         "ebnf",
                                         "stop_token_ids",
                                         "stop_regex",
                                         "ignore_eos",
                                         "no_stop_trim",
                                         "skip_special_tokens",
                                         "continue_final_message",
                                         "chat_template_kwargs",
                                         "separate_reasoning",
                                         "stream_reasoning",
                                         "lora_path",
                                         "rid",
                                         "priority"};
constexpr string_view llama_cpp_extras[] = {"min_p",
                                            "typical_p",
                                            "repeat_penalty",
                                            "repeat_last_n",
                                            "logit_bias",
                                            "mirostat",
                                            "mirostat_tau",
                                            "mirostat_eta",
                                            "dynatemp_range",
                                            "dynatemp_exponent",
                                            "xtc_probability",
                                            "xtc_threshold",
                                            "dry_multiplier",
                                            "dry_base",
                                            "dry_allowed_length",
                                            "samplers",
                                            "grammar",
                                            "grammar_lazy",
                                            "json_schema",
                                            "ignore_eos",
                                            "n_probs",
                                            "min_keep",
                                            "cache_prompt",
                                            "id_slot",
                                            "n_keep",
                                            "t_max_predict_ms",
                                            "timings_per_token",
                                            "chat_template_kwargs",
                                            "reasoning_format",
                                            "thinking_forced_open"};

}  // namespace

// Efforts and tiers: ReasoningEffort and service_tier of the types that openai-python 3.54
// publishes.
constinit const Deviations openai = {
    .id = "openai",
    .name = "OpenAI",
    .max_tokens = "max_completion_tokens",
    .user = "safety_identifier",
    .efforts = every_effort,
    .service_tiers = openai_tiers,
    .any_extra = true,
    .most_id_length = 40,
    .allowed_tools = true,
    .strict_tools = true,
    .verbosity = true,
    .metadata = true,
    .padding = true,
    .refusals = true,
    .documents = true,
    .audio = true,
    .cache_marks = CacheMarks::breakpoint,
    .needs_parameters = false,
};

// Its documentation's; no published types tell it apart from OpenAI. Tiers: its pages on flex
// processing (a preview) and on priority processing.
constinit const Deviations azure = {
    .id = "azure",
    .name = "Azure OpenAI",
    .max_tokens = "max_completion_tokens",
    .user = "user",
    .efforts = every_effort,
    .service_tiers = azure_tiers,
    .any_extra = true,
    .most_id_length = 40,
    .allowed_tools = true,
    .strict_tools = true,
    .verbosity = true,
    .metadata = true,
    .refusals = true,
    .documents = true,
    .audio = true,
    .needs_parameters = false,
};

// Fields, tiers and log-probabilities: ChatCompletionRequest and ChatCompletionChoice of the types
// that its Python client publishes. Those types list every effort; which of them a model takes is
// its documentation's: none and high, of those that can do both.
constinit const Deviations mistral = {
    .id = "mistral",
    .name = "Mistral",
    .seed = "random_seed",
    .required = "any",
    .house = "mistral",
    .efforts = none_or_high,
    .service_tiers = mistral_tiers,
    .extras = mistral_extras,
    .most_stops = 16,
    .most_temperature = 1.5,
    .top_k = true,
    .strict_tools = true,
    .metadata = true,
    .names = false,
    .tool_names = true,
    .document_urls = true,
    .audio = true,
    .replay = Replay::always,
    .prefill = Prefill::prefix,
    .ask_usage = false,
    .nine_character_ids = true,
    .no_user_after_tool = true,
    .thinking_chunks = true,
};

// Its API reference's: what it answers 400 to (n, logprobs, logit_bias, names), own fields, and
// tiers, of which on_demand and performance have no word of OpenAI's. It says of penalties that no
// model has them.
constinit const Deviations groq = {
    .id = "groq",
    .name = "Groq",
    .max_tokens = "max_completion_tokens",
    .user = "user",
    .show = "reasoning_format",
    .show_value = R"("parsed")",
    .efforts = none_to_high,
    .service_tiers = groq_tiers,
    .extras = groq_extras,
    .penalties = false,
    .n = false,
    .logprobs = false,
    .names = false,
};

// Its API reference's, the 16 stop strings among it.
constinit const Deviations deepseek = {
    .id = "deepseek",
    .name = "DeepSeek",
    .seed = {},
    .reasoning_field = "reasoning_content",
    .extras = deepseek_extras,
    .most_stops = 16,
    .n = false,
    .parallel_tools = false,
    .json_schema = false,
    .images = false,
    .image_urls = false,
    .replay = Replay::tool_loop,
    .text_parts = false,
    .thinking_switch = true,
};

// Its reference of the inference API, which says of logit_bias that it is not supported, and of
// penalties and stop strings that reasoning models have none: models differ, so they are sent.
constinit const Deviations xai = {
    .id = "xai",
    .name = "xAI",
    .max_tokens = "max_completion_tokens",
    .user = "user",
    .efforts = low_or_high,
    .extras = xai_extras,
    .strict_tools = true,
    .output_is_total_less_input = true,
};

// The types that its Python client publishes; efforts are those of gpt-oss, which its guide names.
constinit const Deviations together = {
    .id = "together",
    .name = "Together",
    .efforts = low_to_high,
    .extras = together_extras,
    .top_k = true,
    .logprobs = false,  // a count, which OpenAI's has in top_logprobs
    .parallel_tools = false,
    .video = true,
};

// The OpenAPI description of its endpoint: efforts, own fields, 4 stop strings, log-probabilities
// as OpenAI has them. Some of its models have xhigh and max too, which are rounded to high.
constinit const Deviations fireworks = {
    .id = "fireworks",
    .name = "Fireworks",
    .user = "user",
    .reasoning_field = "reasoning_content",
    .efforts = none_to_high,
    .extras = fireworks_extras,
    .top_k = true,
    .replay = Replay::always,
};

constinit const Deviations openrouter = {
    .id = "openrouter",
    .name = "OpenRouter",
    .user = "user",
    .efforts = every_effort,
    .service_tiers = openrouter_tiers,
    .extras = openrouter_extras,
    .top_k = true,
    .n = false,
    .strict_tools = true,
    .verbosity = true,
    .metadata = true,
    .documents = true,
    .document_urls = true,
    .audio = true,
    .video = true,
    .cache_marks = CacheMarks::cache_control,
    .replay = Replay::always,
    .reasoning_details = true,
    .reasoning_object = true,
};

// What it leaves unread (tool_choice, n, logit_bias, user, image URLs) is its documentation's of
// the endpoint. The self-hosted servers drop fields that they do not know without a word: what is
// not here counts as lost. None of them publishes a limit of stop strings: theirs here is ours.
constinit const Deviations ollama = {
    .id = "ollama",
    .name = "Ollama",
    .reasoning_field = "reasoning",
    .efforts = none_to_high,
    .most_stops = 16,
    .n = false,
    .logprobs = false,
    .tool_choice = false,
    .parallel_tools = false,
    .names = false,
    .image_urls = false,
    .replay = Replay::always,
};

constinit const Deviations vllm = {
    .id = "vllm",
    .name = "vLLM",
    .reasoning_field = "reasoning",
    .efforts = none_to_high,
    .extras = vllm_extras,
    .most_stops = 64,
    .top_k = true,
    .audio = true,
    .video = true,
    .replay = Replay::always,
    .prefill = Prefill::continue_final,
};

constinit const Deviations sglang = {
    .id = "sglang",
    .name = "SGLang",
    .reasoning_field = "reasoning_content",
    .efforts = none_to_high,
    .extras = sglang_extras,
    .most_stops = 64,
    .top_k = true,
    .parallel_tools = false,
    .video = true,
    .replay = Replay::always,
};

// Its `grammar` takes the place of response_format, and wants the schema in another shape.
constinit const Deviations tgi = {
    .id = "tgi",
    .name = "TGI",
    .n = false,
    .parallel_tools = false,
    .json_object = false,
    .json_schema = false,
    .text_parts = false,
};

constinit const Deviations llama_cpp = {
    .id = "llama_cpp",
    .name = "llama.cpp",
    .reasoning_field = "reasoning_content",
    .extras = llama_cpp_extras,
    .most_stops = 64,
    .top_k = true,
    .n = false,
    .audio = true,
    .replay = Replay::always,
    .prefill = Prefill::last_message,
};

namespace {
constexpr std::array<const Deviations*, 14> tables = {
    &openai,    &azure,      &mistral, &groq, &deepseek, &xai, &together,
    &fireworks, &openrouter, &ollama,  &vllm, &sglang,   &tgi, &llama_cpp};
}  // namespace

std::span<const Deviations* const> all() { return tables; }

const Deviations* find(std::string_view id) {
  for (const Deviations* table : tables)
    if (table->id == id) return table;
  return nullptr;
}

}  // namespace holdfast::dialect::openai::deviations
