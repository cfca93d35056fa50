// What clients are told of responses that are kept: the items of their input, page by page, and
// that they are gone.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "dialect/facts.h"
#include "dialect/json_document.h"

namespace holdfast::dialect::openai_responses {

struct ItemPage {
  std::int64_t limit = 20;  // 1..100
  bool ascending = false;   // as they were sent; else the last one first
  std::string after;        // the id of the item before the page; empty: from the beginning
};

// A list object with the page's part of `input`, a request's member as it was sent. Every item gets
// what the list's type needs: a type, an id (made of `seed` and its place where it has none), and a
// text of a message as a part.
//   errors   a problem with `after`: no item has that id
std::expected<std::string, RequestProblem> list_items(JsonValue input, std::string_view seed,
                                                      const ItemPage& page);

// What is said of a response that was deleted.
std::string write_deleted(std::string_view id);

// The response object within the data of the event that ended a stream; empty: it has none.
std::string_view response_in(std::string_view data);

}  // namespace holdfast::dialect::openai_responses
