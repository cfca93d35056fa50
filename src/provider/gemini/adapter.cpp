#include "provider/gemini/adapter.h"

#include <fmt/format.h>

#include "config/section.h"
#include "dialect/gemini/codec.h"
#include "dialect/gemini/embedding.h"
#include "dialect/gemini/request_writer.h"

namespace holdfast::provider::gemini {
namespace {

template <bool is_vertex>
std::unique_ptr<provider::Adapter> make(const Settings& settings,
                                        const std::vector<std::string>& /*extra_stop*/) {
  return std::make_unique<Adapter>(settings, is_vertex);
}

// The location's own host; "global" and the multi-regions have others.
std::string host_of(std::string_view location) {
  if (location == "global") return "aiplatform.googleapis.com";
  if (location == "us" || location == "eu")
    return fmt::format("aiplatform.{}.rep.googleapis.com", location);
  return fmt::format("{}-aiplatform.googleapis.com", location);
}

void read_vertex(config::Section& section, Settings& settings) {
  std::string project;
  std::string location = "global";
  section.word("project", project, "the Google Cloud project that pays");
  section.word("location", location, "where it is computed, as in europe-west4");
  if (!project.empty())
    settings.usual_url = fmt::format("https://{}/v1/projects/{}/locations/{}/publishers/google",
                                     host_of(location), project, location);
}

}  // namespace

const Kind gemini{"gemini", "https://generativelanguage.googleapis.com/v1beta",
                  "google", true,
                  false,    make<false>};
const Kind vertex{"vertex", "", "google", true, false, make<true>, read_vertex};

Adapter::Adapter(const Settings& settings, bool is_vertex)
    : provider_(settings.name),
      house_(settings.owner.empty() ? "google" : settings.owner),
      vertex_(is_vertex) {}

const dialect::Codec& Adapter::codec() const { return dialect::gemini::codec(); }

bool Adapter::passes(dialect::Dialect dialect, Endpoint endpoint) const {
  if (vertex_ && endpoint == Endpoint::embed_content) return false;  // its verb is :predict
  return dialect == dialect::Dialect::gemini;
}

dialect::Abilities Adapter::abilities(std::string_view model) const {
  dialect::Abilities out;
  out.house = house_;
  out.provider = provider_;
  out.image_urls = false;
  out.signed_calls = model.find("gemini-3") != std::string_view::npos;
  return out;
}

std::string Adapter::authorization(const Destination& destination) const {
  if (vertex_) return bearer(destination);
  if (destination.key.empty()) return {};
  return fmt::format("x-goog-api-key: {}\r\n", destination.key);
}

std::string Adapter::list_models(const Destination& destination) const {
  if (vertex_) return {};
  return get(destination, "/models?pageSize=1", authorization(destination));
}

Outgoing Adapter::pass(const Passed& request, std::string_view model,
                       const Destination& destination) const {
  dialect::WireText body = with_model(request, model);
  std::string path = dialect::gemini::path_of(model, request.verb);
  if (request.stream) path.append("?alt=sse");
  return post(destination, path, std::move(body), accepted(request.stream),
              authorization(destination));
}

Outgoing Adapter::send(dialect::WireRequest request, std::string_view /*model*/, bool stream,
                       const Destination& destination) const {
  return post(destination, request.path, std::move(request.body), accepted(stream),
              authorization(destination));
}

Result<dialect::WireRequest> Adapter::write_embed(const dialect::EmbedRequest& request,
                                                  std::string_view model,
                                                  std::vector<dialect::Loss>& losses) const {
  return dialect::gemini::write_embed_request(
      request, model, vertex_ ? dialect::gemini::Api::vertex : dialect::gemini::Api::gemini,
      losses);
}

Result<dialect::EmbedResponse> Adapter::read_embed(std::string_view body) const {
  return dialect::gemini::read_embed_answer(body);
}

}  // namespace holdfast::provider::gemini
