// The one form that every dialect is read into and written from: N readers and N writers instead of
// N x N pairs. It holds what the dialects share; what only one of them knows travels beside it as
// an Extra, goes back to that dialect unchanged, and is refused or dropped by name anywhere else.
//
// Text is UTF-8, unescaped. A string_view points into the body that was read, or into the Arena
// beside it, so that large media are never copied; both outlive what is read from them.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::dialect {

// The languages that are read and written here. Each is a folder.
enum class Dialect : std::uint8_t { openai, openai_responses, anthropic, gemini, bedrock, cohere };
std::string_view to_string(Dialect dialect);

// Keeps what had to be made (unescaped strings, ids). Views into it stay valid when it is moved.
class Arena {
 public:
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  // Lets go of all of it; some memory stays for what comes next.
  void clear() { kept_.clear(); }

 private:
  std::deque<std::string> kept_;
};

// A number as the client spelled it: written again exactly so.
struct Number {
  std::string_view spelled;
  double value = 0;
};

// A field that only `from` knows.
struct Extra {
  Dialect from;
  std::string_view
      name;  // as its dialect spells it, with its path: "generationConfig.mediaResolution"
  std::string_view raw;  // its value, JSON
  // Whether the answer stays what was asked for without it (user, cache keys, tiers): dropped and
  // named, where others are refused.
  bool harmless = false;
};

struct Media {
  enum class From : std::uint8_t {
    base64,   // `data` is base64 text
    url,      // `data` is an https URL
    file_id,  // `data` names a file at `house`: worth nothing elsewhere
    text,     // `data` is plain text (documents)
  };
  From from = From::base64;
  std::string_view data;
  std::string_view media_type;  // "image/png"; empty: not said
};

// Who can read an opaque signature or an encrypted reasoning item: the owner of the model that made
// it ("anthropic", "google", "openai" ...). State is never sent to a foreign house.
struct Signature {
  std::string_view value;  // as that house wrote it; empty: none
  std::string_view house;  // empty: the house of the dialect that it came in
  // The model's own mark for encrypted state that is bound to an id (Responses: the item's id).
  std::string_view id;
};

// What backs a piece of an assistant's text. Dialects that cite whole blocks leave the piece out
// and cut the text where a piece begins or ends.
struct Citation {
  enum class Source : std::uint8_t {
    url,
    document,       // one that the request brought, or one of a store
    search_result,  // one that the request brought
    file,           // one of its house: worth nothing elsewhere
    native,         // known to its dialect alone: `raw`
  };
  enum class Unit : std::uint8_t { none, characters, pages, blocks };
  Source source = Source::url;
  // The piece of its block's text in characters (code points), `to` behind its last; -1: all of it.
  std::int64_t from = -1, to = -1;
  std::string_view url;  // search_result: its source as the request named it, often no address
  std::string_view title;
  std::string_view cited_text;  // of the source, not of the answer
  std::int64_t number = -1;     // of the document or result within the request; -1: not told
  // Where in the source, `last` behind its end; pages count from 1, the others from 0.
  Unit unit = Unit::none;
  std::int64_t first = -1, last = -1;
  std::string_view file_id;
  // As it came in `dialect`, and as it goes back there; empty: it was made of another dialect's.
  Dialect dialect = Dialect::openai;
  std::string_view raw;
};

enum class BlockKind : std::uint8_t {
  text,
  image,
  document,
  audio,
  video,
  tool_call,
  tool_result,
  thinking,           // what the model thought, with its signature
  redacted_thinking,  // the same, encrypted: only the signature
  refusal,
  native,  // known to one dialect alone (server tools, search results ...): `extra`
};

