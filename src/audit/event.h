// What is written down, and the line of text that stands for it. The bytes of that line, without
// its line feed, are the leaf of the tree.
#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::limits {
inline constexpr std::size_t audit_text_bytes = 1'024;   // of one value; longer ones are cut
inline constexpr std::size_t audit_line_bytes = 65'535;  // of an entry
inline constexpr std::size_t audit_values = 64;          // in `before` and in `after`
}  // namespace holdfast::limits

namespace holdfast::audit {

// fact      has happened, or happens with this entry
// intent    is about to be done; its outcome follows
// outcome   of the intent `of`: done, failed, or unknown (the process died in between)
enum class Phase : std::uint8_t { fact, intent, outcome };
enum class Outcome : std::uint8_t { done, failed, unknown };
std::string_view to_string(Phase phase);
std::string_view to_string(Outcome outcome);

// Never a secret, never a prompt or an answer. What is empty is left out of the line.
struct Event {
  std::string action;                 // "target.drain": a room's word, a point, a verb
  std::string actor;                  // who: "operator", "holdfast"
  std::string from;                   // from where: "administration", "signal"
  std::string target;                 // what it is about
  std::string reason;                 // why, in the words of whoever did it
  std::string request_id;             // of the administration's request
  boost::json::object before, after;  // texts, whole numbers and flags by ASCII names
};

// What Holdfast does by itself.
Event own_event(std::string action, boost::json::object after = {});

struct Entry {
  std::uint64_t index = 0;
  std::int64_t time_us = 0;  // UTC, microseconds; may go back when a clock is set
  Phase phase = Phase::fact;
  std::uint64_t of = 0;                // an outcome's intent
  Outcome outcome = Outcome::unknown;  // likewise
  Event event;
};

// The entry as one line of canonical JSON (RFC 8785), without the line feed: the same entry gives
// the same bytes. Texts are made valid UTF-8; long ones are cut and end with their length and
// SHA-256; a name that is not ASCII, or a number that is not whole, becomes text.
//   errors   too_large: more than audit_line_bytes
Result<std::string> write_entry(const Entry& entry);

// The entry of a line, which must be exactly what write_entry gives.
//   errors   malformed_response: says what is wrong, never with the line's own words
Result<Entry> read_entry(std::string_view line);

// JSON as RFC 8785 has it, for values without fractions whose names are ASCII; else nothing.
std::optional<std::string> canonical(const boost::json::value& value);

}  // namespace holdfast::audit
