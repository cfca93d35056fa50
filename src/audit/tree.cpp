#include "audit/tree.h"

#include <openssl/evp.h>

#include <algorithm>
#include <bit>
#include <iterator>

#include "base/check.h"

namespace holdfast::audit {
namespace {

// Looked up once: OpenSSL would do it for each hash.
const EVP_MD* algorithm() {
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  HF_CHECK(found != nullptr);
  return found;
}

Hash digest(std::string_view first, std::string_view second) {
  Hash out{};
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool right = context != nullptr && EVP_DigestInit_ex(context, algorithm(), nullptr) == 1 &&
                     EVP_DigestUpdate(context, first.data(), first.size()) == 1 &&
                     EVP_DigestUpdate(context, second.data(), second.size()) == 1 &&
                     EVP_DigestFinal_ex(context, out.data(), nullptr) == 1;
  EVP_MD_CTX_free(context);
  HF_CHECK(right);  // only a lack of memory makes it fail
  return out;
}

std::string_view bytes_of(std::span<const std::uint8_t> hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

// The largest power of two below n (n >= 2).
std::uint64_t split_of(std::uint64_t n) { return std::bit_floor(n - 1); }

// MTH(D[begin:end]); `begin` is a multiple of the range's size, rounded up to a power of two.
Result<Hash> range_hash(std::uint64_t begin, std::uint64_t end, const NodeReader& read) {
  const std::uint64_t count = end - begin;
  if (std::has_single_bit(count)) {
    const auto level = static_cast<unsigned>(std::countr_zero(count));
    return read(place_of(level, begin >> level));
  }
  const std::uint64_t middle = begin + split_of(count);
  auto left = range_hash(begin, middle, read);
  if (!left) return left;
  auto right = range_hash(middle, end, read);
  if (!right) return right;
  return node_hash(*left, *right);
}

Result<void> add_range(std::uint64_t begin, std::uint64_t end, const NodeReader& read,
                       std::vector<Hash>& into) {
  auto hash = range_hash(begin, end, read);
  if (!hash) return std::unexpected(std::move(hash).error());
  into.push_back(*hash);
  return {};
}

}  // namespace

Hash sha256(std::string_view bytes) { return digest(bytes, {}); }

Hash leaf_hash(std::string_view entry) { return digest(std::string_view("\0", 1), entry); }

Hash node_hash(const Hash& left, const Hash& right) {
  std::array<std::uint8_t, 65> both{1};
  std::ranges::copy(left, both.begin() + 1);
  std::ranges::copy(right, both.begin() + 33);
  return digest(bytes_of(both), {});
}

Hash empty_root() { return sha256({}); }

std::uint64_t nodes_of(std::uint64_t leaves) {
  return 2 * leaves - static_cast<std::uint64_t>(std::popcount(leaves));
}

std::uint64_t place_of(unsigned level, std::uint64_t index) {
  const std::uint64_t last_leaf = ((index + 1) << level) - 1;
  return nodes_of(last_leaf) + level;
}

Result<Hash> root_of(std::uint64_t size, const NodeReader& read) {
  if (size == 0) return empty_root();
  return range_hash(0, size, read);
}

Result<std::vector<Hash>> prove_inclusion(std::uint64_t index, std::uint64_t size,
                                          const NodeReader& read) {
  if (index >= size) return fail(ErrorCode::invalid_request, "the tree has no such entry");
  std::vector<Hash> path;  // from above
  std::uint64_t begin = 0, end = size;
  while (end - begin > 1) {
    const std::uint64_t middle = begin + split_of(end - begin);
    const bool left = index < middle;
    auto added = left ? add_range(middle, end, read, path) : add_range(begin, middle, read, path);
    if (!added) return std::unexpected(std::move(added).error());
    (left ? end : begin) = middle;
  }
  std::ranges::reverse(path);
  return path;
}

Result<std::vector<Hash>> prove_consistency(std::uint64_t before, std::uint64_t after,
                                            const NodeReader& read) {
  if (before == 0 || before > after)
    return fail(ErrorCode::invalid_request, "consistency is between a size and a larger one");
  std::vector<Hash> path;  // from above
  std::uint64_t begin = 0, end = after;
  bool known = true;  // SUBPROOF's b: the subtree is the old tree itself, whose root is known
  while (end != before) {
    const std::uint64_t middle = begin + split_of(end - begin);
    const bool left = before <= middle;
    auto added = left ? add_range(middle, end, read, path) : add_range(begin, middle, read, path);
    if (!added) return std::unexpected(std::move(added).error());
    known = known && left;
    (left ? end : begin) = middle;
  }
  if (!known)
    if (auto added = add_range(begin, end, read, path); !added)
      return std::unexpected(std::move(added).error());
  std::ranges::reverse(path);
  return path;
}

bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Hash> path, const Hash& root) {
  if (index >= size) return false;
  std::uint64_t node = index, last = size - 1;
  Hash hash = leaf;
  for (const Hash& beside : path) {
    if (last == 0) return false;
    if ((node & 1U) != 0 || node == last) {
      hash = node_hash(beside, hash);
      while ((node & 1U) == 0 && node != 0) {
        node >>= 1U;
        last >>= 1U;
      }
    } else {
      hash = node_hash(hash, beside);
    }
    node >>= 1U;
    last >>= 1U;
  }
  return last == 0 && hash == root;
}

bool verify_consistency(std::uint64_t before, const Hash& root_before, std::uint64_t after,
                        const Hash& root_after, std::span<const Hash> path) {
  if (before > after) return false;
  if (before == after) return path.empty() && root_before == root_after;
  if (before == 0) return path.empty() && root_before == empty_root();
  std::uint64_t node = before - 1, last = after - 1;
  while ((node & 1U) != 0) {
    node >>= 1U;
    last >>= 1U;
  }
  auto next = path.begin();
  // A tree of a power of two is a node of the larger one, and is not in the proof.
  Hash first = root_before;
  if (!std::has_single_bit(before)) {
    if (next == path.end()) return false;
    first = *next++;
  }
  Hash second = first;
  for (; next != path.end(); ++next) {
    if (last == 0) return false;
    if ((node & 1U) != 0 || node == last) {
      first = node_hash(*next, first);
      second = node_hash(*next, second);
      while ((node & 1U) == 0 && node != 0) {
        node >>= 1U;
        last >>= 1U;
      }
    } else {
      second = node_hash(second, *next);
    }
    node >>= 1U;
    last >>= 1U;
  }
  return last == 0 && first == root_before && second == root_after;
}

void Frontier::add(const Hash& leaf, std::vector<Hash>* whole) {
  peaks_.push_back(leaf);
  if (whole != nullptr) whole->push_back(leaf);
  ++size_;
  // As many small subtrees become one as the size has zeros at its end.
  for (int merges = std::countr_zero(size_); merges > 0; --merges) {
    const Hash right = peaks_.back();
    peaks_.pop_back();
    peaks_.back() = node_hash(peaks_.back(), right);
    if (whole != nullptr) whole->push_back(peaks_.back());
  }
}

Hash Frontier::root() const {
  if (peaks_.empty()) return empty_root();
  Hash hash = peaks_.back();
  for (auto peak = std::next(peaks_.rbegin()); peak != peaks_.rend(); ++peak)
    hash = node_hash(*peak, hash);
  return hash;
}

Result<Frontier> Frontier::of(std::uint64_t size, const NodeReader& read) {
  Frontier out;
  out.size_ = size;
  std::uint64_t begin = 0;
  for (std::uint64_t left = size; left != 0;) {
    const std::uint64_t count = std::bit_floor(left);
    const auto level = static_cast<unsigned>(std::countr_zero(count));
    auto peak = read(place_of(level, begin >> level));
    if (!peak) return std::unexpected(std::move(peak).error());
    out.peaks_.push_back(*peak);
    begin += count;
    left -= count;
  }
  return out;
}

}  // namespace holdfast::audit
