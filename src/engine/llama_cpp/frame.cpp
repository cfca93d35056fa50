#include "engine/llama_cpp/frame.h"

#include "engine/engine.h"

namespace holdfast::engine {

// The frame was found by experiment with Gemma 3 270M: a whole sentence as the example's answer,
// and the answer on a line of its own, so that it does not begin with a space.
std::string_view user_assistant_template() {
  return R"JINJA({%- macro text(content) -%}
  {%- if content is string -%}
    {{- content | trim -}}
  {%- elif content -%}
    {%- for part in content if part.type == 'text' -%}{{- part.text -}}{%- endfor -%}
  {%- endif -%}
{%- endmacro -%}
{%- for message in messages if message.role in ['system', 'developer'] -%}
  {{- 'System: ' + text(message.content) + '\n\n' -}}
{%- endfor -%}
{{- 'User: What is the capital of Spain?\nAssistant:\nThe capital of Spain is Madrid.' -}}
{%- for message in messages if message.role not in ['system', 'developer'] -%}
  {%- if message.role == 'assistant' -%}
    {{- '\nAssistant:\n' + text(message.content) -}}
  {%- else -%}
    {{- '\n\nUser: ' + text(message.content) -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '\nAssistant:\n' -}}
{%- endif -%})JINJA";
}

// A template cannot end an answer: the model would go on and play the user, too.
std::vector<std::string> stop_strings(provider::Frame frame) {
  switch (frame) {
    case provider::Frame::none:
      return {};
    case provider::Frame::user_assistant:
      return {"\n\nUser:", "\nUser:", "User:", "\nAssistant:", "\n\nSystem:", "\nSystem:"};
  }
  return {};
}

}  // namespace holdfast::engine
