// Images, sound and moderation: endpoints of OpenAI's dialect that are passed on between those who
// speak it, and never translated. What their requests mean to the gateway, and what their answers
// are worth. Pure.
#pragma once
#include <cstdint>
#include <string_view>

#include "dialect/facts.h"
#include "dialect/openai/request.h"

namespace holdfast::dialect::openai {

bool is_media(Endpoint endpoint);
// The model that the dialect means when a request of `endpoint` names none; empty: it must name
// one.
std::string_view usual_model(Endpoint endpoint);
// Bits of records::Feature that every request of `endpoint` has.
std::uint32_t media_features(Endpoint endpoint);

// What a whole answer with status 200 is worth: JSON, or (AnswerForm::text) a transcript.
AnswerFacts scan_media_answer(Endpoint endpoint, std::string_view body);
AnswerFacts scan_transcript(std::string_view content_type, std::string_view body);
// Why an answer of this Content-Type is no sound; empty: it may be.
std::string_view not_sound(std::string_view content_type);
// What one event of a stream is.
Sight scan_media_event(std::string_view data);

}  // namespace holdfast::dialect::openai
