#include "config/tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "config/problem.h"
#include "config/utf8.h"

namespace holdfast::config {
namespace {
struct Refused {  // ends the reading; caught in parse_tree
  Place place;
  std::string key;
  std::string what;
};

// Builds the tree from the parser's events.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::uint32_t file, const Environment& environment, std::vector<Remark>& remarks)
      : file_(file), environment_(environment), remarks_(remarks) {}

  NodePtr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) throw Refused{place(mark), path(), "a key is empty"};
    auto node = std::make_shared<Node>();
    // The parser marks what follows an empty value; the key says better where it is.
    node->place = stack_.empty() || !stack_.back().key ? place(mark) : stack_.back().key->place;
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw Refused{place(mark), path(), "an alias stands inside what it names"};
    if (expects_key()) throw Refused{place(mark), path(), "a key must be text, not an alias"};
    add(found->second, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    if (expects_key()) {
      take_key(value, place(mark), tag != "!");
      return;
    }
    auto node = std::make_shared<Node>();
    node->place = place(mark);
    Result<std::string> text = substitute(value, environment_);
    node->type = text ? Node::Type::text : Node::Type::broken;
    if (text)
      node->text = *std::move(text);
    else
      remark(node->place, path(), std::move(text.error().detail));
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, Node::Type::list);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, Node::Type::map);
  }
  void OnMapEnd() override {
    merge();
    close();
  }

 private:
  struct Frame {  // a list or map that is not complete
    std::shared_ptr<Node> node;
    YAML::anchor_t anchor = 0;
    std::string path;
    std::unordered_map<std::string, Place> seen;
    std::optional<Entry> key;     // whose value comes next
    bool repeated = false;        // the key has been there before: its value is dropped
    std::optional<Entry> merged;  // `<<`
    bool merging = false;         // the value of `<<` comes next
  };

  Place place(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }
  bool expects_key() const {
    return !stack_.empty() && stack_.back().node->type == Node::Type::map && !stack_.back().key;
  }

  // The path of what comes next.
  std::string path() const {
    if (stack_.empty()) return {};
    const Frame& top = stack_.back();
    if (top.node->type == Node::Type::list)
      return fmt::format("{}[{}]", top.path, top.node->items.size());
    return top.key ? join_key(top.path, top.key->key) : top.path;
  }

  void remark(Place where, std::string key, std::string what) {
    if (remarks_.size() < limits::config_problems)
      remarks_.push_back({where, std::move(key), std::move(what)});
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      remark(place(mark), path(), "YAML tags have no meaning here; remove the one with !");
  }

  void take_key(const std::string& key, Place where, bool plain) {
    Frame& top = stack_.back();
    top.key = Entry{key, where, nullptr};
    const auto [first, fresh] = top.seen.emplace(key, where);
    top.repeated = !fresh;
    top.merging = plain && key == "<<";
    if (!fresh)
      remark(where, path(),
             fmt::format("key given twice; the first is on line {}", first->second.line));
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Type type) {
    if (expects_key()) throw Refused{place(mark), path(), "a key must be text, not a list or map"};
    if (stack_.size() >= limits::config_depth)
      throw Refused{place(mark), path(),
                    fmt::format("nested more than {} deep", limits::config_depth)};
    check_tag(mark, tag);
    Frame frame;
    frame.node = std::make_shared<Node>();
    frame.node->type = type;
    frame.node->place = place(mark);
    frame.anchor = anchor;
    frame.path = path();
    stack_.push_back(std::move(frame));
  }

  void close() {
    std::shared_ptr<Node> node = std::move(stack_.back().node);
    const YAML::anchor_t anchor = stack_.back().anchor;
    stack_.pop_back();
    add(std::move(node), anchor);
  }

  void add(NodePtr node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& top = stack_.back();
    grow(top, node->nodes);
    if (top.node->type == Node::Type::list) {
      top.node->items.push_back(std::move(node));
      return;
    }
    top.key->value = std::move(node);
    if (!top.repeated && top.merging)
      top.merged = *std::move(top.key);
    else if (!top.repeated)
      top.node->entries.push_back(*std::move(top.key));
    top.key.reset();
  }

  void grow(Frame& frame, std::size_t by) {
    frame.node->nodes += by;
    if (frame.node->nodes > limits::config_nodes)
      throw Refused{
          frame.node->place, frame.path,
          fmt::format("more than {} values after aliases are expanded", limits::config_nodes)};
  }

  // Puts the entries of `<<` behind the map's own, which win.
  void merge() {
    Frame& top = stack_.back();
    if (!top.merged) return;
    const Node& from = *top.merged->value;
    if (from.type == Node::Type::broken) return;
    if (from.type == Node::Type::map) {
      merge_map(top, from);
      return;
    }
    const bool maps =
        from.type == Node::Type::list && std::ranges::all_of(from.items, [](const NodePtr& item) {
          return item->type == Node::Type::map;
        });
    if (!maps)
      remark(top.merged->place, join_key(top.path, "<<"), "<< takes a map, or a list of maps");
    else
      for (const NodePtr& item : from.items) merge_map(top, *item);
  }

  void merge_map(Frame& into, const Node& from) {
    for (const Entry& entry : from.entries) {
      if (!into.seen.emplace(entry.key, entry.place).second) continue;
      grow(into, entry.value->nodes);
      into.node->entries.push_back(entry);
    }
  }

  std::uint32_t file_;
  const Environment& environment_;
  std::vector<Remark>& remarks_;
  std::vector<Frame> stack_;
  std::unordered_map<YAML::anchor_t, NodePtr> anchors_;
  NodePtr root_;
};

