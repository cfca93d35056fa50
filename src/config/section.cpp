#include "config/section.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "config/nearest.h"
#include "config/secrets.h"
#include "config/utf8.h"

namespace holdfast::config {
namespace {
constexpr std::size_t text_bytes = 1024;
constexpr std::size_t word_bytes = 256;
constexpr std::size_t name_bytes = 128;

std::string joined(const std::vector<std::string_view>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-:/@").find(c) != std::string_view::npos;
  });
}

std::string_view noun(Node::Type type) {
  switch (type) {
    case Node::Type::null:
      return "nothing";
    case Node::Type::text:
      return "text";
    case Node::Type::list:
      return "a list";
    case Node::Type::map:
      return "a map of keys";
    case Node::Type::broken:
      break;
  }
  return "something wrong";
}
}  // namespace

void Reader::read(const std::function<void(Section&)>& body) {
  const Node* root = document_ == nullptr ? nullptr : document_->root.get();
  if (document_ != nullptr && root == nullptr) return;  // the document says why
  if (root != nullptr && root->type != Node::Type::map) root = nullptr;
  Section top(*this, root, root == nullptr ? Place{} : root->place, {});
  body(top);
  top.finish();
}

void Reader::report(Severity severity, Place place, std::string key, std::string what,
                    std::string remedy, std::string allowed) {
  if (document_ == nullptr) return;
  if (problems_.size() >= limits::config_problems) {
    more_problems_ = true;
    return;
  }
  problems_.push_back({severity, document_->files[place.file], place.line, place.column,
                       std::move(key), std::move(what), std::move(remedy), std::move(allowed)});
}

std::vector<Problem> Reader::take_problems() {
  std::vector<Problem> all = std::exchange(problems_, {});
  if (document_ != nullptr)
    all.insert(all.end(), document_->problems.begin(), document_->problems.end());
  sort_by_place(all);
  if (all.size() > limits::config_problems || more_problems_) {
    if (all.size() > limits::config_problems) all.resize(limits::config_problems);
    Problem more;
    more.file = all.back().file;
    more.what = fmt::format("more problems than the {} shown", all.size());
    all.push_back(std::move(more));
  }
  return all;
}

const Entry* Section::take(std::string_view key, std::string type, std::string fallback,
                           std::string_view about) {
  known_.push_back(key);
  if (reader_.describing()) {
    reader_.keys_.push_back({join_key(path_, key), std::move(type), std::move(fallback),
                             std::string(about), std::string(condition_), false});
    return nullptr;
  }
  const Entry* entry = node_ == nullptr ? nullptr : node_->find(key);
  if (entry == nullptr || entry->value->type == Node::Type::broken) return nullptr;
  if (condition_holds_) return entry;
  problem(key, fmt::format("only for {}", condition_), "remove it");
  return nullptr;
}

const Node* Section::take_text(std::string_view key, std::string type, std::string fallback,
                               std::string_view about) {
  const Entry* entry = take(key, std::move(type), std::move(fallback), about);
  if (entry == nullptr) return nullptr;
  if (entry->value->type == Node::Type::text) return entry->value.get();
  if (entry->value->type == Node::Type::null)
    wrong(*entry->value, key, "has no value", "give it one, or remove the key");
  else
    wrong(*entry->value, key, fmt::format("must be one value, not {}", noun(entry->value->type)));
  return nullptr;
}

const Node* Section::take_node(std::string_view key, Node::Type type, std::string_view about) {
  const Entry* entry =
      take(key, type == Node::Type::map ? "map of keys" : "list", std::string(), about);
  if (entry == nullptr || entry->value->type == Node::Type::null) return nullptr;
  if (entry->value->type == type) return entry->value.get();
  wrong(*entry->value, key,
        fmt::format("must be {}, not {}", noun(type), noun(entry->value->type)));
  return nullptr;
}

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
  if (entry == nullptr || entry->value->type == Node::Type::null) return false;
  if (entry->value->type != Node::Type::list) {
    wrong(*entry->value, key, fmt::format("must be a list, not {}", noun(entry->value->type)),
          "write it as in [one, two]");
    return false;
  }
  into.clear();
  bool right = true;
  for (std::size_t i = 0; i < entry->value->items.size(); ++i) {
    const Node& item = *entry->value->items[i];
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
  const Node* node = take_text(key, "one of " + joined(names), std::string(now), about);
  if (node == nullptr) return names.size();
  const auto found = std::ranges::find(names, node->text);
  if (found == names.end())
    wrong(*node, key, "unknown value", did_you_mean(node->text, names), joined(names));
  return static_cast<std::size_t>(found - names.begin());
}

bool Section::listen(std::string_view key, ListenAddress& into, std::string_view about) {
  const Node* node = take_text(key, "ADDRESS:PORT", format_listen(into), about);
  if (node == nullptr) return false;
  Result<ListenAddress> value = parse_listen(node->text);
  if (!value) wrong(*node, key, std::move(value.error().detail));
  if (value) into = *std::move(value);
  return value.has_value();
}

