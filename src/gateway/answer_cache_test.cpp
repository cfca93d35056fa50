#include "gateway/answer_cache.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/random.h"
#include "gateway/incoming.h"

namespace holdfast::gateway {
namespace {

using namespace std::chrono_literals;

TEST(CanonicalJson, IsOneSpellingOfOneMeaning) {
  struct Case {
    const char *rule, *text, *want;
  };
  constexpr Case cases[] = {{"white space is nothing", " { \"a\" : [ 1 , 2 ] } ", R"({"a":[1,2]})"},
                            {"members go by their names", R"({"b":1,"a":2})", R"({"a":2,"b":1})"},
                            {"deeper ones too", R"({"x":{"b":1,"a":2}})", R"({"x":{"a":2,"b":1}})"},
                            {"elements keep their order", R"([2,1])", "[2,1]"},
                            {"escapes are undone", R"({"\u0061":"\u0041\/"})", R"({"a":"A/"})"},
                            {"numbers stay as they are spelled", "[1.0,1e0,1]", "[1.0,1e0,1]"},
                            {"words", "[null,true,false]", "[null,true,false]"}};
  for (const Case& c : cases) EXPECT_EQ(canonical_json(c.text), c.want) << c.rule;
}

Incoming incoming_of(std::string_view body) {
  Incoming incoming;
  incoming.body = body;
  incoming.model = "chat";
  return incoming;
}

TEST(CacheKey, IsTheSameForTheSameQuestionOnly) {
  const std::string_view body = R"({"model":"chat","messages":[]})";
  const auto key = cache_key(incoming_of(body), "app", "", 7);
  ASSERT_TRUE(key);
  EXPECT_EQ(key, cache_key(incoming_of(R"( {"messages": [], "model": "chat"})"), "app", "", 7));
  EXPECT_NE(key, cache_key(incoming_of(body), "other", "", 7)) << "another key's";
  EXPECT_NE(key, cache_key(incoming_of(body), "app", "alt=sse", 7)) << "another query";
  EXPECT_NE(key, cache_key(incoming_of(body), "app", "", 8)) << "another configuration";
  Incoming stream = incoming_of(body);
  stream.stream = true;
  EXPECT_NE(key, cache_key(stream, "app", "", 7)) << "a stream";
  Incoming claude = incoming_of(body);
  claude.front.dialect = dialect::Dialect::anthropic;
  EXPECT_NE(key, cache_key(claude, "app", "", 7)) << "another dialect";
  claude.passed.headers.emplace_back("anthropic-beta", "x");
  const auto plain = cache_key(claude, "app", "", 7);
  claude.passed.headers.back().second = "y";
  EXPECT_NE(plain, cache_key(claude, "app", "", 7)) << "another beta";
}

TEST(CacheKey, IsNoneForStateThatSomebodyKeeps) {
  struct Case {
    const char* rule;
    records::Endpoint endpoint;
    Operation operation;
    const char* body;
    bool has_key;
  };
  using records::Endpoint;
  constexpr Case cases[] = {
      {"a chat", Endpoint::chat_completions, Operation::generate, "{}", true},
      {"a chat to be kept", Endpoint::chat_completions, Operation::generate, R"({"store":true})",
       false},
      {"a response is kept unless told", Endpoint::responses, Operation::generate, "{}", false},
      {"one that is not", Endpoint::responses, Operation::generate, R"({"store":false})", true},
      {"one that follows another", Endpoint::responses, Operation::generate,
       R"({"store":false,"previous_response_id":"resp_1"})", false},
      {"vectors", Endpoint::embeddings, Operation::embeddings, "{}", true},
      {"counting is cheap", Endpoint::chat_completions, Operation::count_tokens, "{}", false}};
  for (const Case& c : cases) {
    Incoming incoming = incoming_of(c.body);
    incoming.front.endpoint = c.endpoint;
    incoming.front.operation = c.operation;
    EXPECT_EQ(cache_key(incoming, "app", "", 7).has_value(), c.has_key) << c.rule;
  }
}

TEST(CacheControl, IsReadAsFarAsItIsUnderstood) {
  EXPECT_TRUE(read_cache_control("no-cache").no_cache);
  EXPECT_TRUE(read_cache_control("max-age=0, No-Store").no_store);
  EXPECT_EQ(read_cache_control(" max-age=60 ").max_age, 60s);
  EXPECT_TRUE(read_cache_control("only-if-cached").only_if_cached);
  for (const char* odd :
       {"", ",,", "max-age=", "max-age=-1", "max-age=1x", "no-cachex", "private"}) {
    const CacheControl control = read_cache_control(odd);
    EXPECT_FALSE(control.no_cache || control.no_store || control.max_age) << odd;
  }
}

CacheKey key_of(std::uint64_t number) {
  CacheKey key{};
  std::memcpy(key.data(), &number, sizeof number);
  key.back() = static_cast<std::uint8_t>(number);
  return key;
}

std::shared_ptr<const CachedAnswer> answer_of(std::size_t bytes, MonoTime expires) {
  auto answer = std::make_shared<CachedAnswer>();
  answer->body.assign(bytes, 'x');
  answer->expires = expires;
  return answer;
}

TEST(AnswerCache, KeepsUntilItExpires) {
  AnswerCache cache(1U << 20U);
  const MonoTime now{};
  cache.put(key_of(1), answer_of(10, now + 10s));
  EXPECT_NE(cache.find(key_of(1), now + 9s), nullptr);
  EXPECT_EQ(cache.find(key_of(2), now), nullptr);
  EXPECT_EQ(cache.find(key_of(1), now + 10s), nullptr);
  EXPECT_EQ(cache.bytes(), 0U);
  EXPECT_EQ(cache.entries(), 0U);
}

TEST(AnswerCache, WhatWasUsedLongestAgoMakesRoom) {
  AnswerCache cache(65'536);
  const MonoTime now{};
  // One shard: keys that are equal modulo 16 in their last byte.
  cache.put(key_of(16), answer_of(1500, now + 1h));
  cache.put(key_of(32), answer_of(1500, now + 1h));
  ASSERT_NE(cache.find(key_of(16), now), nullptr);
  cache.put(key_of(48), answer_of(1500, now + 1h));
  EXPECT_NE(cache.find(key_of(16), now), nullptr);
  EXPECT_EQ(cache.find(key_of(32), now), nullptr);
  EXPECT_NE(cache.find(key_of(48), now), nullptr);
  cache.put(key_of(64), answer_of(5000, now + 1h));
  EXPECT_EQ(cache.find(key_of(64), now), nullptr) << "larger than a shard";
}

TEST(AnswerCache, ManyThreadsStayWithinTheBound) {
  constexpr std::size_t bound = 1U << 18U;
  AnswerCache cache(bound);
  std::atomic<bool> over = false;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (std::uint64_t thread = 0; thread < 4; ++thread)
    threads.emplace_back([&cache, &over, thread] {
      Random random(thread);
      for (int i = 0; i < 20'000; ++i) {
        const CacheKey key = key_of(random.below(2000));
        if (random.below(2) == 0)
          cache.put(key, answer_of(random.below(3000), MonoTime{} + 1h));
        else
          cache.find(key, MonoTime{});
        if (cache.bytes() > bound + 16'384) over = true;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(over);
  EXPECT_LE(cache.bytes(), bound);
}

}  // namespace
}  // namespace holdfast::gateway
