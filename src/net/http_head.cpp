#include "net/http_head.h"

#include <array>
#include <cstring>

#include "base/limits.h"

namespace holdfast::net {
namespace {

constexpr std::size_t chunk_line_bytes = 256;  // a chunk's size line, extensions included
constexpr std::size_t trailer_limit_bytes = 8'192;
constexpr std::size_t method_bytes = 32;

constexpr std::array<bool, 256> make_table(std::string_view extra) {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : extra) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto token_char = make_table("!#$%&'*+-.^_`|~");     // RFC 9110 5.6.2
constexpr auto host_char = make_table("-._~!$&'()*+,;=%:[]");  // RFC 3986 3.2.2, with port
constexpr auto target_char = make_table("-._~!$&'()*+,;=%:@/?[]|{}\"<>\\^`");  // no '#', no space

bool all_of(std::string_view text, const std::array<bool, 256>& table) {
  for (const char c : text)
    if (!table[static_cast<unsigned char>(c)]) return false;
  return true;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::unexpected<HeadProblem> problem(int status, std::string detail) {
  return std::unexpected(HeadProblem{status, std::move(detail)});
}

// Field values hold visible characters, obs-text, spaces and tabs; no other control character.
bool value_ok(std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return false;
  }
  return true;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Reads one field line, without its line end.
std::expected<HeaderField, HeadProblem> read_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t')
    return problem(400, "a header line starts with white space (folded headers are refused)");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return problem(400, "a header line has no colon");
  const auto name = line.substr(0, colon);
  if (name.empty()) return problem(400, "a header has an empty name");
  if (!all_of(name, token_char))
    return problem(400, "a header name has a character that is not allowed");
  const auto value = trim(line.substr(colon + 1));
  if (!value_ok(value)) return problem(400, "a header value has a control character");
  return HeaderField{name, value};
}

// Splits the lines behind the start line into fields.
std::expected<HeaderFields, HeadProblem> read_fields(std::string_view lines) {
  HeaderFields headers;
  headers.fields.reserve(16);
  while (true) {
    const auto end = lines.find("\r\n");
    if (end == std::string_view::npos) return problem(400, "the head is cut off");
    const auto line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    if (line.empty()) break;
    if (headers.fields.size() == limits::header_count) return problem(431, "more than 100 headers");
    auto field = read_field(line);
    if (!field) return std::unexpected(std::move(field).error());
    headers.fields.push_back(*field);
  }
  if (!lines.empty()) return problem(400, "bytes behind the empty line");
  return headers;
}

struct Framing {
  BodyFraming framing = BodyFraming::none;
  std::uint64_t length = 0;
  bool keep_alive = true;
};

std::optional<std::uint64_t> read_length(std::string_view text) {
  if (text.empty() || text.size() > 18 || (text.size() > 1 && text.front() == '0'))
    return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

// Whether the comma-separated list `value` names `token`.
bool lists(std::string_view value, std::string_view token) {
  while (!value.empty()) {
    const auto comma = value.find(',');
    if (same_name(trim(value.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) break;
    value.remove_prefix(comma + 1);
  }
  return false;
}

std::expected<Framing, HeadProblem> read_framing(const HeaderFields& headers, int minor_version) {
  Framing out;
  out.keep_alive = minor_version >= 1;
  bool has_length = false;
  for (const auto& [name, value] : headers.fields) {
    if (name.size() == 14 && same_name(name, "content-length")) {
      if (has_length) return problem(400, "two Content-Length headers");
      const auto length = read_length(value);
      if (!length) return problem(400, "Content-Length is not a plain number");
      has_length = true;
      if (out.framing == BodyFraming::chunked)
        return problem(400, "both Content-Length and Transfer-Encoding");
      out.framing = BodyFraming::length;
      out.length = *length;
    } else if (name.size() == 17 && same_name(name, "transfer-encoding")) {
      if (out.framing == BodyFraming::chunked) return problem(400, "two Transfer-Encoding headers");
      if (has_length) return problem(400, "both Content-Length and Transfer-Encoding");
      if (!same_name(value, "chunked"))
        return problem(501, "Transfer-Encoding is not exactly \"chunked\"");
      if (minor_version == 0) return problem(400, "Transfer-Encoding in HTTP/1.0");
      out.framing = BodyFraming::chunked;
    } else if (name.size() == 10 && same_name(name, "connection")) {
      if (lists(value, "close"))
        out.keep_alive = false;
      else if (minor_version == 0 && lists(value, "keep-alive"))
        out.keep_alive = true;
    }
  }
  return out;
}

std::expected<Method, HeadProblem> read_method(std::string_view text) {
  if (text.empty() || text.size() > method_bytes || !all_of(text, token_char))
    return problem(400, "the method is not a valid token");
  if (text == "POST") return Method::post;
  if (text == "GET") return Method::get;
  if (text == "HEAD") return Method::head;
  if (text == "OPTIONS") return Method::options;
  if (text == "PUT") return Method::put;
  if (text == "PATCH") return Method::patch;
  if (text == "DELETE") return Method::del;
  if (text == "CONNECT" || text == "TRACE")
    return problem(405, "this server is not a proxy: CONNECT and TRACE are refused");
  return problem(501, "unknown method");
}

// "HTTP/1.0" or "HTTP/1.1" gives 0 or 1.
std::expected<int, HeadProblem> read_version(std::string_view text) {
  if (text == "HTTP/1.1") return 1;
  if (text == "HTTP/1.0") return 0;
  if (text.size() >= 8 && text.starts_with("HTTP/") && text[5] >= '0' && text[5] <= '9' &&
      text[6] == '.')
    return problem(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  return problem(400, "the HTTP version is malformed");
}

bool host_ok(std::string_view host) {
  if (host.empty() || !all_of(host, host_char)) return false;
  const auto bracket = host.find(']');
  std::string_view rest = host;
  if (host.front() == '[') {
    if (bracket == std::string_view::npos) return false;
    rest = host.substr(bracket + 1);
    if (!rest.empty() && rest.front() != ':') return false;
  } else if (host.find_first_of("[]") != std::string_view::npos) {
    return false;
  }
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos) return true;
  const auto port = rest.substr(colon + 1);
  if (colon == 0 && host.front() != '[') return false;
  return port.size() <= 5 && port.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

std::optional<std::string_view> HeaderFields::find(std::string_view name) const {
  for (const auto& field : fields)
    if (same_name(field.name, name)) return field.value;
  return std::nullopt;
}

std::expected<std::optional<std::size_t>, HeadProblem> find_head_end(std::string_view buffer,
                                                                     bool request) {
  const auto first_line = buffer.find('\n');
  if (request && (first_line == std::string_view::npos ? buffer.size() : first_line) >
                     limits::request_line_bytes)
    return problem(414, "the request line is longer than 8 KiB");
  const auto end = buffer.find("\r\n\r\n");
  const auto window = buffer.substr(0, end);
  if (const auto bare = window.find("\n\n"); bare != std::string_view::npos)
    return problem(400, "a line ends in a bare LF");
  if (end == std::string_view::npos) {
    if (buffer.size() > limits::header_block_bytes)
      return problem(431, "the headers are larger than 64 KiB");
    return std::nullopt;
  }
  if (end + 4 > limits::header_block_bytes)
    return problem(431, "the headers are larger than 64 KiB");
  return end + 4;
}

std::expected<RequestHead, HeadProblem> read_request_head(std::string_view block) {
  const auto line_end = block.find("\r\n");
  if (line_end == std::string_view::npos) return problem(400, "the head is cut off");
  const auto line = block.substr(0, line_end);
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return problem(400, "the request line is not METHOD TARGET VERSION");
  RequestHead head;
  auto method = read_method(line.substr(0, first));
  if (!method && method.error().status == 400) return std::unexpected(std::move(method).error());
  auto version = read_version(line.substr(last + 1));
  if (!version) return std::unexpected(std::move(version).error());
  if (!method) return std::unexpected(std::move(method).error());
  head.method = *method;
  head.minor_version = *version;
  head.target = line.substr(first + 1, last - first - 1);
  if (head.target.empty() || !all_of(head.target, target_char))
    return problem(400, "the request target has a character that is not allowed");

  auto headers = read_fields(block.substr(line_end + 2));
  if (!headers) return std::unexpected(std::move(headers).error());
  head.headers = std::move(*headers);

  bool has_host = false;
  for (const auto& [name, value] : head.headers.fields) {
    if (same_name(name, "host")) {
      if (has_host) return problem(400, "two Host headers");
      if (!host_ok(value)) return problem(400, "the Host header is malformed");
      has_host = true;
      head.host = value;
    } else if (same_name(name, "expect")) {
      if (!same_name(value, "100-continue")) return problem(417, "unknown expectation");
      head.expect_continue = head.minor_version >= 1;
    } else if (same_name(name, "upgrade")) {
      return problem(426, "protocol upgrades are refused: send plain HTTP/1.1");
    }
  }
  if (!has_host && head.minor_version >= 1) return problem(400, "no Host header");

  if (head.target != "*" && head.target.front() != '/') {  // absolute-form: only for this very host
    const auto scheme = head.target.find("://");
    if (scheme == std::string_view::npos || !same_name(head.target.substr(0, scheme), "http"))
      return problem(400, "the request target must begin with a slash");
    const auto rest = head.target.substr(scheme + 3);
    const auto slash = rest.find_first_of("/?");
    if (!same_name(rest.substr(0, slash), head.host))
      return problem(400, "the request target names another host than the Host header");
    head.target = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
    if (head.target.front() != '/') return problem(400, "the request target has no path");
  } else if (head.target == "*" && head.method != Method::options) {
    return problem(400, "the target * is for OPTIONS alone");
  }

  auto framing = read_framing(head.headers, head.minor_version);
  if (!framing) return std::unexpected(std::move(framing).error());
  head.framing = framing->framing;
  head.content_length = framing->length;
  head.keep_alive = framing->keep_alive;
  if (head.framing == BodyFraming::length && head.content_length == 0)
    head.framing = BodyFraming::none;
  return head;
}

std::expected<ResponseHead, HeadProblem> read_response_head(std::string_view block) {
  const auto line_end = block.find("\r\n");
  if (line_end == std::string_view::npos) return problem(400, "the head is cut off");
  const auto line = block.substr(0, line_end);
  ResponseHead head;
  if (line.size() < 12 || line[8] != ' ') return problem(400, "the status line is malformed");
  auto version = read_version(line.substr(0, 8));
  if (!version) return std::unexpected(std::move(version).error());
  for (std::size_t i = 9; i < 12; ++i) {
    if (line[i] < '0' || line[i] > '9') return problem(400, "the status is not three digits");
    head.status = head.status * 10 + (line[i] - '0');
  }
  if (head.status < 100 || head.status > 599) return problem(400, "the status is out of range");
  if (line.size() > 12 && line[12] != ' ') return problem(400, "the status line is malformed");
  if (!value_ok(line)) return problem(400, "the status line has a control character");

  auto headers = read_fields(block.substr(line_end + 2));
  if (!headers) return std::unexpected(std::move(headers).error());
  head.headers = std::move(*headers);
  auto framing = read_framing(head.headers, *version);
  if (!framing) return std::unexpected(std::move(framing).error());
  head.framing = framing->framing;
  head.content_length = framing->length;
  head.keep_alive = framing->keep_alive;
  const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304;
  const bool empty = head.framing == BodyFraming::length && head.content_length == 0;
  if (bodiless || empty) {
    head.framing = BodyFraming::none;
  } else if (head.framing == BodyFraming::none) {
    head.framing = BodyFraming::until_close;
    head.keep_alive = false;
  }
  return head;
}

namespace {
// The size that a chunk's first line, without its line end, announces.
std::optional<std::uint64_t> read_chunk_size(std::string_view line) {
  std::uint64_t size = 0;
  std::size_t digits = 0;
  for (; digits < line.size(); ++digits) {
    const char c = lower(line[digits]);
    int value = 0;
    if (c >= '0' && c <= '9')
      value = c - '0';
    else if (c >= 'a' && c <= 'f')
      value = c - 'a' + 10;
    else
      break;
    if (digits == 16) return std::nullopt;
    size = (size << 4U) | static_cast<std::uint64_t>(value);
  }
  if (digits == 0) return std::nullopt;
  const auto extension = line.substr(digits);
  if (!extension.empty() && extension.front() != ';') return std::nullopt;
  if (!value_ok(extension)) return std::nullopt;
  return size;
}
}  // namespace

std::expected<std::string_view, HeadProblem> ChunkedDecoder::next(std::string_view& input) {
  while (!input.empty() && state_ != State::done) {
    if (state_ == State::data) {
      const auto piece =
          input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
      input.remove_prefix(piece.size());
      left_ -= piece.size();
      if (left_ == 0) state_ = State::data_end;
      return piece;
    }
    // All other states read a line that ends in CR LF.
    const auto newline = input.find('\n');
    const auto take = newline == std::string_view::npos ? input.size() : newline + 1;
    std::string_view line = input.substr(0, take);
    const bool whole = newline != std::string_view::npos;
    if (!line_.empty() || !whole) {
      if (line_.size() + line.size() > std::max(chunk_line_bytes, trailer_limit_bytes))
        return problem(400, "a chunk's line is too long");
      line_.append(line);
      line = line_;
    }
    input.remove_prefix(take);
    if (!whole) break;
    if (line.size() < 2 || line[line.size() - 2] != '\r')
      return problem(400, "a line of the chunked body ends in a bare LF");
    line.remove_suffix(2);

    if (state_ == State::data_end) {
      if (!line.empty()) return problem(400, "a chunk is longer than its size");
      state_ = State::size_line;
    } else if (state_ == State::size_line) {
      const auto size = line.size() <= chunk_line_bytes ? read_chunk_size(line) : std::nullopt;
      if (!size) return problem(400, "a chunk's size line is malformed");
      left_ = *size;
      state_ = *size == 0 ? State::trailer : State::data;
    } else {
      trailer_bytes_ += line.size() + 2;
      if (trailer_bytes_ > trailer_limit_bytes) return problem(431, "the trailers are too large");
      if (line.empty()) {
        state_ = State::done;
      } else if (auto field = read_field(line); !field) {
        return std::unexpected(std::move(field).error());
      }
    }
    line_.clear();
  }
  return std::string_view{};
}

}  // namespace holdfast::net