// One part of a message. Which fields mean something depends on `kind`.
struct Block {
  BlockKind kind = BlockKind::text;
  std::string_view text;    // text, thinking, refusal
  Media media;              // image, document, audio, video
  std::string_view detail;  // image: low, high, auto ...
  std::string_view name;    // tool_call, tool_result (may be empty): the tool; document: file name
  std::string_view id;      // tool_call, tool_result: pairs the two
  std::string_view arguments;  // tool_call: JSON text as the model wrote it; may be cut, or empty
  std::vector<Block> content;  // tool_result
  bool is_error = false;       // tool_result
  Signature signature;         // thinking, redacted_thinking; Gemini: on any kind
  std::vector<Citation> citations;  // text: of an assistant
  std::optional<bool> citable;      // document: whether answers are to cite places in it
  std::string_view context;         // document: what to know of it, which is not cited
  std::string_view cache_ttl;  // a cache mark behind this block: "5m", "1h", "30m"; empty: no mark
  Extra extra{};               // native
};

enum class Role : std::uint8_t {
  system,  // in mid-conversation; leading ones are Request::system
  user,
  assistant,
  tool,  // tool results alone; dialects that put them into a user message are split, and joined
         // again
};

struct Message {
  Role role = Role::user;
  std::string_view name;  // of the speaker; empty: none
  std::vector<Block> content;
};

struct Tool {
  std::string_view name, description;
  std::string_view schema;  // JSON schema of the parameters, raw; empty: none given
  std::optional<bool> strict;
  std::string_view cache_ttl;
  std::optional<Extra>
      native;  // a tool that only its dialect knows (hosted, custom): nothing else set
};

struct ToolChoice {
  enum class Mode : std::uint8_t { unset, automatic, required, none, named };
  Mode mode = Mode::unset;
  std::string_view name;                  // named
  std::vector<std::string_view> allowed;  // automatic, required: only these; empty: all

  // Whether, of `tools` tools, one certain one has to be called.
  bool names_one(std::size_t tools) const {
    return mode == Mode::named || (mode == Mode::required && tools == 1);
  }
};

// none < minimal < low < medium < high < xhigh < max
enum class Effort : std::uint8_t { unset, none, minimal, low, medium, high, xhigh, max };
std::string_view to_string(Effort effort);
Effort effort_from(std::string_view name);  // unset: no such effort

struct Reasoning {
  Effort effort = Effort::unset;
  std::optional<std::int64_t> budget_tokens;  // older models' way to say it; -1: as the model likes
  bool off = false;                           // explicitly no thinking
  bool adaptive = false;                      // the model decides how much
  std::optional<bool> show;                   // whether (summaries of) thoughts are to come back
  std::string_view summary;                   // Responses: auto, concise, detailed

  // How much is the model's to decide: said so, or thoughts are asked for and no more.
  bool as_it_likes() const { return adaptive || show == true; }
};

struct Format {
  enum class Kind : std::uint8_t { unset, text, json_object, json_schema };
  Kind kind = Kind::unset;
  std::string_view name, description;
  std::string_view schema;  // raw JSON
  std::optional<bool> strict;
};

// A conversation that asks for an answer.
struct Request {
  Dialect from = Dialect::openai;
  std::string_view model;  // as the client named it
  bool stream = false;
  std::vector<Block> system;  // leading system (or developer) texts, in order
  std::vector<Message> messages;
  std::vector<Tool> tools;
  ToolChoice tool_choice;
  std::optional<bool> parallel_tools;
  std::optional<std::int64_t> max_tokens;
  std::optional<Number> temperature, top_p, frequency_penalty, presence_penalty;
  std::optional<std::int64_t> top_k, n;
  std::optional<Number> seed;
  std::vector<std::string_view> stop;
  std::optional<bool> logprobs;
  std::optional<std::int64_t> top_logprobs;
  Format format;
  Reasoning reasoning;
  std::string_view verbosity;     // low, medium, high
  std::string_view user;          // the end user, as an opaque id
  std::string_view metadata;      // raw JSON object of strings; empty: none
  std::string_view service_tier;  // auto, default, flex, priority ... in OpenAI's words
  bool include_usage = false;     // OpenAI chat streams: the client asked for the usage chunk
  bool pad_stream = true;         // false: the client switched the padding of events off
  // The last message, the assistant's, is the beginning of the answer itself, in whatever dialect:
  // a writer has it gone on with, or loses it by name. False: it means what it means in `from`.
  bool begun = false;
  std::vector<Extra> extras;
  Arena arena;

