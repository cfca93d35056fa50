#include "config/section.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "config/nearest.h"

namespace holdfast::config {
namespace {
constexpr std::size_t name_bytes = 128;
constexpr std::size_t listed_names = 32;  // of what is allowed

std::string joined(std::span<const std::string_view> names) {
  const bool all = names.size() <= listed_names;
  return fmt::format("{}{}", fmt::join(names.first(std::min(names.size(), listed_names)), ", "),
                     all ? "" : ", ...");
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
  const bool read_before = std::ranges::find(known_, key) != known_.end();
  if (!read_before) known_.push_back(key);
  if (reader_.describing()) {
    reader_.keys_.push_back({join_key(path_, key), std::move(type), std::move(fallback),
                             std::string(about), std::string(condition_), false});
    return nullptr;
  }
  const Entry* entry = node_ == nullptr ? nullptr : node_->find(key);
  if (entry == nullptr || entry->value->type == Node::Type::broken) return nullptr;
  if (condition_holds_) return entry;
  if (!read_before)  // else it means something here too, under a condition that holds
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

const Node* Section::take_node(std::string_view key, Node::Type type, std::string_view about,
                               bool& right) {
  const Entry* entry =
      take(key, type == Node::Type::map ? "map of keys" : "list", std::string(), about);
  if (entry == nullptr || entry->value->type == Node::Type::null) return nullptr;
  if (entry->value->type == type) return entry->value.get();
  wrong(*entry->value, key,
        fmt::format("must be {}, not {}", noun(type), noun(entry->value->type)));
  right = false;
  return nullptr;
}

void Section::section(std::string_view key, std::string_view about,
                      const std::function<void(Section&)>& body) {
  bool right = true;
  const Node* node = take_node(key, Node::Type::map, about, right);
  Section inner(reader_, node, node == nullptr ? place_ : node->place, join_key(path_, key));
  if (node != nullptr) inner.place_ = node_->find(key)->place;
  body(inner);
  inner.finish();
}

bool Section::entries(std::string_view key, std::string_view about,
                      const std::function<void(const std::string&, Section&)>& body) {
  bool right = true;
  const Node* node = take_node(key, Node::Type::map, about, right);
  const std::string path = join_key(path_, key);
  if (reader_.describing()) {
    Section inner(reader_, nullptr, {}, path + ".NAME");
    body("NAME", inner);
  }
  if (node == nullptr) return right;
  for (const Entry& entry : node->entries) {
    const std::string inner_path = join_key(path, entry.key);
    const bool named = is_name(entry.key);
    if (!named)
      reader_.report(Severity::error, entry.place, inner_path, "is not a name", {},
                     "letters, digits and . _ - : / @, at most 128 of them");
    const Node::Type type = entry.value->type;
    if (type == Node::Type::text || type == Node::Type::list)
      reader_.report(Severity::error, entry.value->place, inner_path,
                     fmt::format("must be a map of keys, not {}", noun(type)), {}, {});
    const Node* map = type == Node::Type::map ? entry.value.get() : nullptr;
    Section inner(reader_, map, entry.place, inner_path);
    body(named ? entry.key : printable(entry.key), inner);
    inner.finish();
  }
  return right;
}

bool Section::items(std::string_view key, std::string_view about,
                    const std::function<void(Section&)>& body) {
  bool right = true;
  const Node* node = take_node(key, Node::Type::list, about, right);
  const std::string path = join_key(path_, key);
  if (reader_.describing()) {
    Section inner(reader_, nullptr, {}, path + "[]");
    body(inner);
  }
  if (node == nullptr) return right;
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    const Node& item = *node->items[i];
    right = right && item.type == Node::Type::map;
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
  return right;
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
