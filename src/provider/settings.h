// A provider as its operator configured it: `providers.NAME`.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "config/limit_settings.h"
#include "config/section.h"
#include "net/origin.h"
#include "provider/concurrency.h"
#include "provider/health_settings.h"
#include "provider/probe_settings.h"
#include "vault/settings.h"

namespace holdfast::limits {
inline constexpr std::size_t credentials_per_provider = 16;
}

namespace holdfast::provider {

struct Kind;  // kind.h
// Whether the provider is asked for usage in streams (stream_options.include_usage): some refuse
// the field.
enum class UsageAsk { ask, never };

struct Timeouts {  // each may be set for a provider and again for a target
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds headers{60'000};  // from the sent request to the answer's head
  std::chrono::milliseconds first_content{
      60'000};                               // from the sent request to the first content (streams)
  std::chrono::milliseconds idle{30'000};    // between two pieces of the answer
  std::chrono::milliseconds total{600'000};  // of one attempt
};

// The local engine's own part: `kind: llama_cpp`.
enum class Standby { warm, cold };
enum class Frame { none, user_assistant };
struct EngineSettings {
  std::string
      binary;  // llama-server; default: "llama-server" beside the holdfast binary, or in PATH
  std::string model;  // path of a GGUF file, relative to the configuration's folder
  Standby standby = Standby::warm;
  Frame frame = Frame::none;  // user_assistant: for base models without a chat template
  int threads = 0;            // 0: all cores but one, at least 1 but one, at least 1
  int parallel = 4;           // requests decoded together
  int context = 0;            // tokens of context per slot; 0: 2048
  std::chrono::milliseconds start_timeout{120'000};  // from the spawn to ready
  std::chrono::milliseconds idle_stop{600'000};  // cold: stopped after so long without a request
  bool operator==(const EngineSettings&) const = default;
};

// What only one kind has; made and read by its folder.
struct OwnSettings {
  virtual ~OwnSettings() = default;
};

struct Settings {
  std::string name;
  const Kind* kind = nullptr;  // never null once read
  net::BaseUrl base;           // local engines: set by the engine
  std::string usual_url;       // set by kinds whose URL depends on their own keys; else the kind's
  Secret key;                  // empty: no Authorization header
  // Several keys, in the order in which they are used; empty: `key` is the only one.
  std::vector<config::NamedSecret> keys;
  std::string organization;         // openai: OpenAI-Organization
  std::string project;              // openai: OpenAI-Project
  std::string owner, host, region;  // whose model, on whose machines, where; free words
  bool private_network = false;     // network: private -- the address may be in a private range
  UsageAsk usage = UsageAsk::ask;
  Timeouts timeouts;
  config::LimitSettings limits;  // of all its targets together
  HealthSettings health;
  ProbeSettings probe;
  ConcurrencyBounds concurrency;  // of each of its targets
  std::shared_ptr<const OwnSettings> own;
  std::optional<vault::AuthSettings> auth;  // short-lived credentials in place of `key`
  EngineSettings engine;                    // local engines only
};

// Reads `providers` of the top level. A provider that is wrong is there nevertheless, so that what
// names it is not reported too.   Blocks on the disk (secrets, ca_file).
void read_settings(config::Section& top, std::vector<Settings>& into);

// Reads `timeouts` of a provider or a target over what stands in `into`. None is longer than total.
void read_timeouts(config::Section& section, Timeouts& into, std::string_view about);

}  // namespace holdfast::provider
