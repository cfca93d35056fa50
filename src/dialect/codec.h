// What a dialect can do: its readers and writers, for both sides. A client that speaks it is read
// by `read_request` and answered by the writers; an upstream that speaks it gets `write_request`
// and is read by `read_answer` and `stream_reader`. Everything is pure: the same input gives the
// same bytes.
#pragma once
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dialect/canonical.h"
#include "dialect/facts.h"
#include "dialect/wire_text.h"

namespace holdfast::dialect {

// What of a request a target cannot express.
struct Loss {
  std::string field;      // as the client's dialect spells it
  std::string reason;     // "Anthropic has no seed"
  bool harmless = false;  // may be left out without asking; others only on routes with lossy: allow
};

// What a target's model takes, as far as it is known. The writer refuses the rest by name.
struct Abilities {
  std::string_view house;     // owner of the model: whose signatures and file ids it can read
  std::string_view signer;    // whose signatures it reads, where that is not the house
  std::string_view provider;  // the provider's name in the configuration, for messages
  bool sampling = true;       // temperature, top_p, top_k
  bool forced_tools = true;
  bool prefill = false;
  bool adaptive_thinking = false;
  bool image_urls = true;                  // else images must come inline
  std::int64_t max_output = 0;             // what the model can write at most; 0: not known
  std::int64_t default_max_tokens = 4096;  // where the dialect requires a limit and none is known
  bool signed_calls = false;               // refuses a call of this turn that it has not signed

  std::string_view signs_as() const { return signer.empty() ? house : signer; }
};

// A request as it goes to an upstream.
struct WireRequest {
  std::string path;  // below the base URL, percent-encoded, with its query: "/chat/completions"
  std::vector<std::pair<std::string, std::string>> headers;  // beyond those of every call
  WireText body;                                             // JSON
};

// How the client is to be answered.
struct AnswerContext {
  std::string_view request_id;
  std::string_view model;            // as the client named it
  std::int64_t now_s = 0;            // Unix time, for answers that do not say when they were made
  bool include_usage = false;        // OpenAI chat streams
  bool pad = true;                   // streams: hide the length of each event
  std::uint64_t pad_seed = 0;        // of the padding's random characters
  bool json_array = false;           // Gemini: a stream as one JSON array
  const Request* request = nullptr;  // what is answered, where the dialect echoes it
  // Of answers that can be asked for again (Responses).
  std::string_view answer_id{};    // empty: one is made of the request's id, and nothing is kept
  std::string_view previous_id{};  // what it goes on from, to be echoed; empty: nothing
};

// A failure to be told to a client.
struct ErrorReport {
  int status = 500;
  std::string_view message;
  std::string_view code;  // OpenAI's; others choose their type by class and status
  std::string_view param;
  FailureClass failure = FailureClass::none;  // none: the request itself is refused by the gateway
  std::string_view request_id;
};

// Reads one answer's stream; used by one coroutine at a time. Takes bytes split anywhere, even
// inside a UTF-8 sequence or a frame.
struct StreamReader {
  virtual ~StreamReader() = default;
  // Appends what `bytes` complete to `out`; views in them are valid until the next feed.
  //   errors   malformed_response: not to be fed again
  virtual Result<void> feed(std::string_view bytes, std::vector<StreamEvent>& out) = 0;
  // At the end of the body: an event without its closing blank line is dispatched.
  //   errors   malformed_response: cut off within an event
  virtual Result<void> finish(std::vector<StreamEvent>& out) = 0;
  // The body has broken off: tells a finish that has come, and was to wait for what may follow it.
  virtual void broke_off(std::vector<StreamEvent>& /*out*/) {}
};

// Writes one answer's stream in the client's framing, whole events at a time.
struct StreamWriter {
  virtual ~StreamWriter() = default;
  virtual void write(const StreamEvent& event, std::string& out) = 0;
  // Something harmless that keeps the connection alive.
  virtual void keep_alive(std::string& out) = 0;
  // The one event that ends a stream which broke. Nothing comes after it.
  virtual void error(const ErrorReport& report, std::string& out) = 0;
  // What must wait before it can be written has become more than limits::response_buffer_bytes:
  // the error stands in `out` already, and nothing more is worth reading.
  virtual bool gave_up() const { return false; }
  // Why nothing more of this answer is worth reading, for the operator; empty: it is.
  virtual std::string_view unusable() const { return {}; }
  // The same answer as it would have come whole, in dialects that say it at the end; else empty.
  virtual std::string_view whole() const { return {}; }
};

struct Codec {
  virtual ~Codec() = default;
  virtual Dialect dialect() const = 0;
  // The content type of this dialect's streams.
  virtual std::string_view stream_content_type(const AnswerContext& context) const = 0;

  // Clients. `path_model` and `path_stream` are what the path says, in dialects whose path says it.
  // The request's views point into `body`.
  virtual std::expected<Request, RequestProblem> read_request(std::string_view body,
                                                              std::string_view path_model,
                                                              bool path_stream) const = 0;
  virtual std::string write_answer(const Response& response,
                                   const AnswerContext& context) const = 0;
  virtual std::unique_ptr<StreamWriter> stream_writer(const AnswerContext& context) const = 0;
  virtual std::string write_error(const ErrorReport& report) const = 0;

  // Upstreams. Losses are appended; the caller decides what they mean. The text of the request's
  // body refers to `request`, and outlives neither it nor the client's body.
  //   errors   invalid_request: cannot be said at all (the detail names the field)
  virtual Result<WireRequest> write_request(const Request& request, std::string_view model,
                                            const Abilities& abilities,
                                            std::vector<Loss>& losses) const = 0;
  //   errors   malformed_response; upstream_unavailable: an error inside a 200
  virtual Result<Response> read_answer(std::string_view body) const = 0;
  virtual std::unique_ptr<StreamReader> stream_reader() const = 0;
  virtual ErrorFacts read_error(int status, std::string_view body) const = 0;

  // Bytes that pass through unchanged, since both sides speak this dialect.
  virtual AnswerFacts scan_answer(std::string_view body) const;
};

// What events tell of a stream that passes through.
Sight sight_of(std::span<const StreamEvent> events);

// The envelope in which a signature of one house travels through a client of another dialect, so
// that it finds back: "hf1:" HOUSE ":" ID ":" VALUE.
std::string wrap_signature(const Signature& signature);
// Nothing when `text` is not such an envelope: then it is the dialect's own.
std::optional<Signature> unwrap_signature(std::string_view text);
// Whether a string of the JSON text `json` may be an envelope: it begins as one does.
bool mentions_signature(std::string_view json);

}  // namespace holdfast::dialect
