#include <gtest/gtest.h>

#include "dialect/anthropic/codec.h"

namespace holdfast::dialect::anthropic {
namespace {

TEST(AnthropicErrors, AreToldApart) {
  struct Case {
    const char* rule;
    int status;
    const char* type;
    const char* message;
    FailureClass failure;
  };
  const Case cases[] = {
      {"a bad request", 400, "invalid_request_error", "max_tokens: too small",
       FailureClass::bad_request},
      {"the prompt is too long", 400, "invalid_request_error",
       "prompt is too long: 3333404 tokens > 200000 maximum", FailureClass::context_too_long},
      {"with the answer", 400, "invalid_request_error",
       "input length and `max_tokens` exceed context limit: 1 + 2 > 2",
       FailureClass::context_too_long},
      {"filtered", 400, "invalid_request_error", "Output blocked by content filtering policy",
       FailureClass::content_filter},
      {"no money, as a 400", 400, "invalid_request_error",
       "Your credit balance is too low to access the Anthropic API.", FailureClass::unpaid},
      {"a dead key", 401, "authentication_error", "invalid x-api-key", FailureClass::revoked},
      {"billing", 402, "billing_error", "x", FailureClass::unpaid},
      {"forbidden", 403, "permission_error", "x", FailureClass::revoked},
      {"no such model", 404, "not_found_error", "model: x", FailureClass::model_gone},
      {"too large", 413, "request_too_large", "x", FailureClass::bad_request},
      {"load", 429, "rate_limit_error", "x", FailureClass::rate_limited},
      {"a fault", 500, "api_error", "x", FailureClass::server_error},
      {"overload said with a 500", 500, "overloaded_error", "x", FailureClass::overloaded},
      {"late", 504, "timeout_error", "x", FailureClass::request_timeout},
      {"overload", 529, "overloaded_error", "Overloaded", FailureClass::overloaded},
  };
  for (const Case& c : cases) {
    const std::string body = std::string(R"({"type":"error","error":{"type":")") + c.type +
                             R"(","message":")" + c.message + R"("},"request_id":"req_1"})";
    const ErrorFacts facts = codec().read_error(c.status, body);
    EXPECT_EQ(facts.failure, c.failure) << c.rule << " " << to_string(facts.failure);
    EXPECT_TRUE(facts.is_json_error) << c.rule;
    EXPECT_EQ(facts.message, c.message) << c.rule;
    EXPECT_EQ(facts.code, c.type) << c.rule;
  }
}

TEST(AnthropicErrors, ASpendLimitIsMoneyAndNotLoad) {
  for (const char* code : {"enforced_spend_limit_reached", "contract_spend_limit_reached"}) {
    const std::string body =
        std::string(
            R"({"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":")") +
        code + R"("}}})";
    EXPECT_EQ(codec().read_error(429, body).failure, FailureClass::unpaid);
    EXPECT_EQ(codec().read_error(429, body).code, code);
  }
}

TEST(AnthropicErrors, OtherBodiesAreJudgedByTheirStatus) {
  for (const char* body : {"", "<html>", "[]", "{\"error\":\"x\"}"}) {
    EXPECT_EQ(codec().read_error(502, body).failure, FailureClass::server_error) << body;
    EXPECT_FALSE(codec().read_error(502, body).is_json_error) << body;
  }
  EXPECT_EQ(codec().read_error(302, "").failure, FailureClass::redirect);
}

TEST(AnthropicErrors, AreWrittenWithTheirType) {
  struct Case {
    const char* rule;
    int status;
    FailureClass failure;
    int want_status;
    const char* want;
  };
  const Case cases[] = {
      {"the gateway's own", 400, FailureClass::none, 400,
       R"("type":"invalid_request_error","message":"m"})"},
      {"our key", 401, FailureClass::none, 401, "authentication_error"},
      {"not allowed", 403, FailureClass::none, 403, "permission_error"},
      {"too large", 413, FailureClass::none, 413, "request_too_large"},
      {"the upstream's key is no fault of the client", 502, FailureClass::revoked, 502,
       "api_error"},
      {"overload", 503, FailureClass::overloaded, 529, "overloaded_error"},
      {"money", 429, FailureClass::unpaid, 402, "billing_error"},
      {"load", 429, FailureClass::rate_limited, 429, "rate_limit_error"},
      {"late", 502, FailureClass::stall, 504, "timeout_error"},
      {"the provider's fault", 502, FailureClass::server_error, 500, "api_error"},
      {"a cut stream", 502, FailureClass::cut_stream, 500, "api_error"},
      {"too long, in the words that clients look for", 400, FailureClass::context_too_long, 400,
       R"("message":"prompt is too long: m")"},
      {"all targets down", 503, FailureClass::none, 529, "overloaded_error"},
  };
  for (const Case& c : cases) {
    const ErrorReport report{c.status, "m", "code", "param", c.failure, "req_9"};
    EXPECT_EQ(error_status(report), c.want_status) << c.rule;
    const std::string body = codec().write_error(report);
    EXPECT_NE(body.find(c.want), std::string::npos) << c.rule << body;
    EXPECT_TRUE(body.ends_with(R"(,"request_id":"req_9"})")) << body;
  }
}

TEST(AnthropicErrors, AThreadIsRefusedWithItsDetails) {
  const ErrorReport report{400,    "m", "thread_unsupported_request", "thread", FailureClass::none,
                           "req_9"};
  EXPECT_EQ(
      codec().write_error(report),
      R"({"type":"error","error":{"type":"invalid_request_error","message":"m","details":)"
      R"({"error_code":"thread_unsupported_request","unsupported":["thread"]}},"request_id":"req_9"})");
}

}  // namespace
}  // namespace holdfast::dialect::anthropic
