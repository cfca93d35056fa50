// The rows: a provider that speaks OpenAI's dialect is one of them and its table of deviations.
#include "config/section.h"
#include "dialect/openai/deviations.h"
#include "provider/openai_shaped/adapter.h"

namespace holdfast::provider::openai_shaped {
namespace {

namespace deviations = dialect::openai::deviations;

template <const Shape& shape>
std::unique_ptr<provider::Adapter> make(const Settings& settings,
                                        const std::vector<std::string>& extra_stop) {
  return std::make_unique<Adapter>(settings, shape, extra_stop);
}

void read_account(config::Section& section, Settings& settings) {
  section.word("organization", settings.organization, "sent as OpenAI-Organization");
  section.word("project", settings.project, "sent as OpenAI-Project");
}

void read_azure(config::Section& section, Settings& settings) {
  auto own = std::make_shared<AzureSettings>();
  section.word("api_version", own->api_version,
               "of the deployments' paths, as in 2024-10-21; none: the paths of /openai/v1");
  settings.own = std::move(own);
}

// Which of OpenAI's endpoints for images, sound and moderation each has is what its documentation
// says, read 2026-11. Who answers behind an `openai_compatible` only its operator knows.
constexpr Media all_media{.moderations = true,
                          .images = true,
                          .variations = true,
                          .speech = true,
                          .transcripts = true,
                          .translations = true,
                          .edits = true};
constexpr Media azure_media{
    .images = true, .speech = true, .transcripts = true, .translations = true, .edits = true};
constexpr Media groq_media{.speech = true, .transcripts = true, .translations = true};
constexpr Media together_media{
    .images = true, .speech = true, .transcripts = true, .translations = true};

constexpr Shape openai_shape{"openai", &deviations::openai, true, true, false, false, all_media};
constexpr Shape compatible_shape{"", &deviations::openai, true, false, false, true, all_media};
constexpr Shape llama_cpp_shape{"", &deviations::llama_cpp, true, false, false, true};
constexpr Shape azure_shape{"openai", &deviations::azure, true, true, true, false, azure_media};
constexpr Shape mistral_shape{"mistral", &deviations::mistral, false, false, false,
                              false,     {.transcripts = true}};
constexpr Shape groq_shape{"groq", &deviations::groq, false, false, false, false, groq_media};
constexpr Shape deepseek_shape{"deepseek", &deviations::deepseek, false};
constexpr Shape xai_shape{"xai", &deviations::xai, false, false, false, false, {.images = true}};
constexpr Shape together_shape{"together", &deviations::together, true, false, false,
                               true,       together_media};
constexpr Shape fireworks_shape{"fireworks", &deviations::fireworks, true, false, false, true};
constexpr Shape openrouter_shape{"openrouter", &deviations::openrouter};
constexpr Shape ollama_shape{"", &deviations::ollama, false};
constexpr Shape vllm_shape{
    "", &deviations::vllm, true, false, false, true, {.transcripts = true, .translations = true}};
constexpr Shape sglang_shape{"", &deviations::sglang, true, false, false, true};
constexpr Shape tgi_shape{"", &deviations::tgi, false};

}  // namespace

const Kind openai{"openai", "https://api.openai.com/v1", "openai",    true,
                  false,    make<openai_shape>,          read_account};
const Kind openai_compatible{"openai_compatible", "", "", false, false, make<compatible_shape>};
const Kind llama_cpp{"llama_cpp", "", "", false, true, make<llama_cpp_shape>};
const Kind azure_openai{"azure_openai", "", "openai", true, false, make<azure_shape>, read_azure};
const Kind mistral{"mistral", "https://api.mistral.ai/v1", "mistral", true,
                   false,     make<mistral_shape>};
const Kind groq{"groq", "https://api.groq.com/openai/v1", "", true, false, make<groq_shape>};
const Kind deepseek{"deepseek", "https://api.deepseek.com", "deepseek", true,
                    false,      make<deepseek_shape>};
const Kind xai{"xai", "https://api.x.ai/v1", "xai", true, false, make<xai_shape>};
const Kind together{"together", "https://api.together.ai/v1", "", true,
                    false,      make<together_shape>};
const Kind fireworks{"fireworks",          "https://api.fireworks.ai/inference/v1", "", true, false,
                     make<fireworks_shape>};
const Kind openrouter{"openrouter", "https://openrouter.ai/api/v1", "", true,
                      false,        make<openrouter_shape>};
const Kind ollama{"ollama", "http://127.0.0.1:11434/v1", "", false, false, make<ollama_shape>};
const Kind vllm{"vllm", "", "", false, false, make<vllm_shape>};
const Kind sglang{"sglang", "", "", false, false, make<sglang_shape>};
const Kind tgi{"tgi", "", "", false, false, make<tgi_shape>};

}  // namespace holdfast::provider::openai_shaped
