// The Merkle tree of RFC 9162, section 2.1 (the same as RFC 6962): pure, over nodes that somebody
// else keeps. Hashes are OpenSSL's SHA-256.
//
// Nodes of whole subtrees are kept in the order in which they become whole: after each leaf the
// subtrees that it completes, the small ones first. So a tree only ever grows at its end, and a
// root or a proof reads as many nodes as the tree is high, squared at most.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::audit {

using Hash = std::array<std::uint8_t, 32>;

Hash sha256(std::string_view bytes);
Hash leaf_hash(std::string_view entry);               // SHA-256(0x00 || entry)
Hash node_hash(const Hash& left, const Hash& right);  // SHA-256(0x01 || left || right)
Hash empty_root();                                    // SHA-256 of nothing

// How many nodes a tree of `leaves` has kept; also the place of the next leaf.
std::uint64_t nodes_of(std::uint64_t leaves);
// The place of the whole subtree of 2^level leaves that is the `index`-th of its size.
std::uint64_t place_of(unsigned level, std::uint64_t index);

// Reads the node at a place below nodes_of(size).   errors   its own, passed on
using NodeReader = std::function<Result<Hash>(std::uint64_t place)>;

// The root of the tree's first `size` leaves.
Result<Hash> root_of(std::uint64_t size, const NodeReader& read);
// PATH(index, D[size]): the nodes that lead from the leaf to the root, from below.
//   errors   invalid_request: no such leaf; the reader's
Result<std::vector<Hash>> prove_inclusion(std::uint64_t index, std::uint64_t size,
                                          const NodeReader& read);
// PROOF(before, D[after]): that the tree of `after` leaves begins with that of `before`.
//   errors   invalid_request: before is 0 or beyond after; the reader's
Result<std::vector<Hash>> prove_consistency(std::uint64_t before, std::uint64_t after,
                                            const NodeReader& read);

// RFC 9162, sections 2.1.3.2 and 2.1.4.2: whether the proof shows it.
bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Hash> path, const Hash& root);
bool verify_consistency(std::uint64_t before, const Hash& root_before, std::uint64_t after,
                        const Hash& root_after, std::span<const Hash> path);

// The right edge of a growing tree: all that is needed to go on with it, 64 nodes at most.
class Frontier {
 public:
  // Adds a leaf; appends what has become whole, the leaf first, to `whole` when it is given.
  void add(const Hash& leaf, std::vector<Hash>* whole = nullptr);
  Hash root() const;
  std::uint64_t size() const { return size_; }
  // The edge of a tree whose nodes are kept.
  static Result<Frontier> of(std::uint64_t size, const NodeReader& read);

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> peaks_;  // roots of the whole subtrees that it consists of, large ones first
};

}  // namespace holdfast::audit
