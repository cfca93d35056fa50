// What stands at one key: text, numbers, durations, choices, addresses, secrets.
#include <fmt/format.h>

#include <optional>
#include <utility>

#include "config/nearest.h"
#include "config/secrets.h"
#include "config/section.h"
#include "config/utf8.h"

namespace holdfast::config {
namespace {
constexpr std::size_t text_bytes = 1024;
constexpr std::size_t word_bytes = 256;

// The list at a key; null: nothing stands there, or something else, of which `complain` hears.
template <class Complain>
const Node* list_at(const Entry* entry, Complain complain) {
  if (entry == nullptr || entry->value->type == Node::Type::null) return nullptr;
  if (entry->value->type == Node::Type::list) return entry->value.get();
  complain(*entry->value);
  return nullptr;
}
}  // namespace

// Why `node` is not a text of at most `most` bytes; spaces are those of prose, with all of UTF-8.
std::optional<std::string> Section::wrong_text(const Node& node, std::size_t most,
                                               bool spaces) const {
  if (node.text.empty()) return "is empty";
  if (node.text.size() > most) return fmt::format("is longer than {} bytes", most);
  if (first_bad_byte(node.text) || node.text.find_first_of("\r\n\t") != std::string::npos)
    return "has a line break or another control character in it";
  const bool ascii = std::ranges::all_of(node.text, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!spaces && !ascii) return "has a space or a character that is not ASCII in it";
  return std::nullopt;
}

bool Section::text(std::string_view key, std::string& into, std::string_view about) {
  const Node* node = take_text(key, "text", into, about);
  if (node == nullptr) return false;
  if (auto why = wrong_text(*node, text_bytes, true)) {
    wrong(*node, key, *std::move(why));
    return false;
  }
  into = node->text;
  return true;
}

bool Section::word(std::string_view key, std::string& into, std::string_view about) {
  const Node* node = take_text(key, "text without spaces", into, about);
  if (node == nullptr) return false;
  if (auto why = wrong_text(*node, word_bytes, false)) {
    wrong(*node, key, *std::move(why));
    return false;
  }
  into = node->text;
  return true;
}

bool Section::words(std::string_view key, std::vector<std::string>& into, std::string_view about) {
  const Entry* entry = take(key, "list of text", fmt::format("{}", fmt::join(into, ", ")), about);
  const Node* list = list_at(entry, [&](const Node& other) {
    wrong(other, key, "must be a list", "write it as in [one, two]");
  });
  if (list == nullptr) return false;
  into.clear();
  bool right = true;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const Node& item = *list->items[i];
    if (item.type == Node::Type::broken) continue;
    std::optional<std::string> why = "must be text";
    if (item.type == Node::Type::text) why = wrong_text(item, word_bytes, false);
    if (why) {
      wrong(item, fmt::format("{}[{}]", key, i), *std::move(why));
      right = false;
    } else {
      into.push_back(item.text);
    }
  }
  return right;
}

bool Section::path(std::string_view key, std::string& into, std::string_view about) {
  const Node* node = take_text(key, "path", into, about);
  if (node == nullptr) return false;
  if (auto why = wrong_text(*node, text_bytes, true)) {
    wrong(*node, key, *std::move(why));
    return false;
  }
  into = (document()->folder / node->text).lexically_normal().string();
  return true;
}

bool Section::flag(std::string_view key, bool& into, std::string_view about) {
  const Node* node = take_text(key, "yes or no", into ? "yes" : "no", about);
  if (node == nullptr) return false;
  const Result<bool> value = parse_flag(node->text);
  if (!value) wrong(*node, key, value.error().detail, {}, "yes, no");
  if (value) into = *value;
  return value.has_value();
}

bool Section::integer(std::string_view key, int& into, int least, int most,
                      std::string_view about) {
  const std::string range = fmt::format("{} to {}", least, most);
  const Node* node = take_text(key, "whole number, " + range, fmt::format("{}", into), about);
  if (node == nullptr) return false;
  const Result<std::int64_t> value = parse_integer(node->text);
  if (value && *value >= least && *value <= most) {
    into = static_cast<int>(*value);
    return true;
  }
  wrong(*node, key, value ? "is out of range" : value.error().detail, {}, range);
  return false;
}

