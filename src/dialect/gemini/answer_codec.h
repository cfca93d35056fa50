// The duties of the codec, one file each.
#pragma once
#include <memory>
#include <string>

#include "dialect/codec.h"

namespace holdfast::dialect::gemini {

Result<Response> read_answer(std::string_view body);
std::string write_answer(const Response& response, const AnswerContext& context);
std::unique_ptr<StreamReader> stream_reader();
std::unique_ptr<StreamWriter> stream_writer(const AnswerContext& context);
std::string write_error(const ErrorReport& report);
ErrorFacts read_error(int status, std::string_view body);

// An id for a call that came without one: made of the answer's id, so that no two turns of a
// conversation share one; without that, of `salt`, the bytes it came in.
std::string made_call_id(std::string_view answer_id, std::string_view salt, std::size_t number);
// Whether a call's arguments are the object that the wire asks for; empty ones count as {}.
bool is_object(std::string_view arguments);

}  // namespace holdfast::dialect::gemini
