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
#include "dialect/rerank.h"
#include "gateway/front.h"
#include "provider/adapter.h"

namespace holdfast::gateway {

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
  bool unsigned_calls = false;  // holds calls that nobody has signed, as other houses' are
};

// Checks and reads `body` for the route `into.front`; `head` is its request's.
//   errors   what is wrong, for the client
std::expected<void, dialect::RequestProblem> read_incoming(const net::RequestHead& head,
                                                           std::string_view body, Incoming& into);
// What it takes to ask in another dialect: the canonical form, read now if it has not been.
std::expected<void, dialect::RequestProblem> read_canonical_form(Incoming& incoming);
// What a path of Google's asks to be embedded.
dialect::gemini::Verb embed_verb(const Front& front);

// The codec for clients of `dialect`.
const dialect::Codec& client_codec(dialect::Dialect dialect);

}  // namespace holdfast::gateway
