// The table of providers: an explicit one, since linkers drop what registers itself.
#include "provider/adapter.h"
#include "provider/openai/adapter.h"

namespace holdfast::provider {

std::unique_ptr<Adapter> make_adapter(const Settings& settings,
                                      std::vector<std::string> extra_stop) {
  switch (settings.kind) {
    case Kind::openai:
    case Kind::openai_compatible:
    case Kind::llama_cpp:  // a local llama-server speaks OpenAI's dialect
      return std::make_unique<openai::Adapter>(settings, std::move(extra_stop));
  }
  return nullptr;
}

}  // namespace holdfast::provider