bool Section::secret(std::string_view key, Secret& into, std::string_view about) {
  const Node* node = take_text(key, "secret: env:NAME or file:PATH", {}, about);
  if (node == nullptr) return false;
  Result<ResolvedSecret> value =
      resolve_secret(node->text, document()->folder, document()->environment);
  if (!value) {
    wrong(*node, key, std::move(value.error().detail), {}, "env:NAME, file:PATH");
    return false;
  }
  if (!value->warning.empty()) warn(key, std::move(value->warning));
  into = std::move(value->value);
  return true;
}

void Section::section(std::string_view key, std::string_view about,
                      const std::function<void(Section&)>& body) {
  const Node* node = take_node(key, Node::Type::map, about);
  Section inner(reader_, node, node == nullptr ? place_ : node->place, join_key(path_, key));
  if (node != nullptr) inner.place_ = node_->find(key)->place;
  body(inner);
  inner.finish();
}

void Section::entries(std::string_view key, std::string_view about,
                      const std::function<void(const std::string&, Section&)>& body) {
  const Node* node = take_node(key, Node::Type::map, about);
  const std::string path = join_key(path_, key);
  if (reader_.describing()) {
    Section inner(reader_, nullptr, {}, path + ".NAME");
    body("NAME", inner);
  }
  if (node == nullptr) return;
  for (const Entry& entry : node->entries) {
    const std::string inner_path = join_key(path, entry.key);
    if (!is_name(entry.key))
      reader_.report(Severity::error, entry.place, inner_path, "is not a name", {},
                     "letters, digits and . _ - : / @, at most 128 of them");
    const Node::Type type = entry.value->type;
    if (type == Node::Type::text || type == Node::Type::list)
      reader_.report(Severity::error, entry.value->place, inner_path,
                     fmt::format("must be a map of keys, not {}", noun(type)), {}, {});
    const Node* map = type == Node::Type::map ? entry.value.get() : nullptr;
    Section inner(reader_, map, entry.place, inner_path);
    body(entry.key, inner);
    inner.finish();
  }
}

void Section::items(std::string_view key, std::string_view about,
                    const std::function<void(Section&)>& body) {
  const Node* node = take_node(key, Node::Type::list, about);
  const std::string path = join_key(path_, key);
  if (reader_.describing()) {
    Section inner(reader_, nullptr, {}, path + "[]");
    body(inner);
  }
  if (node == nullptr) return;
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    const Node& item = *node->items[i];
    if (item.type == Node::Type::broken) continue;
    const std::string inner_path = fmt::format("{}[{}]", path, i);
    if (item.type != Node::Type::map) {
      reader_.report(Severity::error, item.place, inner_path,
                     fmt::format("must be a map of keys, not {}", noun(item.type)), {}, {});
      continue;
    }
    Section inner(reader_, &item, item.place, inner_path);
    body(inner);
    inner.finish();
  }
}

void Section::when(bool holds, std::string_view condition, const std::function<void()>& body) {
  const std::string_view outer = condition_;
  const bool outer_holds = condition_holds_;
  if (outer_holds || reader_.describing()) condition_ = condition;
  condition_holds_ = outer_holds && holds;
  body();
  condition_ = outer;
  condition_holds_ = outer_holds;
}

void Section::require(std::string_view key, std::string_view remedy) {
  if (reader_.describing()) {
    const std::string path = join_key(path_, key);
    for (KeyEntry& entry : reader_.keys_)
      if (entry.path == path) entry.required = true;
  } else if (!has(key)) {
    reader_.report(Severity::error, place_, join_key(path_, key), "missing", std::string(remedy),
                   {});
  }
}

void Section::problem(std::string_view key, std::string what, std::string remedy,
                      std::string allowed) {
  report(Severity::error, key, std::move(what), std::move(remedy), std::move(allowed));
}

void Section::warn(std::string_view key, std::string what, std::string remedy) {
  report(Severity::warning, key, std::move(what), std::move(remedy), {});
}

void Section::unknown_name(std::string_view key, std::string_view typed, std::string what,
                           std::vector<std::string_view> names) {
  problem(key, std::move(what), did_you_mean(typed, names), joined(names));
}

void Section::wrong(const Node& node, std::string_view key, std::string what, std::string remedy,
                    std::string allowed) {
  reader_.report(Severity::error, node.place, join_key(path_, key), std::move(what),
                 std::move(remedy), std::move(allowed));
}

void Section::report(Severity severity, std::string_view key, std::string what, std::string remedy,
                     std::string allowed) {
  Place place = place_;
  const Node* node = node_;
  for (std::string_view rest = key; node != nullptr && !rest.empty();) {
    const std::size_t dot = rest.find('.');
    const Entry* entry = node->find(rest.substr(0, dot));
    if (entry == nullptr) break;
    place = entry->place;
    node = entry->value.get();
    rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
  }
  reader_.report(severity, place, key.empty() ? path_ : join_key(path_, key), std::move(what),
                 std::move(remedy), std::move(allowed));
}

void Section::finish() {
  if (node_ == nullptr) return;
  for (const Entry& entry : node_->entries) {
    if (std::ranges::find(known_, entry.key) != known_.end()) continue;
    reader_.report(Severity::error, entry.place, join_key(path_, entry.key), "unknown key",
                   did_you_mean(entry.key, known_), joined(known_));
  }
}
}  // namespace holdfast::config
