// One small request per thing that a client can say, in each dialect: what the page of translations
// is made from. A probe is either members to add to the dialect's plainest request, or, when it
// begins with a brace, a whole request.
#pragma once
#include <span>
#include <string_view>

#include "dialect/canonical.h"

namespace holdfast::provider::test {

struct Probe {
  std::string_view field;  // as the client spells it
  std::string_view json;
};

struct Probes {
  dialect::Dialect dialect;
  std::string_view name;   // of its clients
  std::string_view plain;  // the plainest request
  std::span<const Probe> probes;
};

#define HF_TOOL R"({"type":"function","function":{"name":"f","parameters":{"type":"object"}}})"
inline constexpr Probe chat_probes[] = {
    {"a system message", R"({"model":"m","messages":[{"role":"system","content":"s"},)"
                         R"({"role":"user","content":"hi"}]})"},
    {"an image, inline",
     R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url",)"
     R"("image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]})"},
    {"an image, by URL",
     R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url",)"
     R"("image_url":{"url":"https://example.com/a.png"}}]}]})"},
    {"a PDF, inline",
     R"({"model":"m","messages":[{"role":"user","content":[{"type":"file","file":)"
     R"({"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERg=="}}]}]})"},
    {"a file, by id", R"({"model":"m","messages":[{"role":"user","content":[{"type":"file","file":)"
                      R"({"file_id":"file-1"}}]}]})"},
    {"audio", R"({"model":"m","messages":[{"role":"user","content":[{"type":"input_audio",)"
              R"("input_audio":{"data":"UklGRg==","format":"wav"}}]}]})"},
    {"name of a speaker",
     R"({"model":"m","messages":[{"role":"user","name":"ann","content":"hi"}]})"},
    {"tools", R"("tools":[)" HF_TOOL "]"},
    {"tools: strict", R"("tools":[{"type":"function","function":{"name":"f","strict":true,)"
                      R"("parameters":{"type":"object","properties":{},)"
                      R"("additionalProperties":false,"required":[]}}}])"},
    {"tool_choice: required", R"("tools":[)" HF_TOOL R"(],"tool_choice":"required")"},
    {"tool_choice: none", R"("tools":[)" HF_TOOL R"(],"tool_choice":"none")"},
    {"tool_choice: a function",
     R"("tools":[)" HF_TOOL R"(],"tool_choice":{"type":"function","function":{"name":"f"}})"},
    {"parallel_tool_calls: false", R"("tools":[)" HF_TOOL R"(],"parallel_tool_calls":false)"},
    {"calls and their results",
     R"({"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":)"
     R"([{"id":"call_1abcd","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
     R"({"role":"tool","tool_call_id":"call_1abcd","content":"r"}],"tools":[)" HF_TOOL "]}"},
    {"reasoning_content", R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":)"
                          R"("assistant","reasoning_content":"t","content":"b"},)"
                          R"({"role":"user","content":"c"}]})"},
    {"prompt_cache_breakpoint",
     R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi",)"
     R"("prompt_cache_breakpoint":{"mode":"explicit"}}]}]})"},
    {"max_completion_tokens", R"("max_completion_tokens":9)"},
    {"temperature", R"("temperature":0.5)"},
    {"temperature above 1", R"("temperature":1.5)"},
    {"top_p", R"("top_p":0.5)"},
    {"frequency_penalty", R"("frequency_penalty":0.5)"},
    {"presence_penalty", R"("presence_penalty":0.5)"},
    {"seed", R"("seed":7)"},
    {"n", R"("n":2)"},
    {"stop", R"("stop":["x"])"},
    {"logprobs", R"("logprobs":true)"},
    {"top_logprobs", R"("logprobs":true,"top_logprobs":3)"},
    {"response_format: json_object", R"("response_format":{"type":"json_object"})"},
    {"response_format: json_schema",
     R"("response_format":{"type":"json_schema","json_schema":{"name":"o","schema":)"
     R"({"type":"object","properties":{"a":{"type":"string"}}}}})"},
    {"reasoning_effort", R"("reasoning_effort":"high")"},
    {"reasoning_effort: minimal", R"("reasoning_effort":"minimal")"},
    {"verbosity", R"("verbosity":"low")"},
    {"user", R"("user":"u-1")"},
    {"metadata", R"("metadata":{"a":"b"})"},
    {"service_tier", R"("service_tier":"flex")"},
    {"store", R"("store":true)"},
    {"logit_bias", R"("logit_bias":{"5":1})"},
    {"prediction", R"("prediction":{"type":"content","content":"x"})"},
    {"web_search_options", R"("web_search_options":{})"},
};
#undef HF_TOOL