// What the parser's `message` about line `number` (from 1) leaves out.
std::string_view hint(std::string_view text, int number, std::string_view message) {
  for (int i = 1; i < number; ++i)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::string_view indentation = line.substr(0, line.find_first_not_of(" \t"));
  if (indentation.find('\t') != std::string_view::npos)
    return "; indent with spaces, not with tabs";
  if (line.find("${") != std::string_view::npos)
    return "; inside {...} quote it, as in \"${NAME}\"";
  if (message == YAML::ErrorMsg::MAP_VALUE) return "; quote text that has a colon in it";
  return {};
}

Tree refuse(Place where, std::string key, std::string what) {
  Tree tree;
  tree.remarks.push_back({where, std::move(key), std::move(what)});
  return tree;
}
}  // namespace

const Entry* Node::find(std::string_view key) const {
  for (const Entry& entry : entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

std::string join_key(std::string_view path, std::string_view key) {
  return path.empty() ? printable(key) : fmt::format("{}.{}", path, printable(key));
}

Tree parse_tree(std::string_view text, std::uint32_t file, const Environment& environment) {
  if (text.size() > limits::config_file_bytes)
    return refuse({file, 0, 0}, {}, "larger than 1 MiB, the most that a configuration may be");
  if (const auto bad = first_bad_byte(text)) {
    const auto before = text.substr(0, *bad);
    const auto line = static_cast<int>(std::ranges::count(before, '\n')) + 1;
    const auto column = static_cast<int>(*bad - (before.rfind('\n') + 1)) + 1;
    return refuse({file, line, column}, {}, "not UTF-8 text, or a control character");
  }
  Tree tree;
  Builder builder(file, environment, tree.remarks);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder)) tree.root = builder.root();
    if (!tree.root) {
      tree.root = std::make_shared<Node>();
    } else if (Builder second(file, environment, tree.remarks); parser.HandleNextDocument(second)) {
      return refuse(second.root() ? second.root()->place : Place{file, 0, 0}, {},
                    "a second YAML document; put it into a file of its own");
    }
  } catch (const YAML::Exception& error) {
    const Place where{file, error.mark.is_null() ? 0 : error.mark.line + 1,
                      error.mark.is_null() ? 0 : error.mark.column + 1};
    return refuse(
        where, {},
        fmt::format("not YAML: {}{}", printable(error.msg), hint(text, where.line, error.msg)));
  } catch (const Refused& refused) {
    return refuse(refused.place, refused.key, refused.what);
  }
  return tree;
}
}  // namespace holdfast::config
