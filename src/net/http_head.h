// Reads the head of an HTTP/1.1 message strictly: what two parsers could read in two ways is
// refused (RFC 9112; why this is not left to a lenient library:
// docs/adr/0003-one-strict-http-reader.md). Pure: the same bytes give the same answer. Views point
// into the block that was passed in.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::net {

struct HeaderField {
  std::string_view name;   // as sent
  std::string_view value;  // without the white space around it
};

// Whether two header names (or tokens) are equal but for the case of ASCII letters.
bool same_name(std::string_view a, std::string_view b);

struct HeaderFields {
  std::vector<HeaderField> fields;
  // The value of the first field called `name`; nothing when there is none.
  std::optional<std::string_view> find(std::string_view name) const;
};

enum class Method : std::uint8_t { get, head, post, put, patch, del, options };

enum class BodyFraming : std::uint8_t { none, length, chunked, until_close };

struct RequestHead {
  Method method = Method::get;
  std::string_view target;  // origin-form, path and query, as sent; "*" for OPTIONS alone
  int minor_version = 1;    // HTTP/1.0 or 1.1
  HeaderFields headers;
  std::string_view host;  // empty for HTTP/1.0 without one
  BodyFraming framing = BodyFraming::none;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expect_continue = false;

  std::string_view path() const { return target.substr(0, target.find('?')); }
  std::string_view query() const {
    const auto at = target.find('?');
    return at == std::string_view::npos ? std::string_view{} : target.substr(at + 1);
  }
};

struct ResponseHead {
  int status = 0;  // 100..599
  HeaderFields headers;
  BodyFraming framing = BodyFraming::none;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
};

struct HeadProblem {
  int status;          // what a client is answered: 400, 405, 414, 417, 426, 431, 501, 505
  std::string detail;  // names the thing that is wrong; never the value of a header
};

// Where the head of the message at the front of `buffer` ends (behind the empty line).
//   nothing   when more bytes are needed
//   errors    a bare LF, or a head beyond limits::header_block_bytes or request_line_bytes
std::expected<std::optional<std::size_t>, HeadProblem> find_head_end(std::string_view buffer,
                                                                     bool request);

// Reads a whole head, empty line included, as find_head_end delimits it.
std::expected<RequestHead, HeadProblem> read_request_head(std::string_view block);
std::expected<ResponseHead, HeadProblem> read_response_head(std::string_view block);

// Decodes a chunked body as strictly: chunk sizes of 1 to 16 hexadecimal digits, CR LF line ends,
// extensions without control characters, trailers checked and dropped.
class ChunkedDecoder {
 public:
  // Takes bytes off the front of `input` and returns the next piece of the body, a view into
  // `input`; empty when `input` is used up or the body has ended.
  std::expected<std::string_view, HeadProblem> next(std::string_view& input);
  bool done() const { return state_ == State::done; }

 private:
  enum class State : std::uint8_t { size_line, data, data_end, trailer, done };
  State state_ = State::size_line;
  std::uint64_t left_ = 0;  // bytes of the chunk still to come
  std::size_t trailer_bytes_ = 0;
  std::string line_;  // a size or trailer line that came in pieces
};

}  // namespace holdfast::net
