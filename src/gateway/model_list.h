// The logical models as the SDKs of each dialect ask for them.
#pragma once
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "dialect/facts.h"
#include "gateway/front.h"

namespace holdfast::gateway {

// The answer to list_models or get_model (then `names` is that one).
//   errors   what is wrong with the query
std::expected<std::string, dialect::RequestProblem> write_models(
    const Front& front, std::string_view query, std::span<const std::string_view> names,
    std::int64_t created_s);

}  // namespace holdfast::gateway
