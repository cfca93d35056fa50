#include "provider/settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/overload_limits.h"
#include "config/proxy.h"
#include "config/section.h"
#include "net/tls_context.h"
#include "provider/kind.h"

namespace holdfast::provider {
namespace {
namespace ip = boost::asio::ip;
using namespace std::chrono_literals;
using config::Choice;
using config::Section;

constexpr std::array<Choice<bool>, 2> networks = {{{"public", false}, {"private", true}}};
constexpr std::array<Choice<UsageAsk>, 2> usages = {
    {{"ask", UsageAsk::ask}, {"never", UsageAsk::never}}};
constexpr std::array<Choice<Standby>, 2> standbys = {
    {{"warm", Standby::warm}, {"cold", Standby::cold}}};
constexpr std::array<Choice<Frame>, 2> frames = {
    {{"none", Frame::none}, {"user_assistant", Frame::user_assistant}}};

constexpr auto longest = 24h;

bool is_private(const ip::address_v4& address) {
  const auto bytes = address.to_bytes();
  return bytes[0] == 10 || (bytes[0] == 172 && (bytes[1] & 0xf0) == 16) ||
         (bytes[0] == 192 && bytes[1] == 168) || (bytes[0] == 100 && (bytes[1] & 0xc0) == 64);
}

// What forbids an address that is written in base_url; empty: nothing.
std::string_view forbidden(ip::address address, bool private_network) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  const bool link_local =
      address.is_v4() ? address.to_v4().to_bytes()[0] == 169 && address.to_v4().to_bytes()[1] == 254
                      : address.to_v6().is_link_local();
  if (address.is_unspecified() || address.is_multicast() || link_local)
    return "an address to which no provider can be connected";
  const bool is_private_address = address.is_v4()
                                      ? is_private(address.to_v4())
                                      : (address.to_v6().to_bytes()[0] & 0xfe) == 0xfc;  // RFC 4193
  if (is_private_address && !private_network) return "an address in a private range";
  return {};
}

// Checks where base_url leads, and asks the environment for a proxy.
void check_origin(Section& section, Settings& settings) {
  net::Origin& origin = settings.base.origin;
  const bool loopback = net::is_loopback_host(origin.host);
  if (loopback) settings.private_network = true;
  origin.private_allowed = settings.private_network;
  if (!origin.tls && !settings.private_network)
    section.problem("base_url", "http:// sends prompts and keys in the clear",
                    "write https://, or network: private if no stranger can listen there");
  boost::system::error_code error;
  const ip::address address = ip::make_address(origin.host, error);
  if (!error && !loopback) {
    const std::string_view why = forbidden(address, settings.private_network);
    if (!why.empty())
      section.problem("base_url", std::string(why),
                      why.ends_with("range") ? "write network: private if it is meant" : "");
  }
  config::set_proxy(section, "base_url", origin);
}

void read_base_url(Section& section, Settings& settings, bool kind_known) {
  std::string url;
  const bool given = section.text("base_url", url,
                                  "where its interface is, the version included; unless set, where "
                                  "its kind usually is; kinds without such a place require it");
  if (!given) {
    url = settings.usual_url.empty() ? std::string(settings.kind->base_url) : settings.usual_url;
    if (url.empty() && kind_known && !settings.kind->local)
      section.require("base_url", "say where it is, as in base_url: https://vllm.internal/v1");
    if (url.empty() || !kind_known) return;
  }
  if (url.find("://") == std::string::npos) {
    section.problem("base_url", "has no scheme", "write https://host[:port][/path]");
    return;
  }
  Result<net::BaseUrl> base = net::parse_base_url(url);
  if (!base) {
    section.problem("base_url", std::move(base.error().detail));
    return;
  }
  const std::string ca_file = std::exchange(settings.base.origin.ca_file, {});
  settings.base = *std::move(base);
  settings.base.origin.ca_file = ca_file;
  check_origin(section, settings);
}

// Which clouds' credentials a kind can use in place of a key.
vault::AuthOffer auth_offer(const Settings& settings) {
  vault::AuthOffer offer;
  offer.google = settings.kind->name == "vertex";
  offer.azure = settings.kind->name == "azure_openai";
  offer.aws = settings.kind->name == "bedrock";
  offer.aws_region = settings.region;
  return offer;
}

// `keys`: several, of which the first that is well is used.
void read_keys(Section& section, Settings& settings) {
  section.secrets("keys", settings.keys,
                  "several keys in place of one: the first that is well is used, the next when it "
                  "is refused, unpaid or over its limit");
  if (!section.has("keys")) return;
  if (section.has("key")) section.problem("keys", "stands beside key", "remove one of the two");
  if (settings.keys.size() > limits::credentials_per_provider)
    section.problem("keys", fmt::format("more than {} keys", limits::credentials_per_provider));
  if (settings.keys.size() != 1) return;
  settings.key = std::move(settings.keys.front().value);  // one key is one key
  settings.keys.clear();
}

void read_remote(Section& section, Settings& settings, bool kind_known) {
  section.secret("key", settings.key, "its API key; required by most kinds");
  read_keys(section, settings);
  settings.auth = vault::read_auth(section, auth_offer(settings));
  for (const std::string_view key : {"key", "keys"})
    if (settings.auth && section.has(key))
      section.problem(key, "stands beside auth, which is in its place", "remove one of the two");
  if (kind_known && settings.kind->key_needed && !settings.auth && !section.has("keys") &&
      section.document() != nullptr)
    section.require("key", "say where its API key is, as in key: env:OPENAI_API_KEY");
  section.choice("network", settings.private_network, networks,
                 "private: its address may be in a private range; on loopback it always may");
  std::string& ca_file = settings.base.origin.ca_file;
  if (section.path("ca_file", ca_file,
                   "PEM file of the authorities that may sign its certificate; "
                   "none: those of the system")) {
    if (::access(ca_file.c_str(), R_OK) != 0)
      section.problem("ca_file", "cannot be read", "name a PEM file that this user may read");
    else if (!net::TlsContext::make(ca_file))
      section.problem("ca_file", "has no certificate that can be read", "name a PEM file");
  }
  read_base_url(section, settings, kind_known);
  read_probe(section, settings.probe);
  if (settings.probe.kind == ProbeKind::completion && settings.auth)
    section.problem("probe.kind", "completions are probed with a key, not with auth",
                    "write kind: none");
  section.choice("usage", settings.usage, usages,
                 "whether streams are asked for their usage; some refuse the field");
}

void read_engine(Section& section, EngineSettings& engine, bool kind_known) {
  std::error_code error;
  section.path("binary", engine.binary,
               "the llama-server to run; none: the one beside holdfast, or in PATH");
  if (section.path("model", engine.model, "GGUF file that it serves; required") &&
      !std::filesystem::is_regular_file(engine.model, error))
    section.warn("model", "there is no such file", "the standby cannot start without it");
  if (kind_known && section.document() != nullptr)
    section.require("model", "name a GGUF file, as in model: models/standby.gguf");
  section.choice("standby", engine.standby, standbys,
                 "warm: always loaded; cold: started on the first need");
  section.choice("frame", engine.frame, frames,
                 "user_assistant: for base models, which have no chat template");
  section.integer("threads", engine.threads, 0, 1024, "0: the machine's cores but one, at least 1");
  section.integer("parallel", engine.parallel, 1, 256, "requests that it answers at once");
  section.integer("context", engine.context, 0, 1 << 20, "tokens for each of them; 0: 2048");
  section.duration("start_timeout", engine.start_timeout, 1s, longest, "from its start to ready");
  section.when(engine.standby == Standby::cold, "standby: cold", [&] {
    section.duration("idle_stop", engine.idle_stop, 1s, longest,
                     "stopped after so long without a request");
  });
}

// The kinds that read the same keys of their own, in one condition: "kind: gemini, vertex".
std::string sharers(void (*read)(Section&, Settings&)) {
  std::string out = "kind: ";
  for (const Kind* kind : kinds())
    if (kind->read == read) out.append(kind->name).append(", ");
  out.resize(out.size() - 2);
  return out;
}

// The keys of the provider's own kind first: another kind may have a key of the same name.
void read_own(Section& section, Settings& settings, bool known) {
  if (settings.kind->read != nullptr && known && section.document() != nullptr)
    settings.kind->read(section, settings);
  std::vector<void (*)(Section&, Settings&)> done;
  for (const Kind* kind : kinds()) {
    if (kind->read == nullptr || std::ranges::find(done, kind->read) != done.end()) continue;
    done.push_back(kind->read);
    const bool own = known && section.document() != nullptr && settings.kind->read == kind->read;
    const std::string condition = sharers(kind->read);
    if (own) continue;
    Settings scratch = settings;  // what another kind makes of its keys is nothing to this one
    section.when(!known, condition, [&] { kind->read(section, scratch); });
  }
}

bool read_kind(Section& section, Settings& settings) {
  std::vector<std::string_view> names;
  for (const Kind* kind : kinds()) names.push_back(kind->name);
  std::size_t picked = names.size();
  section.one_of("kind", picked, names, "what it speaks");
  settings.kind = picked < names.size() ? kinds()[picked] : find_kind("openai_compatible");
  return picked < names.size();
}

void read_concurrency(Section& section, ConcurrencyBounds& bounds) {
  section.section("concurrency", "how much is under way at once at each of its targets",
                  [&](Section& inner) {
                    inner.integer("most", bounds.most, 0, limits::requests_at_a_target,
                                  "requests beyond wait, the more important first; 0: no limit");
                    inner.integer("least", bounds.least, 1, limits::requests_at_a_target,
                                  "an adapted limit never falls below");
                    inner.flag("adapt", bounds.adapts,
                               "whether the limit comes down when first content takes longer "
                               "than usual; else it is `most`");
                    if (bounds.most > 0 && bounds.least > bounds.most)
                      inner.problem("least", "more than most", "write a smaller one");
                    if (bounds.most == 0 && (inner.has("least") || inner.has("adapt")))
                      inner.problem("", "has no `most`", "say how many at once, as in most: 64");
                  });
}

void read_provider(Section& section, Settings& settings) {
  const bool known = read_kind(section, settings);
  section.require("kind", "say what it is, as in kind: openai_compatible");
  const bool local = settings.kind->local;
  section.text("owner", settings.owner, "whose model it is");
  section.text("host", settings.host, "on whose machines it runs");
  section.text("region", settings.region, "where they are; bedrock: the region that is called");
  read_own(section, settings, known);
  section.when(!local, "all kinds but llama_cpp", [&] { read_remote(section, settings, known); });
  read_timeouts(section, settings.timeouts, "deadlines of one attempt");
  config::read_limits(section, settings.limits,
                      "how much it may be asked; beyond, its targets are passed over");
  read_health(section, settings.health);
  read_concurrency(section, settings.concurrency);
  section.when(!known || local, "kind: llama_cpp",
               [&] { read_engine(section, settings.engine, known && local); });
}
}  // namespace

