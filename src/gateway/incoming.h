// What a client asks, in whatever dialect: the few facts that the gateway decides by, the bytes
// that may pass through, and the canonical request, which is read when somebody needs it.
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "dialect/codec.h"
#include "dialect/embedding.h"
#include "dialect/gemini/codec.h"
#include "dialect/json_document.h"
#include "dialect/openai/request.h"
#include "dialect/openai_responses/codec.h"
#include "dialect/rerank.h"
#include "gateway/front.h"
#include "provider/adapter.h"
#include "responses/entry.h"

namespace holdfast::gateway {

// Of a request for a response: what it says about state, and what is known of that here.
struct KeptState {
  dialect::openai_responses::StateFields said;
  std::string_view input;  // as it stands in the body; empty: there is none
  std::string answer_id;   // under which the answer is kept, if it is made here; empty: it is not
  responses::Chain chain;  // the conversation that the canonical request goes on from
  bool recalled = false;   // it does, and refers to the texts of `chain`
  std::string kept_by;     // the provider that can go on from the id itself; empty: nobody
};

struct Incoming {
  Front front;
  std::string_view body;  // the client's; empty until it has been read
  std::string model;      // as the client names it
  bool stream = false;
  std::uint32_t features = 0;                      // bits of records::Feature
  dialect::openai::ScannedRequest scanned;         // OpenAI's own endpoints
  provider::Passed passed;                         // the other dialects
  std::unique_ptr<dialect::Request> canonical;     // null until read
  std::unique_ptr<dialect::EmbedRequest> embed;    // instead, for vectors: null until read
  std::unique_ptr<dialect::RerankRequest> rerank;  // likewise, for reranking
  bool foreign_state = false;   // holds another house's state: never passed on as it is
  KeptState kept;               // Responses
  bool unsigned_calls = false;  // holds calls that nobody has signed, as other houses' are
};

// Checks and reads `body` for the route `into.front`; `head` is its request's.
//   errors   what is wrong, for the client
std::expected<void, dialect::RequestProblem> read_incoming(const net::RequestHead& head,
                                                           std::string_view body, Incoming& into);
// What it takes to ask in another dialect: the canonical form, read now if it has not been.
std::expected<void, dialect::RequestProblem> read_canonical_form(Incoming& incoming);
// `request` in place of the canonical form that was read: it says more.
void use_canonical(Incoming& incoming, dialect::Request request);
// What a path of Google's asks to be embedded.
dialect::gemini::Verb embed_verb(const Front& front);

// The codec for clients of `dialect`.
const dialect::Codec& client_codec(dialect::Dialect dialect);

}  // namespace holdfast::gateway
