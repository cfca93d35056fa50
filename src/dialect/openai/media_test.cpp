#include "dialect/openai/media.h"

#include <gtest/gtest.h>

#include "dialect/openai/answer.h"

namespace holdfast::dialect::openai {
namespace {

TEST(MediaRequest, WhatDecidesIsRead) {
  struct Case {
    const char* rule;
    Endpoint endpoint;
    const char* body;
    const char* model;
    bool stream;
    AnswerForm answers;
  };
  constexpr Case cases[] = {
      {"an image", Endpoint::images_generations, R"({"model":"m","prompt":"p","stream":true})", "m",
       true, AnswerForm::json},
      {"an image of the usual model", Endpoint::images_generations, R"({"prompt":"p"})", "dall-e-2",
       false, AnswerForm::json},
      {"an edit in JSON", Endpoint::images_edits,
       R"({"images":[{"file_id":"f"}],"prompt":"p","stream":true})", "gpt-image-1.5", true,
       AnswerForm::json},
      {"moderation of the usual model", Endpoint::moderations, R"({"input":"x","stream":true})",
       "omni-moderation-latest", false, AnswerForm::json},
      {"speech is sound", Endpoint::audio_speech,
       R"({"model":"m","input":"x","voice":"alloy","stream_format":"audio","response_format":"wav"})",
       "m", false, AnswerForm::bytes},
      {"speech as events", Endpoint::audio_speech,
       R"({"model":"m","input":"x","voice":"alloy","stream_format":"\u0073se"})", "m", true,
       AnswerForm::json},
  };
  for (const Case& c : cases) {
    const auto request = scan_request(c.endpoint, c.body);
    ASSERT_TRUE(request) << c.rule << "\n" << request.error().message;
    EXPECT_EQ(request->model, c.model) << c.rule;
    EXPECT_EQ(request->stream, c.stream) << c.rule;
    EXPECT_EQ(request->answers, c.answers) << c.rule;
  }
}

TEST(MediaRequest, WhatIsMissingIsNamed) {
  struct Case {
    Endpoint endpoint;
    const char *body, *param;
  };
  constexpr Case cases[] = {
      {Endpoint::images_generations, R"({"model":"m"})", "prompt"},
      {Endpoint::images_edits, R"({"model":"m"})", "prompt"},
      {Endpoint::moderations, R"({"model":"m"})", "input"},
      {Endpoint::audio_speech, R"({"model":"m","voice":"alloy"})", "input"},
      {Endpoint::audio_speech, R"({"input":"x","voice":"alloy"})", "model"},
      {Endpoint::audio_speech, R"({"model":"m","input":"x","stream_format":1})", "stream_format"},
      {Endpoint::images_generations, R"({"prompt":"p","base_url":"x"})", "base_url"},
  };
  for (const Case& c : cases) {
    const auto request = scan_request(c.endpoint, c.body);
    ASSERT_FALSE(request) << c.body;
    EXPECT_EQ(request.error().param, c.param) << c.body;
  }
}

TEST(MediaRequest, AMissingModelIsAdded) {
  const auto request = scan_request(Endpoint::images_generations, R"({"prompt":"p"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(splice(*request, {.model = "m2"}), R"({"model":"m2","prompt":"p"})");
}

TEST(MediaAnswer, IsJudgedByItsKind) {
  struct Case {
    const char* rule;
    Endpoint endpoint;
    const char* body;
    FailureClass want;
    std::int64_t tokens_in, tokens_out;
  };
  constexpr Case cases[] = {
      {"an image with its usage", Endpoint::images_generations,
       R"({"created":1,"data":[{"b64_json":"AA"}],"usage":{"input_tokens":5,"output_tokens":7,
           "total_tokens":12,"input_tokens_details":{"text_tokens":5,"image_tokens":0}}})",
       FailureClass::none, 5, 7},
      {"an image without one", Endpoint::images_variations, R"({"data":[]})", FailureClass::none,
       -1, -1},
      {"no image", Endpoint::images_edits, R"({"created":1})", FailureClass::malformed_body, -1,
       -1},
      {"a verdict", Endpoint::moderations, R"({"id":"x","results":[]})", FailureClass::none, -1,
       -1},
      {"no verdict", Endpoint::moderations, R"({"data":[]})", FailureClass::malformed_body, -1, -1},
      {"a transcript by tokens", Endpoint::audio_transcriptions,
       R"({"text":"","usage":{"type":"tokens","input_tokens":3,"output_tokens":4}})",
       FailureClass::none, 3, 4},
      {"a transcript by seconds", Endpoint::audio_transcriptions,
       R"({"text":"a","usage":{"type":"duration","seconds":3}})", FailureClass::none, -1, -1},
      {"no transcript", Endpoint::audio_translations, R"({"text":null})",
       FailureClass::malformed_body, -1, -1},
      {"an error", Endpoint::moderations, R"({"error":{"message":"x"}})",
       FailureClass::error_in_body, -1, -1},
      {"an error in an array", Endpoint::moderations, R"([{"error":"x"}])",
       FailureClass::error_in_body, -1, -1},
      {"a page", Endpoint::images_edits, "<html>", FailureClass::malformed_body, -1, -1},
  };
  for (const Case& c : cases) {
    const AnswerFacts facts = scan_answer(c.endpoint, c.body);
    EXPECT_EQ(facts.failure, c.want) << c.rule;
    EXPECT_EQ(facts.usage.tokens_in, c.tokens_in) << c.rule;
    EXPECT_EQ(facts.usage.tokens_out, c.tokens_out) << c.rule;
  }
}

