// An upstream's stream of typed events.
#pragma once
#include <memory>

#include "dialect/codec.h"

namespace holdfast::dialect::openai_responses {

std::unique_ptr<StreamReader> stream_reader();

}  // namespace holdfast::dialect::openai_responses