#define HF_TOOL R"({"type":"function","name":"f","parameters":{"type":"object"}})"
inline constexpr Probe responses_probes[] = {
    {"instructions", R"("instructions":"s")"},
    {"an image, inline", R"({"model":"m","input":[{"role":"user","content":[{"type":"input_image",)"
                         R"("image_url":"data:image/png;base64,iVBORw0KGgo="}]}]})"},
    {"an image, by URL", R"({"model":"m","input":[{"role":"user","content":[{"type":"input_image",)"
                         R"("image_url":"https://example.com/a.png"}]}]})"},
    {"a PDF, inline",
     R"({"model":"m","input":[{"role":"user","content":[{"type":"input_file",)"
     R"("filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERg=="}]}]})"},
    {"a file, by id", R"({"model":"m","input":[{"role":"user","content":[{"type":"input_file",)"
                      R"("file_id":"file-1"}]}]})"},
    {"tools", R"("tools":[)" HF_TOOL "]"},
    {"tools: web_search", R"("tools":[{"type":"web_search"}])"},
    {"tool_choice: required", R"("tools":[)" HF_TOOL R"(],"tool_choice":"required")"},
    {"tool_choice: a function",
     R"("tools":[)" HF_TOOL R"(],"tool_choice":{"type":"function","name":"f"})"},
    {"parallel_tool_calls: false", R"("tools":[)" HF_TOOL R"(],"parallel_tool_calls":false)"},
    {"calls and their results",
     R"({"model":"m","input":[{"role":"user","content":"hi"},{"type":"function_call","call_id":)"
     R"("call_1abcd","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":)"
     R"("call_1abcd","output":"r"}],"tools":[)" HF_TOOL "]}"},
    {"reasoning items",
     R"({"model":"m","input":[{"role":"user","content":"a"},{"type":"reasoning",)"
     R"("id":"rs_1","summary":[],"encrypted_content":"gAAA"},{"role":)"
     R"("assistant","content":"b"},{"role":"user","content":"c"}]})"},
    {"annotations of an answer",
     R"({"model":"m","input":[{"role":"user","content":"a"},{"type":"message","role":"assistant",)"
     R"("content":[{"type":"output_text","text":"b","annotations":[{"type":"url_citation",)"
     R"("start_index":0,"end_index":1,"url":"https://example.com/","title":"t"}]}]},)"
     R"({"role":"user","content":"c"}]})"},
    {"max_output_tokens", R"("max_output_tokens":16)"},
    {"temperature", R"("temperature":0.5)"},
    {"top_p", R"("top_p":0.5)"},
    {"top_logprobs", R"("top_logprobs":3,"include":["message.output_text.logprobs"])"},
    {"text.format: json_object", R"("text":{"format":{"type":"json_object"}})"},
    {"text.format: json_schema", R"("text":{"format":{"type":"json_schema","name":"o","schema":)"
                                 R"({"type":"object","properties":{"a":{"type":"string"}}}}})"},
    {"text.verbosity", R"("text":{"verbosity":"low"})"},
    {"reasoning.effort", R"("reasoning":{"effort":"high"})"},
    {"reasoning.summary", R"("reasoning":{"summary":"auto"})"},
    {"safety_identifier", R"("safety_identifier":"u-1")"},
    {"metadata", R"("metadata":{"a":"b"})"},
    {"service_tier", R"("service_tier":"flex")"},
    {"store: true", R"("store":true)"},
    {"previous_response_id", R"("previous_response_id":"resp_1")"},
    {"truncation: auto", R"("truncation":"auto")"},
    {"max_tool_calls", R"("max_tool_calls":2)"},
};
#undef HF_TOOL

#define HF_TOOL R"({"name":"f","input_schema":{"type":"object"}})"
#define HF_HEAD R"({"model":"m","max_tokens":4096,"messages":)"
inline constexpr Probe messages_probes[] = {
    {"system", R"("system":"s")"},
    {"an image, inline",
     HF_HEAD R"([{"role":"user","content":[{"type":"image","source":{"type":)"
             R"("base64","media_type":"image/png","data":"iVBORw0KGgo="}}]}]})"},
    {"an image, by URL", HF_HEAD R"([{"role":"user","content":[{"type":"image","source":{"type":)"
                                 R"("url","url":"https://example.com/a.png"}}]}]})"},
    {"a PDF, inline", HF_HEAD R"([{"role":"user","content":[{"type":"document","source":{"type":)"
                              R"("base64","media_type":"application/pdf","data":"JVBERg=="}}]}]})"},
    {"a text document", HF_HEAD R"([{"role":"user","content":[{"type":"document","source":{"type":)"
                                R"("text","media_type":"text/plain","data":"d"}}]}]})"},
    {"citations",
     HF_HEAD R"([{"role":"user","content":[{"type":"document","citations":{"enabled":)"
             R"(true},"source":{"type":"text","media_type":"text/plain","data":"d"}}]}]})"},
    {"context of a document",
     HF_HEAD R"([{"role":"user","content":[{"type":"document","context":"c","source":{"type":)"
             R"("text","media_type":"text/plain","data":"d"}}]}]})"},
    {"citations of an answer, from the web",
     HF_HEAD R"([{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"text",)"
             R"("text":"b","citations":[{"type":"web_search_result_location","cited_text":"c",)"
             R"("url":"https://example.com/","title":"t","encrypted_index":"e"}]}]},)"
             R"({"role":"user","content":"d"}]})"},
    {"citations of an answer, from a document", HF_HEAD
     R"([{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"text",)"
     R"("text":"b","citations":[{"type":"char_location","cited_text":"c",)"
     R"("document_index":0,"document_title":"t","start_char_index":0,"end_char_index":1}]}]},)"
     R"({"role":"user","content":"d"}]})"},
    {"cache_control", HF_HEAD R"([{"role":"user","content":[{"type":"text","text":"hi",)"
                              R"("cache_control":{"type":"ephemeral"}}]}]})"},
    {"tools", R"("tools":[)" HF_TOOL "]"},
    {"tools: web_search", R"("tools":[{"type":"web_search_20250305","name":"web_search"}])"},
    {"tool_choice: any", R"("tools":[)" HF_TOOL R"(],"tool_choice":{"type":"any"})"},
    {"tool_choice: none", R"("tools":[)" HF_TOOL R"(],"tool_choice":{"type":"none"})"},
    {"tool_choice: tool", R"("tools":[)" HF_TOOL R"(],"tool_choice":{"type":"tool","name":"f"})"},
    {"disable_parallel_tool_use",
     R"("tools":[)" HF_TOOL R"(],"tool_choice":{"type":"auto","disable_parallel_tool_use":true})"},
    {"calls and their results", HF_HEAD
     R"([{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use",)"
     R"("id":"call_1abcd","name":"f","input":{}}]},{"role":"user","content":[{"type":)"
     R"("tool_result","tool_use_id":"call_1abcd","content":"r"}]}],"tools":[)" HF_TOOL "]}"},
    {"is_error of a result",
     HF_HEAD R"([{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use",)"
             R"("id":"call_1abcd","name":"f","input":{}}]},{"role":"user","content":[{"type":)"
             R"("tool_result","tool_use_id":"call_1abcd","is_error":true,"content":"r"}]}],)"
             R"("tools":[)" HF_TOOL "]}"},
    {"an image in a result",
     HF_HEAD R"([{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use",)"
             R"("id":"call_1abcd","name":"f","input":{}}]},{"role":"user","content":[{"type":)"
             R"("tool_result","tool_use_id":"call_1abcd","content":[{"type":"image","source":)"
             R"({"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]}]}],)"
             R"("tools":[)" HF_TOOL "]}"},
    {"thinking blocks",
     HF_HEAD R"([{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking",)"
             R"("thinking":"t","signature":"c2ln"},{"type":"text","text":"b"}]},)"
             R"({"role":"user","content":"c"}]})"},
    {"an answer to go on with",
     HF_HEAD R"([{"role":"user","content":"hi"},{"role":"assistant","content":"So"}]})"},
    {"max_tokens", R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]})"},
    {"temperature", R"("temperature":0.5)"},
    {"top_p", R"("top_p":0.5)"},
    {"top_k", R"("top_k":5)"},
    {"stop_sequences", R"("stop_sequences":["x"])"},
    {"thinking: enabled", R"("thinking":{"type":"enabled","budget_tokens":2048})"},
    {"thinking: disabled", R"("thinking":{"type":"disabled"})"},
    {"output_config.effort", R"("output_config":{"effort":"high"})"},
    {"output_config.format",
     R"("output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":)"
     R"({"a":{"type":"string"}}}}})"},
    {"metadata.user_id", R"("metadata":{"user_id":"u-1"})"},
    {"service_tier: standard_only", R"("service_tier":"standard_only")"},
    {"container", R"("container":"c-1")"},
};
#undef HF_TOOL
#undef HF_HEAD

