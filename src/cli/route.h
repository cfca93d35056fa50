// `holdfast route explain`: who would answer a request, offline.
#pragma once
#include <string>

#include "cli/command.h"

namespace holdfast::cli {

struct RouteArguments {
  std::string config_path;   // a file or a folder
  std::string request_path;  // JSON: server/route_explain.h
  std::string health_path;   // JSON; empty: every target is well and idle
};

// What is supposed of health is
//   {"targets": [{"provider": "own", "model": "m", "state": "open", "in_flight": 2,
//                 "first_token_ms": 300, "per_token_ms": 20}]}
// where all but provider and model may be missing, and state is closed, open or cooling.
Outcome explain_route(const RouteArguments& arguments, bool json, std::size_t columns);

}  // namespace holdfast::cli
