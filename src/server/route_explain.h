// Who would answer a request, and why: for the administrative interface, where the request is a
// query, and for `holdfast route explain`, where it is a file.
#pragma once
#include <boost/json/value.hpp>
#include <expected>
#include <map>
#include <span>
#include <string>

#include "routing/explain.h"
#include "routing/shadow.h"
#include "server/settings.h"

namespace holdfast::server {

// A request as somebody supposes it, by the names of the facts:
//   model                    required
//   key                      a name under keys; its team, service, class and so on go with it
//   tokens, max_tokens       whole numbers
//   features                 with commas, as records have them: images,tools
//   stream                   true or false
//   endpoint                 as records have them; chat_completions when it is missing
//   user, conversation, prefix, request_id   any text: only whether it is the same counts
//   at_us                    the wall time; now when it is missing
//   seed                     of what is drawn at random; 0 when it is missing
//   header.NAME              a header of the request
using Supposed = std::map<std::string, std::string>;

// The same as JSON: an object of these, `features` a list or text, `header` an object.
//   errors   what is wrong with it
std::expected<Supposed, std::string> read_supposed(const boost::json::value& request);

// Who is asked.
struct Candidates {
  std::string model;
  const routing::Route& route;
  std::vector<std::pair<std::string, std::string>> targets;  // provider and model, by position
  struct OnTrial {
    std::string provider, model;
    routing::ShadowRule rule;
    std::optional<std::uint16_t> index;  // in the table of health; nothing: taken for well
  };
  std::vector<OnTrial> shadows = {};
};

// Finds the facts and explains.
//   errors   what is wrong with `supposed`, and what is allowed
std::expected<boost::json::value, std::string> explain_route(
    const Candidates& candidates, const Supposed& supposed,
    std::span<const identity::KeySettings> keys, const routing::HealthTable& health,
    const routing::LoadTable& load, MonoTime now, std::int64_t wall_us);

// The same for people, in lines of at most `columns` (0: as long as they are).
std::string describe_route(const boost::json::value& explanation, std::size_t columns);

}  // namespace holdfast::server
