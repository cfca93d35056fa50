// A request of OpenAI's dialect that comes as a form: sound to be written down, images to be
// changed. Only the fields by which the gateway decides are looked at; the files pass as they are.
#pragma once
#include <expected>
#include <string_view>

#include "dialect/openai/request.h"

namespace holdfast::dialect::openai {

// Checks and reads the form `body` with `boundary`, as multipart.h reads it; both outlive the
// request.
//   path_model   the model that the path names (Azure)
//   errors       what is wrong, for the client; the text names the field and quotes no value
std::expected<ScannedRequest, RequestProblem> scan_form(Endpoint endpoint, std::string_view body,
                                                        std::string_view boundary,
                                                        std::string_view path_model = {});

}  // namespace holdfast::dialect::openai
