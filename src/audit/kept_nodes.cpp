#include "audit/kept_nodes.h"

#include <algorithm>
#include <bit>

namespace holdfast::audit {
namespace {
constexpr std::uint64_t piece_bytes = 64U << 10U;
static_assert(piece_bytes % node_size == 0);
}  // namespace

Result<std::vector<Hash>> NodeStream::next(std::size_t count) {
  std::vector<Hash> out;
  out.reserve(count);
  while (out.size() < count) {
    if (used_ == piece_.size()) {
      const auto size = file_->size();
      if (!size) return std::unexpected(size.error());
      // At least one node, so that a file that has ended says so.
      const std::uint64_t left = *size - std::min(*size, offset_);
      const std::uint64_t wanted = std::clamp(left - left % node_size, node_size, piece_bytes);
      auto piece = file_->read(offset_, static_cast<std::size_t>(wanted));
      if (!piece) return std::unexpected(std::move(piece).error());
      offset_ += piece->size();
      piece_ = *std::move(piece);
      used_ = 0;
    }
    std::ranges::copy_n(piece_.begin() + static_cast<std::ptrdiff_t>(used_),
                        static_cast<std::ptrdiff_t>(node_size), out.emplace_back().begin());
    used_ += node_size;
  }
  return out;
}

bool nodes_have_root(const ReadFile& nodes, std::uint64_t size, const Hash& root) {
  NodeStream kept(nodes);
  Frontier edge;
  std::vector<Hash> whole;
  while (edge.size() < size) {
    // With each leaf come the subtrees that it completes.
    const auto count = 1 + static_cast<std::size_t>(std::countr_zero(edge.size() + 1));
    const auto found = kept.next(count);
    if (!found) return false;
    whole.clear();
    edge.add(found->front(), &whole);
    if (whole != *found) return false;
  }
  return edge.root() == root;
}

}  // namespace holdfast::audit
