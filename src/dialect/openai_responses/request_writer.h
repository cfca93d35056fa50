// A canonical request as one to an upstream.
#pragma once
#include <vector>

#include "dialect/codec.h"

namespace holdfast::dialect::openai_responses {

Result<WireRequest> write_request(const Request& request, std::string_view model,
                                  const Abilities& abilities, std::vector<Loss>& losses);

}  // namespace holdfast::dialect::openai_responses
