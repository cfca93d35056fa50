// What happened in a simulation, as clients and virtual upstreams saw it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "simulation/script.h"

namespace holdfast::simulation {

// How a request ended for its client.
enum class Ending : std::uint8_t {
  pending,       // not yet
  whole,         // a complete answer
  cut,           // it began, and ended without its end
  error_event,   // it began, and an error event ended it
  error_status,  // an answer that says what went wrong
  no_answer,     // the connection broke before anything came
  left,          // the client gave up
};
std::string_view to_string(Ending ending);

struct Fate {  // of one request
  Asked asked;
  bool stream = false;
  MonoTime sent{}, first_content{},
      ended{};  // first_content: of an answer that is not streamed, its end
  Ending ending = Ending::pending;
  int arrivals = 0;      // at virtual upstreams
  int copies = 0;        // that arrived at providers on trial
  int endings = 0;       // how often it ended: once
  int status = 0;        // 0: no head came
  int attempts = 0;      // as the answer says
  int provider = -1;     // whose text it is
  int tokens = 0;        // pieces of it that came
  bool garbled = false;  // the text is not one answer to this request, in order and without gaps
};

// A request as a virtual upstream saw it.
struct Arrival {
  std::uint32_t request = 0;
  int provider = 0;
  MonoTime at{};
  bool answered = false;          // with everything, as far as the upstream can tell
  int status = 0;                 // that it answered; 0: none
  std::int64_t tokens_told = -1;  // the usage that it reported; -1: none
  bool on_file = false;           // the journal had its start by then
  MonoTime ended{};               // when the upstream was done with it
};

// Used by one thread.
struct History {
  std::vector<Fate> fates;  // by number of the request
  std::vector<Arrival> arrivals;
  std::vector<Arrival> copies;  // those at providers on trial, which answer nobody
  std::uint64_t hash = 14'695'981'039'346'656'037ULL;  // of everything, in order (FNV-1a)

  // Takes up something that happened.
  template <class... Numbers>
  void note(Numbers... numbers) {
    (mix(static_cast<std::uint64_t>(numbers)), ...);
  }
  void note_text(std::string_view text) {
    for (const char c : text) mix(static_cast<unsigned char>(c));
  }

 private:
  void mix(std::uint64_t number) {
    for (int byte = 0; byte < 8; ++byte, number >>= 8U)
      hash = (hash ^ (number & 0xffU)) * 1'099'511'628'211ULL;
  }
};

}  // namespace holdfast::simulation
