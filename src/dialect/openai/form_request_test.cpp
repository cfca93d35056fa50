#include "dialect/openai/form_request.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace holdfast::dialect::openai {
namespace {

std::string field(std::string_view name, std::string_view value) {
  return fmt::format("--b\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n", name,
                     value);
}
std::string file(std::string_view name, std::string_view value = "RIFF\r\n--") {
  return fmt::format(
      "--b\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"a\"\r\n"
      "Content-Type: audio/wav\r\n\r\n{}\r\n",
      name, value);
}

constexpr Endpoint transcriptions = Endpoint::audio_transcriptions;

TEST(FormRequest, WhatDecidesIsRead) {
  struct Case {
    const char* rule;
    Endpoint endpoint;
    std::string parts;
    const char* model;
    bool stream;
    AnswerForm answers;
  };
  const Case cases[] = {
      {"a transcription", transcriptions, field("model", "m") + file("file"), "m", false,
       AnswerForm::json},
      {"streamed, as httpx writes it", transcriptions,
       file("file") + field("stream", "true") + field("model", "m"), "m", true, AnswerForm::json},
      {"as subtitles", transcriptions,
       field("model", "m") + field("response_format", "srt") + file("file"), "m", false,
       AnswerForm::text},
      {"as JSON with times", transcriptions,
       field("model", "m") + field("response_format", "verbose_json") +
           field("timestamp_granularities[]", "word") +
           field("timestamp_granularities[]", "segment") + file("file"),
       "m", false, AnswerForm::json},
      {"translations do not stream", Endpoint::audio_translations,
       field("model", "m") + field("stream", "true") + file("file"), "m", false, AnswerForm::json},
      {"an edit of two images without a model", Endpoint::images_edits,
       file("image[]") + file("image[]") + field("prompt", "a\r\nb") + field("stream", "1"),
       "gpt-image-1.5", true, AnswerForm::json},
      {"a variation without a model", Endpoint::images_variations, file("image"), "dall-e-2", false,
       AnswerForm::json},
  };
  for (const Case& c : cases) {
    const std::string body = c.parts + "--b--\r\n";
    const auto request = scan_form(c.endpoint, body, "b");
    ASSERT_TRUE(request) << c.rule << "\n" << request.error().message;
    EXPECT_EQ(request->model, c.model) << c.rule;
    EXPECT_EQ(request->stream, c.stream) << c.rule;
    EXPECT_EQ(request->answers, c.answers) << c.rule;
  }
}

TEST(FormRequest, WhatIsWrongIsNamed) {
  const std::string model = field("model", "m"), sound = file("file");
  struct Case {
    const char* rule;
    Endpoint endpoint;
    std::string parts;
    const char *param, *code;
  };
  const Case cases[] = {
      {"no model", transcriptions, sound, "model", "missing_required_parameter"},
      {"an empty model", transcriptions, field("model", "") + sound, "model", "invalid_value"},
      {"two models", transcriptions, model + field("model", "other") + sound, "model",
       "duplicate_field"},
      {"a list of models", transcriptions, model + field("model[]", "other") + sound, "model",
       "invalid_type"},
      {"a model in a file", transcriptions, file("model", "m") + sound, "model", "invalid_type"},
      {"a model of two lines", transcriptions, field("model", "m\r\nx") + sound, "model",
       "invalid_type"},
      {"a model that is no UTF-8", transcriptions, field("model", "m\xff") + sound, "model",
       "invalid_type"},
      {"a long model", transcriptions, field("model", std::string(300, 'm')) + sound, "model",
       "invalid_type"},
      {"a stream that is neither", transcriptions, model + field("stream", "maybe") + sound,
       "stream", "invalid_type"},
      {"two streams", transcriptions, model + field("stream", "true") + field("stream", "true"),
       "stream", "duplicate_field"},
      {"no file", transcriptions, model, "file", "missing_required_parameter"},
      {"a file that is a text", transcriptions, model + field("file", "x"), "file",
       "missing_required_parameter"},
      {"two files", transcriptions, model + sound + sound, "file", "duplicate_field"},
      {"no image", Endpoint::images_edits, model + field("prompt", "p"), "image",
       "missing_required_parameter"},
      {"no prompt", Endpoint::images_edits, model + file("image"), "prompt",
       "missing_required_parameter"},
      {"no such number", Endpoint::images_variations, file("image") + field("n", "0"), "n",
       "invalid_value"},
      {"where to send it", transcriptions, model + field("api_base", "https://x") + sound,
       "api_base", "unsupported_parameter"},
      {"how it is written", transcriptions, model + field("_charset_", "utf-16") + sound,
       "_charset_", "unsupported_parameter"},
  };
  for (const Case& c : cases) {
    const std::string body = c.parts + "--b--\r\n";
    const auto request = scan_form(c.endpoint, body, "b");
    ASSERT_FALSE(request) << c.rule;
    EXPECT_EQ(request.error().param, c.param) << c.rule;
    EXPECT_EQ(request.error().code, c.code) << c.rule;
    EXPECT_EQ(request.error().status, 400) << c.rule;
  }
}

TEST(FormRequest, OnlyTheModelIsChanged) {
  const std::string before = file("file"), behind = field("prompt", "p") + "--b--\r\n";
  const std::string body = before + field("model", "chat") + behind;
  const auto request = scan_form(transcriptions, body, "b");
  ASSERT_TRUE(request);
  const std::vector<std::string> stop = {"never"};
  EXPECT_EQ(splice(*request, {"whisper-1", false, &stop}),
            before + field("model", "whisper-1") + behind);
}

TEST(FormRequest, AModelThatIsNotThereIsPutFirst) {
  const std::string body = file("image") + "--b--\r\n";
  const auto request = scan_form(Endpoint::images_variations, body, "b", "deployment");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "deployment");
  EXPECT_EQ(splice(*request, {.model = "dall-e-2"}), field("model", "dall-e-2") + body);
}

TEST(FormRequest, FilesAreNotCopied) {
  const std::string body = field("model", "m") + file("file", std::string(1U << 20U, '-'));
  const std::string whole = body + "--b--\r\n";
  const auto request = scan_form(transcriptions, whole, "b");
  ASSERT_TRUE(request);
  WireText text;
  Splice(*request, {.model = "whisper-1"}).refer_to(text);
  EXPECT_LT(text.own().size(), 1024U);
  EXPECT_EQ(text.size(), whole.size() + std::string_view("whisper-1").size() - 1);
}

}  // namespace
}  // namespace holdfast::dialect::openai
