// A target's whole answer in a dialect of its own, put into the client's.
#pragma once
#include <string>
#include <string_view>

#include "dialect/codec.h"
#include "gateway/incoming.h"
#include "routing/snapshot.h"

namespace holdfast::gateway {

struct WholeAnswer {
  std::string body;
  dialect::Usage usage;
  // The member of the client's dialect that cannot say all of it ("annotations"); empty: none.
  std::string_view untold = {};
};

// `incoming` has what was asked in its canonical form; `body` came with status 200.
//   tokens_in   of the request, as a header told them; -1: none did
//   errors      malformed_response; upstream_unavailable: an error inside the 200
Result<WholeAnswer> translate_answer(const routing::Target& target, const Incoming& incoming,
                                     std::string_view body, std::int64_t tokens_in,
                                     const dialect::AnswerContext& context);

}  // namespace holdfast::gateway
