// Reads a request of OpenAI's dialect without taking it apart: one validating pass that finds the
// few fields by which the gateway decides, and the places where its permitted changes go.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/facts.h"
#include "dialect/wire_text.h"
#include "records/attempt.h"

namespace holdfast::dialect::openai {

using records::Endpoint;
// The path below a provider's base URL: "/chat/completions" ...
std::string_view path_of(Endpoint endpoint);

using dialect::RequestProblem;

// Bytes [begin, end) of the body.
struct Span {
  std::size_t begin = 0, end = 0;
};

// What an answer is made of that is no stream of events.
enum class AnswerForm : std::uint8_t {
  json,
  text,   // a transcript as text, srt or vtt
  bytes,  // sound, passed on as it comes
};

struct ScannedRequest {
  std::string_view body;  // the client's bytes; they outlive the scan
  Endpoint endpoint = Endpoint::chat_completions;
  std::string_view boundary;  // of a form; empty: the body is JSON
  AnswerForm answers = AnswerForm::json;
  std::string model;  // unescaped
  Span model_at;      // the value, quotes included, or the form's part; empty: the body has none
  bool stream = false;
  bool include_usage = false;  // the client itself asks for usage in the stream
  std::optional<Span> stream_options_at;
  bool stream_options_empty = true;  // null or {}
  std::optional<Span> include_usage_at;
  std::optional<Span> stop_at;
  bool stop_is_null = false, stop_is_array = false, stop_is_empty = false;
  std::size_t root_at = 0;     // right behind the opening brace
  std::uint32_t features = 0;  // bits of records::Feature
  // How much may be written: tokens of an answer (the newer field wins), answers. 0: not said.
  std::int64_t max_tokens = 0, n = 0;
  // Its messages are text, and it refers to nothing that is kept elsewhere: its bytes bound its
  // tokens.
  bool only_text = true;
};

// Whether a field of this name lets a caller send the request, and its credentials, elsewhere.
bool redirects_call(std::string_view key);

// Checks and reads `body`.
//   errors   what is wrong, for the client; the text names the field and never quotes a prompt
//   path_model   the model that the path names (Azure): then the body need not, and is not believed
std::expected<ScannedRequest, RequestProblem> scan_request(Endpoint endpoint, std::string_view body,
                                                           std::string_view path_model = {});

// The permitted changes.
struct Changes {
  std::string_view model;  // replaces the model
  bool ask_usage = false;  // streams: stream_options.include_usage becomes true
  const std::vector<std::string>* stop = nullptr;  // added to the client's own stop strings
};
// The body with the changes put in place; every other byte stays as it was.
class Splice {
 public:
  // `request` outlives it. Of a form only the model is changed.
  Splice(const ScannedRequest& request, const Changes& changes);
  std::size_t size() const { return size_; }  // of the changed body
  void append_to(std::string& out) const;
  void refer_to(WireText& out) const;  // the same without copying what is large of the client's

  struct Edit {
    Span at;           // of the client's body ...
    std::string text;  // ... becomes this
  };

 private:
  const ScannedRequest& request_;
  std::vector<Edit> edits_;  // in the order of their places
  std::size_t size_;
};
std::string splice(const ScannedRequest& request, const Changes& changes);

}  // namespace holdfast::dialect::openai
