// Reads bodies of multipart/form-data (RFC 7578) strictly: what two readers could read in two ways
// is refused, since the provider reads it once more. Nothing is copied: views point into the body,
// or into the Content-Type. Pure.
#pragma once
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/facts.h"

namespace holdfast::dialect {

struct FormPart {
  std::string_view name;           // 1 to limits::form_name_bytes letters, digits and any of _-.[]
  std::string_view value;          // its bytes as they came
  bool is_file = false;            // it has a file name
  bool plain = true;               // its bytes are text in UTF-8, as far as its head says
  std::size_t begin = 0, end = 0;  // its bytes in the body: head, empty line and value
};

// Whether `content_type` is multipart/form-data, whatever its parameters.
bool is_form(std::string_view content_type);

// The boundary that a Content-Type of that kind names: 1 to 70 of the characters that RFC 2046
// allows, the space excepted.
//   errors   none, two, or one that is malformed
std::expected<std::string_view, RequestProblem> read_boundary(std::string_view content_type);

// The parts of `body` in their order. The boundary stands in delimiters alone, each on a line of
// its own that ends in CR LF; nothing comes before the first and after the last.
//   errors   what is wrong, by the number of the part; more than limits::form_parts
std::expected<std::vector<FormPart>, RequestProblem> read_form(std::string_view body,
                                                               std::string_view boundary);

// The Content-Type of a form with `boundary`.
std::string form_content_type(std::string_view boundary);

}  // namespace holdfast::dialect
