// Requests that are sent at given times, in place of random ones: those that the records hold.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "records/past.h"

namespace holdfast::simulation {

// What a client asks, and what it will be answered.
struct Asked {
  Duration at{};  // from the beginning
  bool stream = false;
  std::uint16_t key = 0;       // in Script::keys
  std::uint32_t features = 0;  // bits of records::Feature
  std::int64_t tokens_in = 7;
  std::int64_t tokens_out = 40;
  int pieces = 40;  // that the answer's text comes in
};

// The requests for one model.
struct Script {
  std::int64_t begins_us = 0;  // the wall's time at the beginning
  Duration lasts{};
  std::vector<Asked> requests;  // in order of time
  std::vector<std::string> keys;
  std::map<std::string, records::PastPace, std::less<>> paces;  // by provider
};

struct Traffic;

// The scripts of what was recorded, by model.
//   traffic   whose from, until and speed hold, and whose tokens stand in where none are on record
//   errors    configuration: it lasts longer than a simulation may
Result<std::map<std::string, Script, std::less<>>> scripts_of(const records::PastTraffic& past,
                                                              const Traffic& traffic);

// The JSON of a request of OpenAI's chat: asks for as many tokens and uses these features, as far
// as a conversation without files can.
std::string body_of(const Asked& asked, std::string_view model, std::uint32_t number);
// How many bytes of that are the prompt's, at most.
std::int64_t prompt_bytes(const Asked& asked);
// The features that body_of() leaves out.
std::uint32_t unsaid(std::uint32_t features);

// Streams of one provider that must be on record, for its pace to be taken from there.
inline constexpr std::size_t pace_streams = 20;

}  // namespace holdfast::simulation
