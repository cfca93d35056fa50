// Cohere's answers as its virtual provider gives them. The codec that ships reads them and writes
// none: no client speaks that dialect.
#pragma once
#include <memory>
#include <string>

#include "dialect/codec.h"

namespace holdfast::simulation {

// A whole answer of v2/chat, of texts alone.
std::string write_cohere_answer(const dialect::Response& response);
// The same as a stream. What it makes of events: texts in blocks, usage, the finish, the end.
std::unique_ptr<dialect::StreamWriter> cohere_stream_writer();

}  // namespace holdfast::simulation