void read_settings(Section& top, std::vector<Settings>& into) {
  top.entries("providers", "Who answers, by name", [&](const std::string& name, Section& section) {
    Settings settings;
    settings.name = name;
    read_provider(section, settings);
    into.push_back(std::move(settings));
  });
}

void read_timeouts(Section& section, Timeouts& into, std::string_view about) {
  section.section("timeouts", about, [&](Section& timeouts) {
    const auto read = [&](std::string_view key, std::chrono::milliseconds& value,
                          std::string_view about) {
      timeouts.duration(key, value, 1ms, longest, about);
    };
    read("connect", into.connect, "name, connection and TLS");
    read("headers", into.headers, "from the sent request to the head of the answer");
    read("first_content", into.first_content, "from the sent request to the first content");
    read("idle", into.idle, "longest silence between two pieces of the answer");
    read("total", into.total, "all of the attempt");
    const std::array<std::pair<std::string_view, std::chrono::milliseconds*>, 4> parts = {
        {{"connect", &into.connect},
         {"headers", &into.headers},
         {"first_content", &into.first_content},
         {"idle", &into.idle}}};
    for (const auto& [key, value] : parts) {
      if (*value <= into.total) continue;
      if (timeouts.has(key)) timeouts.problem(key, "longer than total", "the attempt ends before");
      *value = into.total;
    }
  });
}
}  // namespace holdfast::provider