  // Whether the last message is to be gone on with. OpenAI's dialects take it as history.
  bool goes_on() const {
    if (messages.empty() || messages.back().role != Role::assistant) return false;
    return begun || (from != Dialect::openai && from != Dialect::openai_responses);
  }
};

enum class FinishReason : std::uint8_t {
  none,  // not ended yet
  stop,
  stop_sequence,
  length,
  context_full,
  tool_calls,
  content_filter,
  paused,
  fault,  // the model itself failed (malformed call ...)
};
std::string_view to_string(FinishReason reason);

// Tokens; -1: not told.
struct Usage {
  std::int64_t tokens_in = -1;   // cached ones included, read and written
  std::int64_t tokens_out = -1;  // reasoning included
  std::int64_t tokens_cached = -1;
  std::int64_t tokens_cache_written = -1;
  std::int64_t tokens_reasoning = -1;
  std::int64_t tokens_cache_written_1h = -1;  // of those written, the ones kept for an hour
  std::int64_t tokens_audio_in = -1, tokens_audio_out = -1;  // of sound
  int continuations = 0;  // of this answer, each at another target; told beside the counts
  bool given() const { return tokens_in >= 0 || tokens_out >= 0; }
  // Takes over what `later` tells: counts in streams are cumulative.
  void update(const Usage& later);
};

struct Choice {
  std::int64_t index = 0;
  std::vector<Block> content;
  FinishReason finish = FinishReason::none;
  std::string_view stop_sequence;  // which one, where it is told
  std::string_view explanation;    // content_filter: why, where it is told
  std::string_view logprobs;       // raw JSON in OpenAI's chat shape; empty: none
};

// A whole answer.
struct Response {
  std::string_view id, model;
  std::int64_t created_s = 0;  // Unix time; 0: not told
  std::vector<Choice> choices;
  Usage usage;
  std::string_view service_tier;
  std::vector<Extra> extras;
  Arena arena;
};

enum class EventKind : std::uint8_t {
  start,        // id, model; once
  block_start,  // a block opens: block, block_kind; tool_call: id, name
  delta,        // a piece of it: text
  signature,    // of a thinking block (or, Gemini, of any): signature
  citation,     // of a text block, open or complete: citation
  block_stop,   // it is complete
  finish,       // a choice has ended: finish, stop_sequence, explanation
  usage,        // cumulative so far: usage
  ping,         // alive, nothing else
  error,        // the upstream gave up: error_*
  end,          // nothing more comes
};

// One step of a streamed answer. Readers open every block before its first delta, number the blocks
// of a choice from 0 in the order in which they open, and close all of them before `finish`; blocks
// of one choice may be open at the same time (parallel tool calls). Views are valid until the next
// feed.
struct StreamEvent {
  EventKind kind = EventKind::ping;
  std::uint32_t choice = 0;
  std::uint32_t block = 0;
  BlockKind block_kind = BlockKind::text;
  std::string_view text;  // delta: text, thinking, refusal, audio (base64) or a piece of arguments
  std::string_view id, name;  // start: of the answer (name: its model); block_start: of the call
  Signature signature;
  const Citation* citation = nullptr;  // its piece lies in the block's text, said or still to come
  FinishReason finish = FinishReason::none;
  std::string_view stop_sequence, explanation;
  std::string_view logprobs;  // of this delta; raw JSON in OpenAI's chat shape
  Usage usage;
  std::int64_t created_s = 0;  // start
  std::string_view error_message, error_type, error_code;
};

}  // namespace holdfast::dialect
