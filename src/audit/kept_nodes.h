// The file `nodes`, read from its beginning. It is made of the entries and nobody has signed for
// it: it may be damaged while the log is what it should be. Whether it can be believed is shown by
// the root that was signed for.
#pragma once
#include <string>
#include <vector>

#include "audit/files.h"
#include "audit/tree.h"

namespace holdfast::audit {

// Nodes one after the other, in the order of tree.h. Memory: 64 KiB.
class NodeStream {
 public:
  explicit NodeStream(const ReadFile& file) : file_(&file) {}
  // The next `count` of them.   errors   io: also when there are fewer
  Result<std::vector<Hash>> next(std::size_t count);

 private:
  const ReadFile* file_;
  std::string piece_;
  std::size_t used_ = 0;      // of the piece
  std::uint64_t offset_ = 0;  // of what is behind the piece
};

// Whether the nodes are those of a tree of `size` leaves with this root: each of them, and all.
bool nodes_have_root(const ReadFile& nodes, std::uint64_t size, const Hash& root);

}  // namespace holdfast::audit
