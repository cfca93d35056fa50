// YAML as a tree that remembers where everything stands. Duplicate keys are found, aliases are
// shared and counted, `<<` merges maps, ${NAME} is replaced in values.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/environment.h"

namespace holdfast::limits {
// What a configuration may hold.
inline constexpr std::size_t config_file_bytes = 1U << 20U;
inline constexpr std::size_t config_files = 256;  // of a folder
inline constexpr std::size_t config_nodes =
    100'000;  // of a file, aliases counted as often as they stand
inline constexpr std::size_t config_depth = 32;
inline constexpr std::size_t config_problems = 100;  // reported at once
}  // namespace holdfast::limits

namespace holdfast::config {

struct Place {
  std::uint32_t file = 0;  // index into Document::files
  int line = 0;            // from 1; 0: the whole file
  int column = 0;          // from 1
};

struct Node;
using NodePtr = std::shared_ptr<const Node>;  // shared by the aliases of one anchor

struct Entry {
  std::string key;
  Place place;  // of the key
  NodePtr value;
};

struct Node {
  enum class Type : std::uint8_t {
    null,
    text,
    list,
    map,
    broken  // a problem is already reported; what stands here is not known
  };
  Type type = Type::null;
  Place place;
  std::string text;
  std::vector<NodePtr> items;
  std::vector<Entry> entries;  // in the file's order, each key once
  std::size_t nodes = 1;       // this one and all below it

  // The entry of a map; nullptr when there is none.
  const Entry* find(std::string_view key) const;
};

// A remark of the parser, before files have names.
struct Remark {
  Place place;
  std::string key;  // path of the key
  std::string what;
};

struct Tree {
  NodePtr root;  // nullptr: the text is not YAML that we read, and `remarks` has the one reason
  std::vector<Remark> remarks;
};

// Reads one YAML document. `file` goes into every Place.
Tree parse_tree(std::string_view text, std::uint32_t file, const Environment& environment);

// "a.b", or "b" when `path` is empty.
std::string join_key(std::string_view path, std::string_view key);

}  // namespace holdfast::config
