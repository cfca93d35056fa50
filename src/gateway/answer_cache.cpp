#include "gateway/answer_cache.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.h"
#include "dialect/json_document.h"
#include "dialect/json_writer.h"
#include "gateway/incoming.h"
#include "net/http_head.h"

namespace holdfast::gateway {
namespace {

// What an entry costs beside its bytes: the list, the table, the strings' heads.
constexpr std::size_t entry_overhead = 256;

std::size_t size_of(const CachedAnswer& answer) {
  return answer.body.size() + answer.content_type.size() + answer.provider.size() +
         answer.model.size() + entry_overhead;
}

void append_canonical(std::string& out, dialect::JsonValue value, dialect::Arena& arena) {
  switch (value.kind()) {
    case dialect::JsonKind::object: {
      std::vector<std::pair<std::string_view, dialect::JsonValue>> members;
      for (const auto& member : value.members())
        members.emplace_back(member.key.text(arena), member.value);
      std::ranges::sort(members, {}, &std::pair<std::string_view, dialect::JsonValue>::first);
      out.push_back('{');
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (i > 0) out.push_back(',');
        dialect::append_json_string(out, members[i].first);
        out.push_back(':');
        append_canonical(out, members[i].second, arena);
      }
      out.push_back('}');
      return;
    }
    case dialect::JsonKind::array: {
      out.push_back('[');
      bool first = true;
      for (const auto& element : value.elements()) {
        if (!std::exchange(first, false)) out.push_back(',');
        append_canonical(out, element, arena);
      }
      out.push_back(']');
      return;
    }
    case dialect::JsonKind::string:
      dialect::append_json_string(out, value.text(arena));
      return;
    case dialect::JsonKind::null:
    case dialect::JsonKind::boolean:
    case dialect::JsonKind::number:
      out.append(value.raw());
      return;
  }
}

// State that somebody keeps, or is to keep: an answer from memory would not be what was asked.
bool about_state(const Incoming& incoming, dialect::JsonValue root) {
  switch (incoming.front.operation) {
    case Operation::generate:
    case Operation::completions:
      break;
    case Operation::embeddings:
    case Operation::rerank:
      return false;
    default:
      return true;
  }
  if (incoming.front.endpoint == records::Endpoint::responses)
    return root["store"].boolean().value_or(true) || root["previous_response_id"].is_string() ||
           root["conversation"].exists() || root["background"].boolean().value_or(false);
  return root["store"].boolean().value_or(false);
}

// Lengths first, so that no two lists of parts are the same bytes.
class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    HF_CHECK(context_ != nullptr);
    HF_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void add(std::string_view part) {
    const std::uint64_t size = part.size();
    HF_CHECK(EVP_DigestUpdate(context_.get(), &size, sizeof size) == 1);
    HF_CHECK(EVP_DigestUpdate(context_.get(), part.data(), part.size()) == 1);
  }
  void add(std::uint64_t number) {
    HF_CHECK(EVP_DigestUpdate(context_.get(), &number, sizeof number) == 1);
  }
  CacheKey finish() {
    CacheKey key{};
    HF_CHECK(EVP_DigestFinal_ex(context_.get(), key.data(), nullptr) == 1);
    return key;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

std::string canonical_json(std::string_view text) {
  dialect::JsonDocument document;
  HF_CHECK(document.parse(text).has_value());
  dialect::Arena arena;
  std::string out;
  out.reserve(text.size());
  append_canonical(out, document.root(), arena);
  return out;
}

std::optional<CacheKey> cache_key(const Incoming& incoming, std::string_view tenant,
                                  std::string_view query, std::uint64_t fingerprint,
                                  std::span<const std::string> route) {
  dialect::JsonDocument document;
  if (!document.parse(incoming.body)) return std::nullopt;
  if (about_state(incoming, document.root())) return std::nullopt;
  dialect::Arena arena;
  std::string canonical;
  canonical.reserve(incoming.body.size());
  append_canonical(canonical, document.root(), arena);
  Digest digest;
  digest.add(tenant);
  digest.add(fingerprint);
  digest.add(static_cast<std::uint64_t>(incoming.front.dialect));
  digest.add(static_cast<std::uint64_t>(incoming.front.endpoint));
  digest.add(incoming.model);
  digest.add(incoming.front.verb);
  digest.add(query);
  digest.add(std::uint64_t{incoming.stream});
  for (const auto& [name, value] : incoming.passed.headers) {
    digest.add(name);
    digest.add(value);
  }
  for (const std::string& part : route) digest.add(part);
  digest.add(canonical);
  return digest.finish();
}

CacheControl read_cache_control(std::string_view header) {
  CacheControl out;
  while (!header.empty()) {
    const auto comma = header.find(',');
    const std::string_view directive = trimmed(header.substr(0, comma));
    header = comma == std::string_view::npos ? std::string_view{} : header.substr(comma + 1);
    constexpr std::string_view max_age = "max-age=";
    if (net::same_name(directive, "no-cache")) out.no_cache = true;
    if (net::same_name(directive, "no-store")) out.no_store = true;
    if (net::same_name(directive, "only-if-cached")) out.only_if_cached = true;
    if (net::same_name(directive.substr(0, max_age.size()), max_age)) {
      const std::string_view number = directive.substr(max_age.size());
      std::uint32_t seconds = 0;
      const auto read = std::from_chars(number.begin(), number.end(), seconds);
      if (!number.empty() && read.ec == std::errc() && read.ptr == number.end())
        out.max_age = std::chrono::seconds(seconds);
    }
  }
  return out;
}

std::size_t AnswerCache::KeyHash::operator()(const CacheKey& key) const {
  std::size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

std::shared_ptr<const CachedAnswer> AnswerCache::find(const CacheKey& key, MonoTime now) {
  Shard& shard = shards_[key.back() % shards];
  const std::unique_lock lock(shard.mutex, std::try_to_lock);
  if (!lock) return nullptr;
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) return nullptr;
  if (found->second->answer->expires <= now) {
    drop(shard, found->second);
    return nullptr;
  }
  shard.by_use.splice(shard.by_use.begin(), shard.by_use, found->second);
  return found->second->answer;
}

void AnswerCache::put(const CacheKey& key, std::shared_ptr<const CachedAnswer> answer) {
  const std::size_t room = max_bytes_.load(std::memory_order_relaxed) / shards;
  const std::size_t bytes = size_of(*answer);
  if (bytes > room) return;
  Shard& shard = shards_[key.back() % shards];
  const std::unique_lock lock(shard.mutex, std::try_to_lock);
  if (!lock) return;
  if (const auto found = shard.entries.find(key); found != shard.entries.end())
    drop(shard, found->second);
  while (!shard.by_use.empty() && shard.bytes + bytes > room)
    drop(shard, std::prev(shard.by_use.end()));
  shard.by_use.push_front({key, std::move(answer)});
  shard.entries.emplace(key, shard.by_use.begin());
  shard.bytes += bytes;
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  entries_.fetch_add(1, std::memory_order_relaxed);
}

void AnswerCache::drop(Shard& shard, std::list<Entry>::iterator entry) {
  const std::size_t bytes = size_of(*entry->answer);
  shard.bytes -= bytes;
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  entries_.fetch_sub(1, std::memory_order_relaxed);
  shard.entries.erase(entry->key);
  shard.by_use.erase(entry);
}

}  // namespace holdfast::gateway
