// What was probably meant.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace holdfast::config {

// The name in `names` that is fewest typing errors (insert, remove, replace, swap neighbours) away
// from `typed`; empty when none is near: at most a third of its length, and at least one.
std::string_view nearest(std::string_view typed, std::span<const std::string_view> names);

// `did you mean "key"?`, or nothing.
std::string did_you_mean(std::string_view typed, std::span<const std::string_view> names);

}  // namespace holdfast::config
