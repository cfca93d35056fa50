// Reads what an upstream of OpenAI's dialect answers, without changing it: whole answers, the
// events of streams, and errors.
#pragma once
#include <string>
#include <string_view>

#include "dialect/facts.h"
#include "dialect/openai/request.h"

namespace holdfast::dialect::openai {

using dialect::AnswerFacts;
using dialect::ErrorFacts;
using dialect::Sight;
using dialect::Usage;

// What a whole answer with status 200 is worth.
AnswerFacts scan_answer(Endpoint endpoint, std::string_view body);

// What one event of a stream is.
Sight scan_event(std::string_view data);

// What an error answer (status 400 and up) means.
ErrorFacts classify_error(int status, std::string_view body);

// {"error":{...}} as OpenAI writes it.
std::string error_body(std::string_view message, std::string_view type, std::string_view code,
                       std::string_view param = {});

}  // namespace holdfast::dialect::openai
