// `holdfast key`: keys of applications, made and ended while the gateway runs.
#pragma once
#include <optional>
#include <string>

#include "cli/administration.h"

namespace holdfast::cli {

struct KeyArguments {
  std::string key;                                          // a name or an id
  std::string owner, parent, overlap, reason;               // empty: not said
  std::optional<std::string> models, providers, endpoints;  // commas between; empty: all
  std::optional<std::string> networks, regions;             // likewise
  std::optional<std::string> team, service, region, sensitivity, service_class, note;
  std::optional<std::string> limits;                 // "requests_per_minute=60,..."; empty: none
  std::optional<std::string> starts_in, expires_in;  // durations; "never"
};

//   verb   create, list, show, rotate, revoke or change
//   json   print the administration's answer
Outcome run_key(const Administration& admin, const std::string& verb, const KeyArguments& arguments,
                bool json);

}  // namespace holdfast::cli
