#include <gtest/gtest.h>

#include "provider/adapter.h"
#include "provider/kind.h"

namespace holdfast::provider {
namespace {

std::string head_of(std::string_view name, std::string_view key) {
  Settings settings;
  settings.kind = find_kind(name);
  const Destination there{
      .authority = "api.test", .path = "/base", .key = key, .attempt_id = "probe_1"};
  return settings.kind->make(settings, {})->list_models(there);
}

TEST(ListModels, IsAskedForWithTheKeyOfEachHouse) {
  struct Case {
    std::string_view kind, first_line, proof;
  };
  constexpr Case cases[] = {
      {"openai", "GET /base/models HTTP/1.1\r\n", "Authorization: Bearer sk-1\r\n"},
      {"vllm", "GET /base/models HTTP/1.1\r\n", "Authorization: Bearer sk-1\r\n"},
      {"anthropic", "GET /base/v1/models?limit=1 HTTP/1.1\r\n", "x-api-key: sk-1\r\n"},
      {"gemini", "GET /base/models?pageSize=1 HTTP/1.1\r\n", "x-goog-api-key: sk-1\r\n"},
  };
  for (const Case& c : cases) {
    const std::string head = head_of(c.kind, "sk-1");
    EXPECT_TRUE(head.starts_with(c.first_line)) << head;
    EXPECT_NE(head.find("\r\nHost: api.test\r\n"), std::string::npos) << head;
    EXPECT_NE(head.find(c.proof), std::string::npos) << head;
    EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
    EXPECT_EQ(head_of(c.kind, "").find("sk-1"), std::string::npos) << c.kind;
  }
  EXPECT_NE(head_of("anthropic", "").find("anthropic-version: "), std::string::npos);
}

TEST(ListModels, WhereThereIsNoListNothingIsAsked) {
  for (const std::string_view kind : {"azure_openai", "bedrock", "vertex", "cohere"})
    EXPECT_EQ(head_of(kind, "sk-1"), "") << kind;
}

}  // namespace
}  // namespace holdfast::provider
