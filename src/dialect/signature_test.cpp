#include <gtest/gtest.h>

#include "dialect/codec.h"

namespace holdfast::dialect {
namespace {

TEST(Signature, FindsBackThroughItsEnvelope) {
  const std::string wrapped = wrap_signature({"EqQB:c2ln", "anthropic", "rs_1"});
  const auto back = unwrap_signature(wrapped);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->value, "EqQB:c2ln");
  EXPECT_EQ(back->house, "anthropic");
  EXPECT_EQ(back->id, "rs_1");
}

TEST(Signature, TheDialectsOwnHasNoEnvelope) {
  for (const char* text : {"", "EqQBCgIYAh", "hf1:", "hf1:anthropic", "hf1:anthropic:x"})
    EXPECT_FALSE(unwrap_signature(text)) << text;
}

TEST(Signature, IsFoundInABody) {
  for (const char* body : {R"("hf1:a:b:c")", R"({"a":"b:c","signature":"hf1:anthropic:rs_1:x"})",
                           R"(["::::","hf1:"])"})
    EXPECT_TRUE(mentions_signature(body)) << body;
  for (const char* body : {"", ":", "hf1:", R"(hf1:"hf1")", R"({"hf1":"x hf1:a:b:c","b":"f1:"})"})
    EXPECT_FALSE(mentions_signature(body)) << body;
}

}  // namespace
}  // namespace holdfast::dialect
