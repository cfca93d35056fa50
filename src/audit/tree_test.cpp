// Published values of RFC 6962 trees, and every proof of small trees against the definition itself.
#include "audit/tree.h"

#include <gtest/gtest.h>

#include <string>

#include "audit/text.h"
#include "base/random.h"

namespace holdfast::audit {
namespace {

using Leaves = std::vector<std::string>;

const Leaves eight = {"",
                      std::string(1, '\0'),
                      "\x10",
                      "\x20\x21",
                      "\x30\x31",
                      "\x40\x41\x42\x43",
                      "\x50\x51\x52\x53\x54\x55\x56\x57",
                      "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};

// MTH as section 2.1.1 defines it.
Hash naive_root(std::span<const std::string> leaves) {
  if (leaves.empty()) return sha256("");
  if (leaves.size() == 1) return leaf_hash(leaves[0]);
  std::size_t split = 1;
  while (split * 2 < leaves.size()) split *= 2;
  return node_hash(naive_root(leaves.first(split)), naive_root(leaves.subspan(split)));
}

// PATH as section 2.1.3.1 defines it.
std::vector<Hash> naive_path(std::size_t index, std::span<const std::string> leaves) {
  if (leaves.size() <= 1) return {};
  std::size_t split = 1;
  while (split * 2 < leaves.size()) split *= 2;
  const bool left = index < split;
  auto path = left ? naive_path(index, leaves.first(split))
                   : naive_path(index - split, leaves.subspan(split));
  path.push_back(naive_root(left ? leaves.subspan(split) : leaves.first(split)));
  return path;
}

// SUBPROOF as section 2.1.4.1 defines it.
std::vector<Hash> naive_subproof(std::size_t m, std::span<const std::string> leaves, bool whole) {
  if (m == leaves.size())
    return whole ? std::vector<Hash>() : std::vector<Hash>{naive_root(leaves)};
  std::size_t split = 1;
  while (split * 2 < leaves.size()) split *= 2;
  std::vector<Hash> proof;
  if (m <= split) {
    proof = naive_subproof(m, leaves.first(split), whole);
    proof.push_back(naive_root(leaves.subspan(split)));
  } else {
    proof = naive_subproof(m - split, leaves.subspan(split), false);
    proof.push_back(naive_root(leaves.first(split)));
  }
  return proof;
}

struct Grown {
  Frontier edge;
  std::vector<Hash> nodes;
  NodeReader reader() const {
    return [this](std::uint64_t place) -> Result<Hash> {
      if (place >= nodes.size()) return fail(ErrorCode::io, "no such node");
      return nodes[place];
    };
  }
};

Grown grow(std::span<const std::string> leaves) {
  Grown out;
  for (const std::string& leaf : leaves) out.edge.add(leaf_hash(leaf), &out.nodes);
  return out;
}

Leaves numbered(std::size_t count) {
  Leaves out;
  for (std::size_t i = 0; i < count; ++i) out.push_back("entry " + std::to_string(i));
  return out;
}

TEST(Tree, HasThePublishedHashes) {
  EXPECT_EQ(hex(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(leaf_hash("")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  EXPECT_EQ(hex(leaf_hash("L123456")),
            "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
  const std::string all = "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb";
  const std::string joined = std::string("\x01") + "N123" + "N456";
  EXPECT_EQ(hex(sha256(joined)), all) << "node(l, r) is SHA-256(0x01 || l || r)";
}

TEST(Tree, HasThePublishedRoots) {
  constexpr std::string_view begins[] = {"e3b0c442", "6e340b9c", "fac54203", "aeb6bcfe", "d37ee418",
                                         "4e3bbb1f", "76e67dad", "ddb89be4", "5dc9da79"};
  for (std::size_t size = 0; size < std::size(begins); ++size) {
    const Grown tree = grow(std::span(eight).first(size));
    EXPECT_EQ(hex(tree.edge.root()).substr(0, 8), begins[size]) << size;
    EXPECT_EQ(*root_of(size, tree.reader()), tree.edge.root()) << size;
  }
  EXPECT_EQ(hex(grow(eight).edge.root()),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

TEST(Tree, AgreesWithTheDefinitionAtEverySize) {
  const Leaves leaves = numbered(70);
  const Grown tree = grow(leaves);
  EXPECT_EQ(tree.nodes.size(), nodes_of(leaves.size()));
  const auto all = std::span<const std::string>(leaves);
  for (std::size_t size = 1; size <= leaves.size(); ++size) {
    const Hash root = naive_root(all.first(size));
    ASSERT_EQ(*root_of(size, tree.reader()), root) << size;
    const auto edge = Frontier::of(size, tree.reader());
    ASSERT_EQ(edge->root(), root) << size;
    for (std::size_t index = 0; index < size; ++index) {
      const auto path = prove_inclusion(index, size, tree.reader());
      ASSERT_EQ(*path, naive_path(index, all.first(size))) << index << " of " << size;
      ASSERT_TRUE(verify_inclusion(leaf_hash(leaves[index]), index, size, *path, root));
    }
    for (std::size_t before = 1; before <= size; ++before) {
      const auto path = prove_consistency(before, size, tree.reader());
      ASSERT_EQ(*path, naive_subproof(before, all.first(size), true)) << before << " to " << size;
      ASSERT_TRUE(verify_consistency(before, naive_root(all.first(before)), size, root, *path));
    }
  }
}

TEST(Tree, GoesOnFromItsEdge) {
  const Leaves leaves = numbered(40);
  const Grown tree = grow(leaves);
  for (std::size_t size = 0; size <= leaves.size(); ++size) {
    auto edge = Frontier::of(size, tree.reader());
    ASSERT_TRUE(edge);
    for (std::size_t i = size; i < leaves.size(); ++i) edge->add(leaf_hash(leaves[i]));
    EXPECT_EQ(edge->root(), tree.edge.root()) << size;
  }
}

TEST(Tree, ProvesNothingThatIsNotSo) {
  const Leaves leaves = numbered(37);
  const Grown tree = grow(leaves);
  const Hash root = tree.edge.root();
  Random random(7);
  for (int round = 0; round < 2000; ++round) {
    const std::uint64_t index = random.below(leaves.size());
    auto path = *prove_inclusion(index, leaves.size(), tree.reader());
    Hash leaf = leaf_hash(leaves[index]);
    std::uint64_t at = index, size = leaves.size();
    switch (random.below(6)) {
      case 0:
        path[random.below(path.size())][random.below(32)] ^=
            static_cast<std::uint8_t>(1U << random.below(8));
        break;
      case 1:
        leaf[random.below(32)] ^= 1U;
        break;
      case 2:
        at = (at + 1 + random.below(leaves.size() - 1)) % leaves.size();
        break;
      case 3:
        path.pop_back();
        break;
      case 4:
        path.push_back(root);
        break;
      default:
        path.insert(path.begin(), root);
    }
    EXPECT_FALSE(verify_inclusion(leaf, at, size, path, root)) << "round " << round;
  }
  for (int round = 0; round < 2000; ++round) {
    const std::uint64_t before = 1 + random.below(leaves.size() - 1);
    Hash old = naive_root(std::span(leaves).first(before));
    auto path = *prove_consistency(before, leaves.size(), tree.reader());
    switch (random.below(4)) {
      case 0:
        old[random.below(32)] ^= 1U;
        break;
      case 1:
        path[random.below(path.size())][random.below(32)] ^= 1U;
        break;
      case 2:
        path.pop_back();
        break;
      default:
        path.push_back(root);
    }
    EXPECT_FALSE(verify_consistency(before, old, leaves.size(), root, path)) << "round " << round;
  }
}

TEST(Tree, RefusesWhatThereIsNot) {
  const Grown tree = grow(numbered(5));
  EXPECT_FALSE(prove_inclusion(5, 5, tree.reader()));
  EXPECT_FALSE(prove_inclusion(0, 0, tree.reader()));
  EXPECT_FALSE(prove_consistency(0, 5, tree.reader()));
  EXPECT_FALSE(prove_consistency(6, 5, tree.reader()));
  EXPECT_FALSE(root_of(6, tree.reader())) << "the reader's error is passed on";
}

TEST(Tree, ReadsAsManyNodesAsItIsHigh) {
  const Leaves leaves = numbered(10'000);
  const Grown tree = grow(leaves);
  std::size_t reads = 0;
  const NodeReader counted = [&](std::uint64_t place) -> Result<Hash> {
    ++reads;
    return tree.nodes[place];
  };
  ASSERT_TRUE(prove_inclusion(6'789, leaves.size(), counted));
  ASSERT_TRUE(prove_consistency(1'234, leaves.size(), counted));
  ASSERT_TRUE(root_of(leaves.size(), counted));
  EXPECT_LT(reads, 60U) << "14 levels";
}

}  // namespace
}  // namespace holdfast::audit
