#include "dialect/multipart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "net/http_head.h"

namespace holdfast::dialect {
namespace {

using std::string_view;
constexpr string_view line_end = "\r\n";
constexpr string_view head_end = "\r\n\r\n";
constexpr std::size_t longest_boundary = 70;  // RFC 2046, 5.1.1

std::unexpected<RequestProblem> refuse(std::string message) {
  return std::unexpected(
      RequestProblem{400, "the form is refused: " + std::move(message), "invalid_form", {}});
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_token_character(char c) {
  return is_letter_or_digit(c) || (c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr);
}
bool is_boundary_character(char c) {
  return is_letter_or_digit(c) || (c != '\0' && std::strchr("'()+_,-./:=?", c) != nullptr);
}
bool is_name_character(char c) {
  return is_letter_or_digit(c) || (c != '\0' && std::strchr("_-.[]", c) != nullptr);
}

string_view trim(string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// "; name=value" by "; name=value" from the front of what follows a header's first word.
class Parameters {
 public:
  explicit Parameters(string_view rest) : rest_(trim(rest)) {}
  bool done() const { return rest_.empty(); }
  // False: it is malformed. A backslash within quotes is, since readers differ about it.
  bool next(string_view& name, string_view& value) {
    if (!take(';')) return false;
    rest_ = trim(rest_);
    name = take_token();
    if (name.empty() || !take('=')) return false;
    if (!take('"')) {
      value = take_token();
      rest_ = trim(rest_);
      return !value.empty();
    }
    const auto end = rest_.find_first_of("\"\\");
    if (end == string_view::npos || rest_[end] == '\\') return false;
    value = rest_.substr(0, end);
    rest_ = trim(rest_.substr(end + 1));
    return true;
  }

 private:
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  string_view take_token() {
    const auto end = std::ranges::find_if_not(rest_, is_token_character);
    const string_view token(rest_.begin(), end);
    rest_.remove_prefix(token.size());
    return token;
  }
  string_view rest_;
};

string_view first_word(string_view value) { return trim(value.substr(0, value.find(';'))); }
string_view after_first_word(string_view value) {
  return value.substr(std::min(value.find(';'), value.size()));
}

// The head of one part.
class HeadReader {
 public:
  explicit HeadReader(FormPart& part) : part_(part) {}

  // What is wrong with it; empty: nothing.
  std::string read(string_view head) {
    while (!head.empty()) {
      const auto end = std::min(head.find(line_end), head.size());
      std::string problem = line(head.substr(0, end));
      if (!problem.empty()) return problem;
      head.remove_prefix(std::min(end + line_end.size(), head.size()));
    }
    if (!seen_disposition_) return "has no Content-Disposition";
    if (length_ && *length_ != std::to_string(part_.value.size()))
      return "has a Content-Length that is not its length";
    return {};
  }

 private:
  std::string line(string_view text) {
    const bool control = std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; });
    const auto colon = text.find(':');
    const string_view name = text.substr(0, colon);
    if (control || colon == string_view::npos || name.empty() ||
        !std::ranges::all_of(name, is_token_character))
      return "has a malformed header line";
    const string_view value = trim(text.substr(colon + 1));
    if (net::same_name(name, "content-disposition")) return disposition(value);
    if (net::same_name(name, "content-type")) return media_type(value);
    if (net::same_name(name, "content-transfer-encoding")) return encoding(value);
    if (net::same_name(name, "content-length")) {
      if (length_) return "has two Content-Lengths";
      length_ = value;
    }
    return {};
  }

  std::string disposition(string_view value) {
    if (std::exchange(seen_disposition_, true)) return "has two Content-Dispositions";
    if (!net::same_name(first_word(value), "form-data"))
      return "has a Content-Disposition other than form-data";
    bool has_name = false, has_file = false, has_other_file = false;
    Parameters parameters(after_first_word(value));
    while (!parameters.done()) {
      string_view name, text;
      if (!parameters.next(name, text)) return "has a malformed Content-Disposition";
      bool twice = false;
      if (net::same_name(name, "name")) {
        twice = std::exchange(has_name, true);
        part_.name = text;
      } else if (net::same_name(name, "name*")) {
        return "has a name in another spelling (name*)";
      } else if (net::same_name(name, "filename")) {
        twice = std::exchange(has_file, true);
      } else if (net::same_name(name, "filename*")) {
        twice = std::exchange(has_other_file, true);
      }
      if (twice) return fmt::format("has its {} twice", name);
    }
    part_.is_file = has_file || has_other_file;
    const bool fits = !part_.name.empty() && part_.name.size() <= limits::form_name_bytes &&
                      std::ranges::all_of(part_.name, is_name_character);
    return fits ? std::string()
                : "has no name, or one of other characters than letters, digits and _-.[]";
  }

  std::string media_type(string_view value) {
    if (std::exchange(seen_type_, true)) return "has two Content-Types";
    const string_view type = first_word(value);
    constexpr string_view nested = "multipart/";
    if (net::same_name(type.substr(0, nested.size()), nested)) return "is a form in a form";
    bool has_charset = false;
    Parameters parameters(after_first_word(value));
    while (!parameters.done()) {
      string_view name, text;
      if (!parameters.next(name, text)) return "has a malformed Content-Type";
      if (!net::same_name(name, "charset")) continue;
      if (std::exchange(has_charset, true)) return "has its charset twice";
      part_.plain = net::same_name(text, "utf-8") || net::same_name(text, "us-ascii");
    }
    return {};
  }

  std::string encoding(string_view value) {
    if (std::exchange(seen_encoding_, true)) return "has two Content-Transfer-Encodings";
    for (const string_view as_it_is : {"7bit", "8bit", "binary"})
      if (net::same_name(value, as_it_is)) return {};
    return "is encoded: send its bytes as they are";
  }

  FormPart& part_;
  bool seen_disposition_ = false, seen_type_ = false, seen_encoding_ = false;
  std::optional<string_view> length_;
};

// The first `wanted` in `text` from `from` on. The C library's is several times as fast as
// string_view's in files of many megabytes.
std::size_t find_from(string_view text, string_view wanted, std::size_t from) {
  const void* at = ::memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  return at == nullptr ? string_view::npos
                       : static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

// What is wrong with the part whose bytes are `text`; empty: nothing.
std::string read_part(string_view text, FormPart& part) {
  if (text.starts_with(line_end)) return "has no Content-Disposition";
  const auto end = text.substr(0, limits::form_head_bytes).find(head_end);
  if (end == string_view::npos) return "has a head without an end, or a longer one than is taken";
  part.value = text.substr(end + head_end.size());
  return HeadReader(part).read(text.substr(0, end));
}

}  // namespace

bool is_form(string_view content_type) {
  return net::same_name(first_word(content_type), "multipart/form-data");
}

std::expected<string_view, RequestProblem> read_boundary(string_view content_type) {
  string_view boundary;
  Parameters parameters(after_first_word(content_type));
  while (!parameters.done()) {
    string_view name, value;
    if (!parameters.next(name, value)) return refuse("its Content-Type is malformed");
    if (!net::same_name(name, "boundary")) continue;
    if (!boundary.empty()) return refuse("its Content-Type names two boundaries");
    boundary = value;
    if (value.empty() || value.size() > longest_boundary ||
        !std::ranges::all_of(value, is_boundary_character))
      return refuse("its boundary is not 1 to 70 of the characters that a boundary may have");
  }
  if (boundary.empty()) return refuse("its Content-Type names no boundary");
  return boundary;
}

std::expected<std::vector<FormPart>, RequestProblem> read_form(string_view body,
                                                               string_view boundary) {
  const std::string delimiter = fmt::format("--{}", boundary);
  if (!body.starts_with(delimiter)) return refuse("it does not begin with its boundary");
  std::vector<FormPart> parts;
  std::size_t at = delimiter.size();
  while (!body.substr(at).starts_with("--")) {
    const std::size_t number = parts.size() + 1;
    if (number > limits::form_parts)
      return refuse(fmt::format("it has more than {} parts", limits::form_parts));
    if (!body.substr(at).starts_with(line_end))
      return refuse(fmt::format("the boundary before part {} is not a line of its own", number));
    FormPart part;
    part.begin = at + line_end.size();
    const std::size_t next = find_from(body, delimiter, part.begin);
    if (next == string_view::npos)
      return refuse(fmt::format("part {} has no end: the closing boundary is missing", number));
    if (next < part.begin + line_end.size() ||
        body.substr(next - line_end.size(), line_end.size()) != line_end)
      return refuse(fmt::format("the boundary stands within part {}", number));
    part.end = next - line_end.size();
    const std::string problem = read_part(body.substr(part.begin, part.end - part.begin), part);
    if (!problem.empty()) return refuse(fmt::format("part {} {}", number, problem));
    parts.push_back(part);
    at = next + delimiter.size();
  }
  const string_view behind = body.substr(at + 2);
  if (!behind.empty() && behind != line_end) return refuse("there is something behind its end");
  return parts;
}

std::string form_content_type(string_view boundary) {
  const bool token = std::ranges::all_of(boundary, is_token_character);
  return token ? fmt::format("multipart/form-data; boundary={}", boundary)
               : fmt::format("multipart/form-data; boundary=\"{}\"", boundary);
}

}  // namespace holdfast::dialect
