// One upstream's way of being called. Pure: no sockets, clock or locks; the same input gives the
// same bytes. Const after construction, so that all threads share it.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/codec.h"
#include "dialect/embedding.h"
#include "dialect/openai/answer.h"
#include "dialect/openai/request.h"
#include "net/http_head.h"
#include "net/sigv4.h"
#include "provider/rate_limit.h"
#include "provider/settings.h"

namespace holdfast::provider {

using records::Endpoint;

// Where a call goes and what it proves itself with; both may be known only when it is made (local
// engines, short-lived tokens).
struct Destination {
  std::string_view authority;               // the value of Host
  std::string_view path;                    // of the base URL, without a trailing slash
  std::string_view key;                     // API key or bearer token; empty: none
  const net::AwsCredential* aws = nullptr;  // signs instead of `key`; null: none
  std::int64_t now_us = 0;                  // wall time
  std::string_view attempt_id;  // sent as x-request-id, so that both sides' records can be matched
};

// A client's bytes that go on in its own dialect, but for the model's name.
struct Passed {
  Endpoint endpoint = Endpoint::chat_completions;
  std::string_view body;
  dialect::openai::Span model_at;  // the value in the body, quotes included; empty: it is not there
  bool stream = false;
  std::string_view verb;   // of dialects whose path has one: "streamGenerateContent", "converse"
  std::string_view query;  // what may go on of the client's query: "beta=true"
  std::vector<std::pair<std::string, std::string>> headers;  // likewise: "anthropic-version" ...
  std::vector<dialect::openai::Span> resources_at;           // of values "models/NAME"
};

// A whole HTTP request in parts that go out one after the other.
struct Outgoing {
  std::string head;
  dialect::WireText body;
};

struct Adapter {
  virtual ~Adapter() = default;

  // The dialect that it speaks.
  virtual const dialect::Codec& codec() const = 0;
  // Whether a client of `dialect` can be served at `endpoint` by passing its bytes on.
  virtual bool passes(dialect::Dialect dialect, Endpoint endpoint) const = 0;
  // What `model` takes, as far as it is known.
  virtual dialect::Abilities abilities(std::string_view model) const = 0;
  // Stop strings that every request to it needs (local base models).
  virtual const std::vector<std::string>& extra_stop() const;

  // The request of a client of OpenAI's dialect, in one piece unless it is large: the way of most
  // requests.
  virtual Outgoing splice(const dialect::openai::ScannedRequest& request, std::string_view model,
                          const Destination& destination) const;
  // Whether the usage in the stream was asked for by us and not by the client.
  virtual bool asks_usage(const dialect::openai::ScannedRequest& /*request*/) const {
    return false;
  }
  // A client's bytes in any other dialect that it speaks.
  virtual Outgoing pass(const Passed& request, std::string_view model,
                        const Destination& destination) const = 0;
  // A translated request.
  virtual Outgoing send(dialect::WireRequest request, std::string_view model, bool stream,
                        const Destination& destination) const = 0;
  // A request for vectors in its own words.
  //   errors   invalid_request: cannot be said at all (the detail names the field);
  //            configuration: it makes no vectors
  virtual Result<dialect::WireRequest> write_embed(const dialect::EmbedRequest& request,
                                                   std::string_view model,
                                                   std::vector<dialect::Loss>& losses) const;
  // What it answers to that. Views point into `body`.
  //   errors   malformed_response; upstream_unavailable: an error inside a 200
  virtual Result<dialect::EmbedResponse> read_embed(std::string_view body) const;
  // Whether it takes /rerank below its base URL, in the shape of Cohere and Jina.
  virtual bool reranks() const { return false; }
  // Whether an answer that goes on with a begun one begins with all of it.
  virtual bool says_beginnings_again() const { return false; }
  // The head of a request for its list of models, which costs nothing and needs the key; empty:
  // there is no such list.
  virtual std::string list_models(const Destination& /*destination*/) const { return {}; }
  // Whether `destination` has what it needs to prove itself; else why not, for the operator.
  virtual std::string_view lacks(const Destination& /*destination*/) const { return {}; }

  // What passes through: a whole answer with status 200, and the data of one event of a stream.
  virtual dialect::AnswerFacts scan_answer(Endpoint endpoint, std::string_view body) const;
  virtual dialect::Sight scan_event(std::string_view data) const;
  virtual dialect::ErrorFacts classify_error(int status, const net::HeaderFields& headers,
                                             std::string_view body) const;
  // What an answer's headers tell of the limits of the gateway's account; nothing unless the
  // provider has such headers.
  virtual RateLimitFacts read_rate_limits(const net::HeaderFields& /*headers*/,
                                          std::int64_t /*now_us*/) const {
    return {};
  }
  // The names of the header that identifies its answer.
  virtual std::string_view request_id_header() const { return "x-request-id"; }
  // The name of the header that tells the tokens of a request; empty: there is none.
  virtual std::string_view tokens_in_header() const { return {}; }
};

// A POST of JSON to `path` below the base URL.
//   authorization   header lines, each ended by CR LF
Outgoing post(const Destination& destination, std::string_view path, dialect::WireText body,
              std::string_view accept, std::string_view authorization);
// The head of a GET; the same otherwise.
std::string get(const Destination& destination, std::string_view path,
                std::string_view authorization);
// What is asked for: server-sent events, or a whole answer.
std::string_view accepted(bool stream);
// The header line of a bearer token; empty: the destination has no key.
std::string bearer(const Destination& destination);
// The body with its model replaced wherever it stands.
dialect::WireText with_model(const Passed& request, std::string_view model);

// How long the upstream asks to be left alone: retry-after-ms, retry-after (seconds, fractions, or
// an HTTP date held against `now_us`), or "try again in 20s" in the body (wire format notes of
// OpenAI, Azure and Groq, read 2026-11). At least 100 ms, at most one hour; nothing when it does
// not say, or says nonsense.
std::optional<std::chrono::milliseconds> read_retry_after(const net::HeaderFields& headers,
                                                          std::string_view body,
                                                          std::int64_t now_us);

}  // namespace holdfast::provider
