// The kinds of providers: one row each, made by the provider's own folder and listed in
// registry.cpp.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "provider/adapter.h"

namespace holdfast::provider {

struct Kind {
  std::string_view name;      // `kind:` in the configuration
  std::string_view base_url;  // unless the operator sets one; empty: it must be set
  std::string_view house;     // whose models it serves, unless `owner` says so; empty: not known
  bool key_needed = true;
  bool local = false;  // an engine that Holdfast starts itself
  // The adapter of a provider of this kind.
  //   extra_stop   stop strings to add to every request (local base models); empty for none
  std::unique_ptr<Adapter> (*make)(const Settings& settings,
                                   const std::vector<std::string>& extra_stop);
  // Reads the keys that only this kind has; null: there are none.
  void (*read)(config::Section& section, Settings& settings) = nullptr;
};

// All of them, in the order of the reference page.
std::span<const Kind* const> kinds();
const Kind* find_kind(std::string_view name);  // null: there is none

}  // namespace holdfast::provider
