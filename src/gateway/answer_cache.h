// Answers that were given before, for requests that ask the same thing again: exact, to the byte,
// and only for the key that asked first. One per process, shared by all loops.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"

namespace holdfast::gateway {

struct Incoming;

// SHA-256 of everything that an answer depends on.
using CacheKey = std::array<std::uint8_t, 32>;

// What a request asks, in its canonical form: members of objects in order of their names, without
// white space, strings escaped in one way; numbers as they are spelled. Nothing when the request is
// not to be answered from memory: it names state that somebody keeps, or asks to be kept.
//   tenant        the key's name: nobody gets what another one asked for
//   fingerprint   of the logical model's configuration: answers of another one do not count
//   route         what else decides who answers: the model that is asked in the end, and the
//   headers
//                 that its policies read
std::optional<CacheKey> cache_key(const Incoming& incoming, std::string_view tenant,
                                  std::string_view query, std::uint64_t fingerprint,
                                  std::span<const std::string> route = {});

// A JSON text in that form. `text` is valid JSON.
std::string canonical_json(std::string_view text);

// A request's Cache-Control (RFC 9111, section 5.2.1), as far as it is about this cache. What is
// not understood is ignored.
struct CacheControl {
  bool no_cache = false;        // ask anew
  bool no_store = false;        // and keep nothing of it
  bool only_if_cached = false;  // 504 rather than ask
  std::optional<std::chrono::seconds> max_age;
};
CacheControl read_cache_control(std::string_view header);

struct CachedAnswer {
  std::string body;  // as the client got it; a stream's events from the first to the last
  std::string content_type;
  std::string provider, model;  // who gave it
  bool stream = false;
  MonoTime stored{};
  MonoTime expires{};
};

// Bounded by bytes; what was used longest ago goes first. Any thread. Nobody waits: while another
// thread holds the shard of a key, the key counts as not there.
class AnswerCache {
 public:
  explicit AnswerCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // The answer, if it is there and has not expired.
  std::shared_ptr<const CachedAnswer> find(const CacheKey& key, MonoTime now);
  // Keeps `answer` until it expires or must make room. One that is larger than a shard is not kept.
  void put(const CacheKey& key, std::shared_ptr<const CachedAnswer> answer);
  // From now on. Smaller: what is too much goes with the next put() in each shard.
  void set_max_bytes(std::size_t bytes) { max_bytes_.store(bytes, std::memory_order_relaxed); }

  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::size_t entries() const { return entries_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t shards = 16;
  struct KeyHash {
    std::size_t operator()(const CacheKey& key) const;
  };
  struct Entry {
    CacheKey key;
    std::shared_ptr<const CachedAnswer> answer;
  };
  struct Shard {
    std::mutex mutex;
    std::list<Entry> by_use;  // the latest first
    std::unordered_map<CacheKey, std::list<Entry>::iterator, KeyHash> entries;
    std::size_t bytes = 0;
  };
  void drop(Shard& shard, std::list<Entry>::iterator entry);

  std::array<Shard, shards> shards_;
  std::atomic<std::size_t> max_bytes_;
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::size_t> entries_{0};
};

}  // namespace holdfast::gateway