bool Section::size(std::string_view key, std::uint64_t& into, std::uint64_t least,
                   std::uint64_t most, std::string_view about) {
  const std::string range = fmt::format("{} to {}", format_size(least), format_size(most));
  const Node* node = take_text(key, "size, " + range, format_size(into), about);
  if (node == nullptr) return false;
  const Result<std::uint64_t> value = parse_size(node->text);
  if (value && *value >= least && *value <= most) {
    into = *value;
    return true;
  }
  wrong(*node, key, value ? "is out of range" : value.error().detail, {}, range);
  return false;
}

bool Section::read_duration(std::string_view key, std::chrono::milliseconds& into,
                            std::chrono::milliseconds unit, std::chrono::milliseconds least,
                            std::chrono::milliseconds most, std::string_view about) {
  const std::string range = fmt::format("{} to {}", format_duration(least), format_duration(most));
  const Node* node = take_text(key, "duration, " + range, format_duration(into), about);
  if (node == nullptr) return false;
  const Result<std::chrono::milliseconds> value = parse_duration(node->text);
  const bool fits = value && *value >= least && *value <= most;
  if (fits && value->count() % unit.count() == 0) {
    into = *value;
    return true;
  }
  if (fits)
    wrong(*node, key, fmt::format("must be a multiple of {}", format_duration(unit)));
  else
    wrong(*node, key, value ? "is out of range" : value.error().detail, {}, range);
  return false;
}

std::size_t Section::pick(std::string_view key, std::string_view now,
                          const std::vector<std::string_view>& names, std::string_view about) {
  const Node* node = take_text(key, "one of " + fmt::format("{}", fmt::join(names, ", ")),
                               std::string(now), about);
  if (node == nullptr) return names.size();
  const auto found = std::ranges::find(names, node->text);
  if (found == names.end())
    wrong(*node, key, "unknown value", did_you_mean(node->text, names),
          fmt::format("{}", fmt::join(names, ", ")));
  return static_cast<std::size_t>(found - names.begin());
}

bool Section::listen(std::string_view key, ListenAddress& into, std::string_view about) {
  const Node* node = take_text(key, "ADDRESS:PORT", format_listen(into), about);
  if (node == nullptr) return false;
  Result<ListenAddress> value = parse_listen(node->text);
  if (!value) {
    wrong(*node, key, std::move(value.error().detail));
    return false;
  }
  into = *std::move(value);
  return true;
}

bool Section::secret(std::string_view key, Secret& into, std::string_view about) {
  const Node* node = take_text(key, "secret: env:NAME, file:PATH or vault:PATH", {}, about);
  if (node == nullptr) return false;
  Result<ResolvedSecret> value = secret_of(*document(), node->text);
  if (!value) {
    wrong(*node, key, std::move(value.error().detail), {}, "env:NAME, file:PATH, vault:PATH");
    return false;
  }
  if (!value->warning.empty()) warn(key, std::move(value->warning));
  into = std::move(value->value);
  return true;
}

bool Section::secrets(std::string_view key, std::vector<NamedSecret>& into,
                      std::string_view about) {
  const Entry* entry = take(key, "list of secrets: env:NAME, file:PATH or vault:PATH", {}, about);
  const Node* list = list_at(entry, [&](const Node& other) {
    wrong(other, key, "must be a list", "write it as in [env:FIRST, env:SECOND]");
  });
  if (list == nullptr) return false;
  into.clear();
  bool right = true;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const Node& item = *list->items[i];
    if (item.type == Node::Type::broken) continue;
    const std::string at = fmt::format("{}[{}]", key, i);
    if (item.type != Node::Type::text) {
      wrong(item, at, "must be text", {}, "env:NAME, file:PATH, vault:PATH");
      right = false;
      continue;
    }
    Result<ResolvedSecret> value = secret_of(*document(), item.text);
    const bool twice = std::ranges::find(into, item.text, &NamedSecret::reference) != into.end();
    if (!value || twice) {
      wrong(item, at, twice ? "is named twice" : std::move(value.error().detail), {},
            twice ? "" : "env:NAME, file:PATH, vault:PATH");
      right = false;
      continue;
    }
    if (!value->warning.empty()) warn(at, std::move(value->warning));
    into.push_back({item.text, std::move(value->value)});
  }
  return right;
}
}  // namespace holdfast::config
