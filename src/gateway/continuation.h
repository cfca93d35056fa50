// How another target is asked to go on with an answer that broke off.
#pragma once
#include <span>
#include <string_view>

#include "gateway/candidate.h"
#include "gateway/seam.h"

namespace holdfast::gateway {

// The most that such a request is longer than the client's, beside the text that it goes on with.
inline constexpr std::size_t continuation_bytes = 2048;

// Whether a stream that breaks after content may be gone on with elsewhere: the model says so, and
// the answer is one text that another model can carry on. Reads the canonical request.
bool may_continue(const routing::Model& model, Incoming& incoming,
                  std::span<const Candidate> candidates);

struct Continuation {
  dialect::WireRequest request;
  Asking asking = Asking::told;
};

// The request with what the client has got of the answer: as the beginning of the answer where the
// target can go on from it, else as the assistant's turn with an instruction behind it.
//   told     more than white space
//   errors   as write_for; invalid_request too when the target would lose something of the request
Result<Continuation> write_continuation(const routing::Model& model, const routing::Target& target,
                                        Incoming& incoming, std::string_view told);

}  // namespace holdfast::gateway
