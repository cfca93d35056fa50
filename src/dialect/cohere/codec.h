// Cohere's v2 API, as a provider speaks it: the side of upstreams is complete, clients that speak
// it are not served, but for errors (which go with rerank.h). Paths are below ".../v2". The types
// are those of the cohere Python package (November 2026).
#pragma once
#include "dialect/codec.h"

namespace holdfast::dialect::cohere {

// read_request refuses; write_answer and the stream writer write nothing.
const dialect::Codec& codec();

}  // namespace holdfast::dialect::cohere
