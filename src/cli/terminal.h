// Text that comes from a file or from the network, for somebody who looks at it.
#pragma once
#include <string>
#include <string_view>

namespace holdfast::cli {

// `text` with all that acts on a terminal, or on the order in which text is read, as escapes that
// JSON has too ("\u001b"): control characters, line and paragraph separators, marks without a
// width, changes of direction, tags. Bytes that are not UTF-8 become "\xff".
std::string for_terminal(std::string_view text);

}  // namespace holdfast::cli
