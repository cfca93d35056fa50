// How a room reads its own section. Every reading names the key, where the value goes (what stands
// there is the default) and what it is for; all problems are collected; keys that nobody has read
// are unknown. Run over nothing, the same code yields the reference page.
#pragma once
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "config/document.h"
#include "config/reference.h"
#include "config/values.h"

namespace holdfast::config {

template <class E>
struct Choice {
  std::string_view name;
  E value;
};

// A secret with the reference that named it, which may be shown.
struct NamedSecret {
  std::string reference;  // env:NAME, file:PATH, vault:PATH
  Secret value;
};

class Section;

// One reading of a whole document. Used by one thread.
class Reader {
 public:
  explicit Reader(const Document& document) : document_(&document) {}
  Reader() = default;  // reads nothing and only notes what would be read

  // Calls `body` with the section of the top level.
  void read(const std::function<void(Section&)>& body);

  // What was wrong, the document's own problems included, by place; at most config_problems of
  // them.
  std::vector<Problem> take_problems();
  const std::vector<KeyEntry>& keys() const { return keys_; }
  bool describing() const { return document_ == nullptr; }

 private:
  friend class Section;
  void report(Severity severity, Place place, std::string key, std::string what, std::string remedy,
              std::string allowed);

  const Document* document_ = nullptr;
  std::vector<Problem> problems_;
  bool more_problems_ = false;
  std::vector<KeyEntry> keys_;  // only while describing
};

// A map of the document, or the absence of one (then every reading leaves the default).
// Each reading returns whether the file sets the key, and to something that is right.
class Section {
 public:
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

  bool has(std::string_view key) const { return node_ != nullptr && node_->find(key) != nullptr; }

  // Any text without control characters, not empty, at most 1 KiB.
  bool text(std::string_view key, std::string& into, std::string_view about);
  // Visible ASCII without spaces, at most 256 bytes: fit for a header.
  bool word(std::string_view key, std::string& into, std::string_view about);
  // A list of them.
  bool words(std::string_view key, std::vector<std::string>& into, std::string_view about);
  // A path, relative to the configuration's folder; not looked at.
  bool path(std::string_view key, std::string& into, std::string_view about);
  bool flag(std::string_view key, bool& into, std::string_view about);
  bool integer(std::string_view key, int& into, int least, int most, std::string_view about);
  bool size(std::string_view key, std::uint64_t& into, std::uint64_t least, std::uint64_t most,
            std::string_view about);
  template <class Rep, class Period>
  bool duration(std::string_view key, std::chrono::duration<Rep, Period>& into,
                std::chrono::milliseconds least, std::chrono::milliseconds most,
                std::string_view about) {
    std::chrono::milliseconds value = into;
    const std::chrono::milliseconds unit = std::chrono::duration<Rep, Period>(1);
    if (!read_duration(key, value, unit, least, most, about)) return false;
    into = std::chrono::duration_cast<std::chrono::duration<Rep, Period>>(value);
    return true;
  }
  template <class E, std::size_t N>
  bool choice(std::string_view key, E& into, const std::array<Choice<E>, N>& choices,
              std::string_view about) {
    std::vector<std::string_view> names;
    names.reserve(N);
    for (const Choice<E>& one : choices) names.push_back(one.name);
    const auto now = std::ranges::find(choices, into, &Choice<E>::value);
    const auto picked = pick(key, now == choices.end() ? "" : now->name, names, about);
    if (picked == N) return false;
    into = choices[picked].value;
    return true;
  }
  // One of `names`; leaves names.size() in `picked` when it is none of them.
  bool one_of(std::string_view key, std::size_t& picked, const std::vector<std::string_view>& names,
              std::string_view about) {
    picked = pick(key, "", names, about);
    return picked < names.size();
  }
  bool listen(std::string_view key, ListenAddress& into, std::string_view about);
  // env:NAME, file:PATH or vault:PATH, resolved; blocks on the disk.
  bool secret(std::string_view key, Secret& into, std::string_view about);
  // A list of them, each named once.
  bool secrets(std::string_view key, std::vector<NamedSecret>& into, std::string_view about);

  // A map of keys that are known.
  void section(std::string_view key, std::string_view about,
               const std::function<void(Section&)>& body);
  // A map of names that the operator gives: calls `body` for each, in the file's order.
  // A name is letters, digits and . _ - : / @ (a name of a model has them), at most 128 bytes.
  // Returns false when what stands there is no map: then it has been reported.
  bool entries(std::string_view key, std::string_view about,
               const std::function<void(const std::string& name, Section&)>& body);
  // A list of maps: calls `body` for each.
  // Returns false when it is no list or something else stands in it: then it has been reported.
  bool items(std::string_view key, std::string_view about,
             const std::function<void(Section&)>& body);

  // What `body` reads is allowed only if `holds`; may be nested.
  //   condition   as messages and the page say it: "kind: openai"
  void when(bool holds, std::string_view condition, const std::function<void()>& body);
  // The file must set `key`, which has been read before.
  void require(std::string_view key, std::string_view remedy);

  // Reports that `key` (a name below this section, with dots for deeper ones; empty: the section
  // itself) is wrong. Its place is the nearest that the file has.
  void problem(std::string_view key, std::string what, std::string remedy = {},
               std::string allowed = {});
  void warn(std::string_view key, std::string what, std::string remedy = {});

  // A name in `names` was meant.
  void unknown_name(std::string_view key, std::string_view typed, std::string what,
                    std::vector<std::string_view> names);

  const Document* document() const { return reader_.document_; }  // nullptr while describing

 private:
  friend class Reader;
  Section(Reader& reader, const Node* node, Place place, std::string path)
      : reader_(reader), node_(node), place_(place), path_(std::move(path)) {}

  bool read_duration(std::string_view key, std::chrono::milliseconds& into,
                     std::chrono::milliseconds unit, std::chrono::milliseconds least,
                     std::chrono::milliseconds most, std::string_view about);
  std::size_t pick(std::string_view key, std::string_view now,
                   const std::vector<std::string_view>& names, std::string_view about);
  // Notes that `key` is read; its entry if the file has it and it may be used.
  const Entry* take(std::string_view key, std::string type, std::string fallback,
                    std::string_view about);
  // The same, for a key whose value is text.
  const Node* take_text(std::string_view key, std::string type, std::string fallback,
                        std::string_view about);
  // The same, for a key whose value has `type`; nullptr for none and for an empty one.
  //   right   set to false when something else stands there
  const Node* take_node(std::string_view key, Node::Type type, std::string_view about, bool& right);
  std::optional<std::string> wrong_text(const Node& node, std::size_t most, bool spaces) const;
  void wrong(const Node& node, std::string_view key, std::string what, std::string remedy = {},
             std::string allowed = {});
  void report(Severity severity, std::string_view key, std::string what, std::string remedy,
              std::string allowed);
  void finish();  // reports the keys that nobody has read

  Reader& reader_;
  const Node* node_;  // a map, or nullptr
  Place place_;
  std::string path_;
  std::vector<std::string_view> known_;  // keys read so far: literals
  std::string_view condition_;           // of when(); empty: none
  bool condition_holds_ = true;
};

}  // namespace holdfast::config
