#include "provider/bedrock/adapter.h"

#include <fmt/format.h>

#include "dialect/anthropic/codec.h"
#include "dialect/bedrock/codec.h"
#include "dialect/bedrock/embedding.h"

namespace holdfast::provider::bedrock {
namespace {

constexpr std::string_view stream_type = "application/vnd.amazon.eventstream";

std::unique_ptr<provider::Adapter> make(const Settings& settings,
                                        const std::vector<std::string>& /*extra_stop*/) {
  return std::make_unique<Adapter>(settings);
}

// Where it is follows from the region.
void read(config::Section& /*section*/, Settings& settings) {
  if (!settings.region.empty())
    settings.usual_url = fmt::format("https://bedrock-runtime.{}.amazonaws.com", settings.region);
}

}  // namespace

const Kind kind{"bedrock", "", "", true, false, make, read};

Adapter::Adapter(const Settings& settings)
    : provider_(settings.name), owner_(settings.owner), region_(settings.region) {}

const dialect::Codec& Adapter::codec() const { return dialect::bedrock::codec(); }

bool Adapter::passes(dialect::Dialect dialect, Endpoint /*endpoint*/) const {
  return dialect == dialect::Dialect::bedrock;
}

dialect::Abilities Adapter::abilities(std::string_view model) const {
  dialect::Abilities out;
  out.house = owner_;
  if (owner_.empty() && model.find("anthropic") != std::string_view::npos) out.house = "anthropic";
  out.signer = "bedrock";
  out.provider = provider_;
  out.image_urls = false;
  out.prefill = dialect::anthropic::goes_on_with_answers(model);
  return out;
}

std::string Adapter::authorization(std::string_view path, const dialect::WireText& body,
                                   const Destination& destination) const {
  if (destination.aws == nullptr) return bearer(destination);
  net::Sha256 hash;
  body.for_each_part([&hash](std::string_view part) { hash.update(part); });
  const std::string payload = hash.hex();
  const net::HeaderField headers[] = {{"host", destination.authority},
                                      {"content-type", "application/json"}};
  const std::string full = fmt::format("{}{}", destination.path, path);
  auto signature = net::sign_sigv4(
      {"POST", full, "", headers, payload}, *destination.aws,
      {.region = region_, .service = "bedrock", .now_s = destination.now_us / 1'000'000});
  std::string lines;
  if (!signature) return lines;  // the provider refuses it as revoked, and says so
  for (const auto& [name, value] : *signature) lines += fmt::format("{}: {}\r\n", name, value);
  return lines;
}

dialect::ErrorFacts Adapter::classify_error(int status, const net::HeaderFields& headers,
                                            std::string_view body) const {
  return dialect::bedrock::read_named_error(status, headers.find("x-amzn-errortype").value_or(""),
                                            body);
}

Outgoing Adapter::pass(const Passed& request, std::string_view model,
                       const Destination& destination) const {
  dialect::WireText body = with_model(request, model);
  const std::string path = dialect::bedrock::path_of(model, request.stream);
  const std::string lines = authorization(path, body, destination);
  return post(destination, path, std::move(body), request.stream ? stream_type : accepted(false),
              lines);
}

Outgoing Adapter::send(dialect::WireRequest request, std::string_view /*model*/, bool stream,
                       const Destination& destination) const {
  const std::string lines = authorization(request.path, request.body, destination);
  return post(destination, request.path, std::move(request.body),
              stream ? stream_type : accepted(false), lines);
}

Result<dialect::WireRequest> Adapter::write_embed(const dialect::EmbedRequest& request,
                                                  std::string_view model,
                                                  std::vector<dialect::Loss>& losses) const {
  return dialect::bedrock::write_embed_request(request, model, losses);
}

Result<dialect::EmbedResponse> Adapter::read_embed(std::string_view body) const {
  return dialect::bedrock::read_embed_answer(body);
}

}  // namespace holdfast::provider::bedrock