#define HF_TOOL \
  R"("tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT"}}]}])"
inline constexpr Probe generate_probes[] = {
    {"systemInstruction", R"("systemInstruction":{"parts":[{"text":"s"}]})"},
    {"an image, inline", R"({"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":)"
                         R"("image/png","data":"iVBORw0KGgo="}}]}]})"},
    {"a PDF, inline", R"({"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":)"
                      R"("application/pdf","data":"JVBERg=="}}]}]})"},
    {"audio", R"({"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"audio/wav",)"
              R"("data":"UklGRg=="}}]}]})"},
    {"video", R"({"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"video/mp4",)"
              R"("data":"AAAA"}}]}]})"},
    {"fileData", R"({"contents":[{"role":"user","parts":[{"fileData":{"mimeType":"image/png",)"
                 R"("fileUri":"https://example.com/a.png"}}]}]})"},
    {"functionDeclarations", HF_TOOL},
    {"tools: googleSearch", R"("tools":[{"googleSearch":{}}])"},
    {"functionCallingConfig: ANY",
     HF_TOOL R"(,"toolConfig":{"functionCallingConfig":{"mode":"ANY"}})"},
    {"functionCallingConfig: NONE",
     HF_TOOL R"(,"toolConfig":{"functionCallingConfig":{"mode":"NONE"}})"},
    {"allowedFunctionNames", HF_TOOL R"(,"toolConfig":{"functionCallingConfig":{"mode":"ANY",)"
                                     R"("allowedFunctionNames":["f"]}})"},
    {"calls and their results",
     R"({"contents":[{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":)"
     R"([{"functionCall":{"id":"call_1abcd","name":"f","args":{}}}]},{"role":"user","parts":)"
     R"([{"functionResponse":{"id":"call_1abcd","name":"f","response":{"output":"r"}}}]}],)" HF_TOOL
     "}"},
    {"thoughts", R"({"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":)"
                 R"([{"text":"t","thought":true},{"text":"b","thoughtSignature":"c2ln"}]},)"
                 R"({"role":"user","parts":[{"text":"c"}]}]})"},
    {"maxOutputTokens", R"("generationConfig":{"maxOutputTokens":9})"},
    {"temperature", R"("generationConfig":{"temperature":0.5})"},
    {"topP", R"("generationConfig":{"topP":0.5})"},
    {"topK", R"("generationConfig":{"topK":5})"},
    {"candidateCount", R"("generationConfig":{"candidateCount":2})"},
    {"stopSequences", R"("generationConfig":{"stopSequences":["x"]})"},
    {"seed", R"("generationConfig":{"seed":7})"},
    {"frequencyPenalty", R"("generationConfig":{"frequencyPenalty":0.5})"},
    {"presencePenalty", R"("generationConfig":{"presencePenalty":0.5})"},
    {"responseLogprobs", R"("generationConfig":{"responseLogprobs":true,"logprobs":3})"},
    {"responseMimeType: JSON", R"("generationConfig":{"responseMimeType":"application/json"})"},
    {"responseJsonSchema", R"("generationConfig":{"responseMimeType":"application/json",)"
                           R"("responseJsonSchema":{"type":"object","properties":)"
                           R"({"a":{"type":"string"}}}})"},
    {"thinkingBudget", R"("generationConfig":{"thinkingConfig":{"thinkingBudget":2048}})"},
    {"thinkingLevel", R"("generationConfig":{"thinkingConfig":{"thinkingLevel":"HIGH"}})"},
    {"includeThoughts", R"("generationConfig":{"thinkingConfig":{"includeThoughts":true}})"},
    {"responseModalities: IMAGE", R"("generationConfig":{"responseModalities":["IMAGE"]})"},
    {"mediaResolution", R"("generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_LOW"})"},
    {"safetySettings", R"("safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT",)"
                       R"("threshold":"BLOCK_NONE"}])"},
    {"cachedContent", R"("cachedContent":"cachedContents/1")"},
    {"labels", R"("labels":{"a":"b"})"},
};
#undef HF_TOOL

