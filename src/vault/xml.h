// Reads the little XML that token services write: elements and text. What it need not know
// (declarations of types, processing instructions, comments, CDATA, entities of one's own) is
// refused, so that nothing can be expanded or fetched.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"

namespace holdfast::limits {
inline constexpr std::size_t xml_depth = 16;
inline constexpr std::size_t xml_leaves = 256;
}  // namespace holdfast::limits

namespace holdfast::vault {

struct XmlLeaf {     // an element without elements in it
  std::string path;  // the names from the root on: "ErrorResponse/Error/Code"
  Secret text;       // entities resolved
};

// The leaves of a document, in its order. Attributes are checked and dropped.
//   errors   malformed_response; the message holds nothing of the text
Result<std::vector<XmlLeaf>> read_xml(std::string_view text);

// The text of the one leaf at `path`; nothing when there is none, or more than one.
std::optional<std::string_view> find_leaf(std::span<const XmlLeaf> leaves, std::string_view path);

}  // namespace holdfast::vault
