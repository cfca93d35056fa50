// docs/reference/media.md: who has which of OpenAI's endpoints for images, sound and moderation,
// found out by asking the adapters that ship.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "dialect/openai/request.h"
#include "provider/kind.h"

namespace holdfast::provider {
namespace {

constexpr Endpoint endpoints[] = {Endpoint::moderations,       Endpoint::images_generations,
                                  Endpoint::images_edits,      Endpoint::images_variations,
                                  Endpoint::audio_speech,      Endpoint::audio_transcriptions,
                                  Endpoint::audio_translations};

constexpr std::string_view introduction = R"(# Images, sound and moderation

<!-- The table is written by `./dev test provider --update`. Do not edit. -->

These endpoints of OpenAI's are passed on to the providers that have them, byte for byte but for the model's name; they
are not translated. Targets whose kind has none are passed over; when no target is left, the client gets a 400
`unsupported_endpoint`. Everything else is as with conversations: order, failover before the first byte, deadlines,
records, keys. `overrides` of a target mean nothing here.

)";
constexpr std::string_view remarks = R"(
- A provider of another kind that has such an endpoint all the same can be named once more as `openai_compatible`, with
  its URL in `base_url`.
- Azure's paths (`/openai/deployments/NAME/images/generations` ...) lead to the same endpoints on the clients' side.
- Forms (`multipart/form-data`) are read strictly: one `model`, the boundary on lines of its own, nothing before and behind,
  at most 256 parts. `server.max_body` bounds them as it bounds JSON. The files in them are never copied.
- A request that names no model asks for the logical model that OpenAI would take: `omni-moderation-latest`, `dall-e-2`
  (generations, variations), `gpt-image-1.5` (edits).
- Speech is passed on as it comes: its first bytes commit the answer. `stream_format: sse`, `stream: true` with images and
  with transcriptions give event streams; one event may have up to 32 MiB.
- Transcripts as `text`, `srt` and `vtt` are passed on as text. A model that cannot stream transcripts answers whole, as
  at OpenAI.
- Tokens are recorded where the answer tells them; seconds of sound are not.
)";

std::string page() {
  std::string out(introduction);
  out += "| kind |";
  std::string rule = "\n| --- |";
  for (const Endpoint endpoint : endpoints) {
    out += fmt::format(" `{}` |", dialect::openai::path_of(endpoint));
    rule += " --- |";
  }
  out += rule + "\n";
  for (const Kind* kind : kinds()) {
    Settings settings;
    settings.name = "p";
    settings.kind = kind;
    const auto adapter = kind->make(settings, {});
    std::string cells;
    bool any = false;
    for (const Endpoint endpoint : endpoints) {
      const bool has = adapter->passes(dialect::Dialect::openai, endpoint);
      cells += has ? " yes |" : " |";
      any = any || has;
    }
    if (any) out += fmt::format("| `{}` |{}\n", kind->name, cells);
  }
  return out.append(remarks);
}

TEST(Media, PageIsUpToDate) {
  const std::string path = HF_SOURCE_DIR "/docs/reference/media.md";
  const std::string want = page();
  if (std::getenv("HOLDFAST_UPDATE_GOLDENS") != nullptr) std::ofstream(path) << want;
  std::ostringstream found;
  found << std::ifstream(path).rdbuf();
  EXPECT_EQ(found.str(), want) << "./dev test provider --update writes it anew";
}

}  // namespace
}  // namespace holdfast::provider