#define HF_SPEC R"({"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}})"
inline constexpr Probe converse_probes[] = {
    {"system", R"("system":[{"text":"s"}])"},
    {"an image", R"({"messages":[{"role":"user","content":[{"text":"hi"},{"image":{"format":"png",)"
                 R"("source":{"bytes":"iVBORw0KGgo="}}}]}]})"},
    {"a PDF", R"({"messages":[{"role":"user","content":[{"text":"hi"},{"document":{"format":"pdf",)"
              R"("name":"a","source":{"bytes":"JVBERg=="}}}]}]})"},
    {"citations of a document",
     R"({"messages":[{"role":"user","content":[{"text":"hi"},{"document":{"format":"pdf",)"
     R"("name":"a","citations":{"enabled":true},"source":{"bytes":"JVBERg=="}}}]}]})"},
    {"video", R"({"messages":[{"role":"user","content":[{"text":"hi"},{"video":{"format":"mp4",)"
              R"("source":{"bytes":"AAAA"}}}]}]})"},
    {"an image in S3", R"({"messages":[{"role":"user","content":[{"text":"hi"},{"image":{"format":)"
                       R"("png","source":{"s3Location":{"uri":"s3://b/a.png"}}}}]}]})"},
    {"cachePoint", R"({"messages":[{"role":"user","content":[{"text":"hi"},)"
                   R"({"cachePoint":{"type":"default"}}]}]})"},
    {"guardContent", R"({"messages":[{"role":"user","content":[{"text":"hi"},{"guardContent":)"
                     R"({"text":{"text":"g"}}}]}]})"},
    {"toolConfig", R"("toolConfig":{"tools":[)" HF_SPEC "]}"},
    {"toolChoice: any", R"("toolConfig":{"tools":[)" HF_SPEC R"(],"toolChoice":{"any":{}}})"},
    {"toolChoice: tool",
     R"("toolConfig":{"tools":[)" HF_SPEC R"(],"toolChoice":{"tool":{"name":"f"}}})"},
    {"calls and their results",
     R"({"messages":[{"role":"user","content":[{"text":"hi"}]},{"role":"assistant","content":)"
     R"([{"toolUse":{"toolUseId":"call_1abcd","name":"f","input":{}}}]},{"role":"user","content":)"
     R"([{"toolResult":{"toolUseId":"call_1abcd","content":[{"text":"r"}]}}]}],)"
     R"("toolConfig":{"tools":[)" HF_SPEC "]}}"},
    {"toolResult: error",
     R"({"messages":[{"role":"user","content":[{"text":"hi"}]},{"role":"assistant","content":)"
     R"([{"toolUse":{"toolUseId":"call_1abcd","name":"f","input":{}}}]},{"role":"user","content":)"
     R"([{"toolResult":{"toolUseId":"call_1abcd","status":"error","content":[{"text":"r"}]}}]}],)"
     R"("toolConfig":{"tools":[)" HF_SPEC "]}}"},
    {"reasoningContent",
     R"({"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":)"
     R"([{"reasoningContent":{"reasoningText":{"text":"t","signature":"c2ln"}}},{"text":"b"}]},)"
     R"({"role":"user","content":[{"text":"c"}]}]})"},
    {"citationsContent",
     R"({"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":)"
     R"([{"citationsContent":{"content":[{"text":"b"}],"citations":[{"title":"t","location":)"
     R"({"documentPage":{"documentIndex":0,"start":1,"end":2}}}]}}]},)"
     R"({"role":"user","content":[{"text":"c"}]}]})"},
    {"maxTokens", R"("inferenceConfig":{"maxTokens":9})"},
    {"temperature", R"("inferenceConfig":{"temperature":0.5})"},
    {"topP", R"("inferenceConfig":{"topP":0.5})"},
    {"stopSequences", R"("inferenceConfig":{"stopSequences":["x"]})"},
    {"additionalModelRequestFields: top_k", R"("additionalModelRequestFields":{"top_k":5})"},
    {"additionalModelRequestFields: thinking",
     R"("additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2048}})"},
    {"additionalModelRequestFields: others", R"("additionalModelRequestFields":{"own":1})"},
    {"outputConfig.textFormat",
     R"("outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name":"o",)"
     R"("schema":"{\"type\":\"object\"}"}}}})"},
    {"requestMetadata", R"("requestMetadata":{"a":"b"})"},
    {"serviceTier", R"("serviceTier":{"type":"flex"})"},
    {"performanceConfig", R"("performanceConfig":{"latency":"optimized"})"},
    {"guardrailConfig", R"("guardrailConfig":{"guardrailIdentifier":"g","guardrailVersion":"1"})"},
};
#undef HF_SPEC

inline constexpr Probes all_probes[] = {
    {dialect::Dialect::openai, "OpenAI's chat completions",
     R"({"model":"m","messages":[{"role":"user","content":"hi"}]})", chat_probes},
    {dialect::Dialect::openai_responses, "OpenAI's Responses", R"({"model":"m","input":"hi"})",
     responses_probes},
    {dialect::Dialect::anthropic, "Anthropic's Messages",
     R"({"model":"m","max_tokens":4096,"messages":[{"role":"user","content":"hi"}]})",
     messages_probes},
    {dialect::Dialect::gemini, "Google's generateContent",
     R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}]})", generate_probes},
    {dialect::Dialect::bedrock, "AWS Bedrock's Converse",
     R"({"messages":[{"role":"user","content":[{"text":"hi"}]}]})", converse_probes},
};

}  // namespace holdfast::provider::test
