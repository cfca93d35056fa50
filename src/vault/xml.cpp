#include "vault/xml.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace holdfast::vault {
namespace {
constexpr std::string_view spaces = " \t\r\n";

bool is_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  };
  return !name.empty() && name.size() <= 128 && letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) {
           return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(spaces) == std::string_view::npos;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t' && c != '\r' && c != '\n') || byte == 0x7f;
  });
}

// What "&name;" stands for; only the five of XML and numbers of ASCII.
std::optional<char> entity(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, char>, 5> known = {
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  for (const auto& [spelled, c] : known)
    if (name == spelled) return c;
  if (!name.starts_with('#')) return std::nullopt;
  name.remove_prefix(1);
  const int base = name.starts_with('x') ? 16 : 10;
  if (base == 16) name.remove_prefix(1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number, base);
  const bool ascii = number >= 0x20 && number < 0x7f;
  if (error != std::errc() || end != name.data() + name.size() || !ascii) return std::nullopt;
  return static_cast<char>(number);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  Result<std::vector<XmlLeaf>> read() {
    if (has_control(rest_)) return wrong("control characters");
    skip_blank();
    if (rest_.starts_with("<?xml ")) {
      const std::size_t end = rest_.find("?>");
      if (end == std::string_view::npos) return wrong("its declaration does not end");
      rest_.remove_prefix(end + 2);
    }
    skip_blank();
    do {
      const std::string_view problem = rest_.starts_with("</")  ? close()
                                       : rest_.starts_with('<') ? open()
                                                                : characters();
      if (!problem.empty()) return wrong(problem);
    } while (!elements_.empty());
    if (!is_blank(rest_)) return wrong("something stands behind its end");
    return std::move(leaves_);
  }

 private:
  struct Element {
    std::size_t path_before;  // length of path_ without it
    bool has_elements = false;
    std::string text;
  };

  static std::unexpected<Error> wrong(std::string_view why) {
    return fail(ErrorCode::malformed_response,
                "not XML as token services write it: " + std::string(why));
  }
  void skip_blank() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(spaces), rest_.size()));
  }

  // "<name attribute="value">", "<name/>". Each of these returns what is wrong, or nothing.
  std::string_view open() {
    rest_.remove_prefix(1);
    const std::string_view name = rest_.substr(0, rest_.find_first_of(" \t\r\n/><=\"'&"));
    if (!is_name(name)) return "a tag that is not read here";
    rest_.remove_prefix(name.size());
    if (elements_.size() >= limits::xml_depth) return "too deep";
    for (skip_blank(); !rest_.starts_with('>') && !rest_.starts_with("/>"); skip_blank())
      if (!attribute()) return "a broken tag";
    const bool empty = rest_.starts_with('/');
    rest_.remove_prefix(empty ? 2 : 1);
    if (!elements_.empty()) elements_.back().has_elements = true;
    elements_.push_back({path_.size(), false, {}});
    if (!path_.empty()) path_ += '/';
    path_ += name;
    return empty ? end_element() : std::string_view();
  }

  bool attribute() {
    const std::size_t equals = rest_.find('=');
    if (equals == std::string_view::npos || !is_name(rest_.substr(0, equals))) return false;
    rest_.remove_prefix(equals + 1);
    if (!rest_.starts_with('"') && !rest_.starts_with('\'')) return false;
    const std::size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos || rest_.substr(0, end).find('<') != std::string_view::npos)
      return false;
    rest_.remove_prefix(end + 1);
    return rest_.starts_with('>') || rest_.starts_with("/>") ||
           (!rest_.empty() && spaces.find(rest_[0]) != std::string_view::npos);
  }

  std::string_view close() {
    rest_.remove_prefix(2);
    const std::size_t end = rest_.find('>');
    if (end == std::string_view::npos || elements_.empty()) return "a tag that does not fit";
    const std::size_t before = elements_.back().path_before;
    const std::string_view expected = std::string_view(path_).substr(before == 0 ? 0 : before + 1);
    std::string_view name = rest_.substr(0, end);
    name.remove_suffix(name.size() - std::min(name.find_last_not_of(spaces) + 1, name.size()));
    if (name != expected) return "a tag that does not fit";
    rest_.remove_prefix(end + 1);
    return end_element();
  }

  std::string_view end_element() {
    Element& element = elements_.back();
    Secret text(std::move(element.text));
    if (element.has_elements && !is_blank(text.reveal())) return "text between elements";
    if (!element.has_elements) {
      if (leaves_.size() >= limits::xml_leaves) return "too many elements";
      leaves_.push_back({path_, std::move(text)});
    }
    path_.resize(element.path_before);
    elements_.pop_back();
    return {};
  }

  std::string_view characters() {
    if (elements_.empty()) return "no element";
    std::string_view raw = rest_.substr(0, rest_.find('<'));
    if (raw.size() == rest_.size()) return "it does not end";
    rest_.remove_prefix(raw.size());
    std::string& into = elements_.back().text;
    into.reserve(into.size() + raw.size());
    while (!raw.empty()) {
      const std::size_t mark = std::min(raw.find('&'), raw.size());
      into += raw.substr(0, mark);
      raw.remove_prefix(mark);
      if (raw.empty()) break;
      const std::size_t end = raw.find(';');
      if (end == std::string_view::npos) return "an entity that is not known";
      const std::optional<char> c = entity(raw.substr(1, end - 1));
      if (!c) return "an entity that is not known";
      into += *c;
      raw.remove_prefix(end + 1);
    }
    return {};
  }

  std::string_view rest_;
  std::string path_;
  std::vector<Element> elements_;  // that are open
  std::vector<XmlLeaf> leaves_;
};
}  // namespace

Result<std::vector<XmlLeaf>> read_xml(std::string_view text) { return Reader(text).read(); }

std::optional<std::string_view> find_leaf(std::span<const XmlLeaf> leaves, std::string_view path) {
  const auto at = std::ranges::find(leaves, path, &XmlLeaf::path);
  if (at == leaves.end()) return std::nullopt;
  if (std::find_if(std::next(at), leaves.end(),
                   [&](const XmlLeaf& leaf) { return leaf.path == path; }) != leaves.end())
    return std::nullopt;
  return at->text.reveal();
}

}  // namespace holdfast::vault