TEST(MediaAnswer, ATranscriptMayBeText) {
  struct Case {
    const char *rule, *type, *body;
    FailureClass want;
  };
  constexpr Case cases[] = {
      {"subtitles", "text/plain; charset=utf-8", "1\n00:00:00,000 --> 00:00:01,000\nhi\n",
       FailureClass::none},
      {"silence", "text/plain", "\n", FailureClass::none},
      {"other words for it", "application/x-subrip", "1\n", FailureClass::none},
      {"a page", "text/html; charset=UTF-8", "<html>", FailureClass::malformed_body},
      {"an error", "application/json", R"({"error":"x"})", FailureClass::error_in_body},
      {"a text in JSON", "Application/JSON", R"("hi")", FailureClass::none},
      {"half of one", "application/json", R"({"text":)", FailureClass::malformed_body},
  };
  for (const Case& c : cases) EXPECT_EQ(scan_transcript(c.type, c.body).failure, c.want) << c.rule;
  for (const char* type : {"text/html", "application/json", "TEXT/event-stream"})
    EXPECT_NE(not_sound(type), "") << type;
  for (const char* type : {"audio/mpeg", "application/octet-stream", "", "audio/pcm;rate=24000"})
    EXPECT_EQ(not_sound(type), "") << type;
}

TEST(MediaEvent, IsSeenForWhatItIs) {
  struct Case {
    const char* rule;
    const char* data;
    bool content, finish, error, malformed;
    std::int64_t tokens_out;
  };
  constexpr Case cases[] = {
      {"a partial image", R"({"type":"image_generation.partial_image","b64_json":"AA"})", true,
       false, false, false, -1},
      {"the image",
       R"({"type":"image_edit.completed","b64_json":"AA","usage":{"output_tokens":7}})", true, true,
       false, false, 7},
      {"sound", R"({"type":"speech.audio.delta","audio":"AA"})", true, false, false, false, -1},
      {"no sound", R"({"type":"speech.audio.delta","audio":""})", false, false, false, false, -1},
      {"its end", R"({"type":"speech.audio.done","usage":{"output_tokens":9}})", true, true, false,
       false, 9},
      {"text", R"({"type":"transcript.text.delta","delta":"a"})", true, false, false, false, -1},
      {"a segment", R"({"type":"transcript.text.segment","text":"a"})", true, false, false, false,
       -1},
      {"its end", R"({"type":"transcript.text.done","text":""})", true, true, false, false, -1},
      {"what is new", R"({"type":"image_generation.queued"})", false, false, false, false, -1},
      {"an error", R"({"type":"error","error":{"message":"x"}})", false, false, true, false, -1},
      {"not JSON", "x", false, false, false, true, -1},
  };
  for (const Case& c : cases) {
    const Sight sight = scan_media_event(c.data);
    EXPECT_EQ(sight.content, c.content) << c.rule;
    EXPECT_EQ(sight.finish, c.finish) << c.rule;
    EXPECT_EQ(sight.error, c.error) << c.rule;
    EXPECT_EQ(sight.malformed, c.malformed) << c.rule;
    EXPECT_EQ(sight.usage.tokens_out, c.tokens_out) << c.rule;
  }
  EXPECT_TRUE(scan_media_event("[DONE]").done);
}

}  // namespace
}  // namespace holdfast::dialect::openai
