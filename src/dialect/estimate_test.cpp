#include "dialect/estimate.h"

#include <gtest/gtest.h>

namespace holdfast::dialect {
namespace {

TEST(EstimateTokens, AddsUpWhatTheHeaderSays) {
  struct Case {
    const char* rule;
    void (*fill)(Request&);
    std::int64_t tokens;
  };
  const Case cases[] = {
      {"never below one", [](Request&) {}, 1},
      {"four bytes a token, rounded up, and the message",
       [](Request& r) { r.messages.emplace_back().content.emplace_back().text = "12345"; }, 4 + 2},
      {"system texts", [](Request& r) { r.system.emplace_back().text = "12345678"; }, 2},
      {"a tool, and that there are any",
       [](Request& r) {
         Tool& tool = r.tools.emplace_back();
         tool.name = "abcd";
         tool.schema = "{}";
       },
       300 + 12 + 1 + 1},
      {"an image",
       [](Request& r) { r.messages.emplace_back().content.emplace_back().kind = BlockKind::image; },
       4 + 1500},
      {"a document of two pages",
       [](Request& r) {
         static const std::string data(88'000, 'A');  // 66'000 bytes
         Block& block = r.messages.emplace_back().content.emplace_back();
         block.kind = BlockKind::document;
         block.media.data = data;
       },
       4 + 4000},
      {"a result's texts",
       [](Request& r) {
         Block& block = r.messages.emplace_back().content.emplace_back();
         block.kind = BlockKind::tool_result;
         block.id = "1234";
         block.content.emplace_back().text = "1234";
       },
       4 + 4 + 1 + 1},
  };
  for (const Case& c : cases) {
    Request request;
    c.fill(request);
    EXPECT_EQ(estimate_tokens(request), c.tokens) << c.rule;
  }
}

// Bytes of sound are no text, whatever they look like.
TEST(EstimateFormTokens, CountsTextsAndFiles) {
  const std::string head = "--b\r\nContent-Disposition: form-data; name=";
  const std::string body = head + "prompt\r\n\r\n" + std::string(40, 'p') + "\r\n" + head +
                           "file; filename=a\r\n\r\n" + std::string(1U << 20U, '"') +
                           "\r\n--b--\r\n";
  const std::string image = R"({"a":")" + std::string(20'000, 'A') + R"("})";
  EXPECT_LT(estimate_form_tokens(body, "b"), estimate_body_tokens(image) + 20);
  EXPECT_GT(estimate_form_tokens(body, "b"), 10);
}

TEST(EstimateBodyTokens, CountsTextAndNotData) {
  const std::string image(400'000, 'A');
  std::string prose;
  while (prose.size() < 40'000) prose += "word after word ";
  struct Case {
    const char* rule;
    std::string body;
    std::int64_t least, most;
  };
  const Case cases[] = {
      {"never below one", "{}", 1, 1},
      {"a token for each 4 bytes", R"({"messages":[{"role":"user","content":"Hello"}]})", 12, 12},
      {"long prose is prose", "{\"content\":\"" + prose + "\"}", 10'000, 10'010},
      {"an image is an image", "{\"url\":\"data:image/png;base64," + image + "\"}", 1'500, 1'510},
      {"each of them", "[\"" + image + "\",\"" + image + "\"]", 3'000, 3'010},
      {"a quote without its end", "[\"" + image, 1'500, 1'510}};
  for (const Case& c : cases) {
    EXPECT_GE(estimate_body_tokens(c.body), c.least) << c.rule;
    EXPECT_LE(estimate_body_tokens(c.body), c.most) << c.rule;
  }
}

}  // namespace
}  // namespace holdfast::dialect
