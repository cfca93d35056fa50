#include "dialect/json_scan.h"

#include <emmintrin.h>
#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <bit>

namespace holdfast::dialect {
namespace {

struct Frame {  // set when a container opens: 64 of them are not worth clearing for every event
  bool is_object;
  JsonTag tag;
  std::uint64_t seen;  // tags of the members met so far
  std::size_t begin;
};

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xc0 | (code >> 6)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | (code >> 12)));
    out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xf0 | (code >> 18)));
    out.push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The four hexadecimal digits at `at`; -1 when they are not there.
std::int32_t read_hex4(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return -1;
  std::int32_t code = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const int digit = hex_value(text[at + i]);
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}

bool is_high_surrogate(std::int32_t code) { return code >= 0xd800 && code <= 0xdbff; }
bool is_low_surrogate(std::int32_t code) { return code >= 0xdc00 && code <= 0xdfff; }

// A quote, a backslash or a control character: where a run of plain characters in a string ends.
bool is_special(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

// Which of the 16 characters at `at` are special.
__m128i specials(const char* at) {
  const __m128i chunk = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i last_control = _mm_set1_epi8(0x1f);
  return _mm_cmpeq_epi8(chunk, _mm_set1_epi8('"')) | _mm_cmpeq_epi8(chunk, _mm_set1_epi8('\\')) |
         _mm_cmpeq_epi8(_mm_min_epu8(chunk, last_control), chunk);
}

unsigned mask_of(__m128i chosen) { return static_cast<unsigned>(_mm_movemask_epi8(chosen)); }

class Scanner {
 public:
  Scanner(std::string_view text, JsonVisitor& visitor, const JsonScanOptions& options)
      : text_(text), visitor_(visitor), options_(options) {}

  bool run() {
    skip_space();
    if (!read_value(root_tag)) return false;
    while (depth_ > 0)
      if (!step()) return false;
    skip_space();
    if (at_ != text_.size()) return refuse("text behind the end of the document");
    return true;
  }

  JsonError error() && { return {at_, std::move(message_)}; }

 private:
  bool refuse(std::string message) {
    message_ = std::move(message);
    return false;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') break;
      ++at_;
    }
  }

  // Goes on within the innermost container.
  bool step() {
    Frame& frame = frames_[depth_ - 1];
    skip_space();
    const char close = frame.is_object ? '}' : ']';
    if (peek() == close) {
      ++at_;
      const Frame done = frame;
      --depth_;
      fresh_ = false;
      if (done.tag != no_tag)
        visitor_.value(done.tag, done.is_object ? JsonKind::object : JsonKind::array, done.begin,
                       at_);
      return true;
    }
    if (!fresh_) {
      if (peek() != ',') return refuse(frame.is_object ? "expected , or }" : "expected , or ]");
      ++at_;
      skip_space();
    }
    fresh_ = false;
    if (!frame.is_object)
      return read_value(frame.tag == no_tag ? no_tag : visitor_.element(frame.tag));
    JsonTag tag = no_tag;
    if (!read_key(frame, tag)) return false;
    skip_space();
    if (peek() != ':') return refuse("expected : behind the member's name");
    ++at_;
    skip_space();
    return read_value(tag);
  }

  bool read_key(Frame& frame, JsonTag& tag) {
    if (peek() != '"') return refuse("expected a member's name in double quotes");
    const std::size_t begin = at_;
    bool escaped = false;
    if (!read_string(escaped)) return false;
    if (frame.tag == no_tag) return true;
    const std::string_view quoted = text_.substr(begin, at_ - begin);
    if (escaped)
      tag = visitor_.member(frame.tag, unescape_json_string(quoted));
    else
      tag = visitor_.member(frame.tag, quoted.substr(1, quoted.size() - 2));
    if (tag == no_tag) return true;
    const std::uint64_t bit = std::uint64_t{1} << tag;
    if ((frame.seen & bit) != 0) {
      const std::string name = unescape_json_string(quoted);
      at_ = begin;
      return refuse(fmt::format("\"{}\" is given twice", name.substr(0, 64)));
    }
    frame.seen |= bit;
    return true;
  }

  bool read_value(JsonTag tag) {
    if (++nodes_ > options_.max_nodes)
      return refuse(fmt::format("more than {} values", options_.max_nodes));
    const std::size_t begin = at_;
    const char c = peek();
    JsonKind kind = JsonKind::null;
    if (c == '{' || c == '[') return open(tag, c == '{');
    if (c == '"') {
      bool escaped = false;
      if (!read_string(escaped)) return false;
      kind = JsonKind::string;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      if (!read_number()) return false;
      kind = JsonKind::number;
    } else if ((c == 't' && read_word("true")) || (c == 'f' && read_word("false"))) {
      kind = JsonKind::boolean;
    } else if (c != 'n' || !read_word("null")) {
      return refuse(at_ == text_.size() ? "the text ends within a value" : "expected a value");
    }
    if (tag != no_tag) visitor_.value(tag, kind, begin, at_);
    return true;
  }

  bool open(JsonTag tag, bool is_object) {
    if (depth_ == options_.max_depth || depth_ == frames_.size())
      return refuse(fmt::format("nested deeper than {} levels", options_.max_depth));
    frames_[depth_++] = Frame{is_object, tag, 0, at_};
    if (tag != no_tag) visitor_.begin(tag, is_object ? JsonKind::object : JsonKind::array, at_);
    ++at_;
    fresh_ = true;
    return true;
  }

  bool read_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool digit() const { return peek() >= '0' && peek() <= '9'; }

  bool read_number() {
    if (peek() == '-') ++at_;
    if (!digit()) return refuse("expected a digit");
    if (peek() == '0')
      ++at_;
    else
      while (digit()) ++at_;
    if (digit()) return refuse("a number must not begin with 0");
    if (peek() == '.') {
      ++at_;
      if (!digit()) return refuse("expected a digit behind the decimal point");
      while (digit()) ++at_;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digit()) return refuse("expected a digit in the exponent");
      while (digit()) ++at_;
    }
    return true;
  }

  // Steps over plain characters to the next quote, backslash or control character. Names and words
  // end within the first 16; of text, 64 are looked at together.
  void skip_plain() {
    const char* at = text_.data() + at_;
    const char* const end = text_.data() + text_.size();
    unsigned found = end - at >= 16 ? mask_of(specials(at)) : 0;
    if (end - at >= 16 && found == 0) {
      at += 16;
      while (end - at >= 64 &&
             mask_of(specials(at) | specials(at + 16) | specials(at + 32) | specials(at + 48)) == 0)
        at += 64;
    }
    while (end - at >= 16 && (found = mask_of(specials(at))) == 0) at += 16;
    if (end - at >= 16)
      at += std::countr_zero(found);
    else
      while (at < end && !is_special(*at)) ++at;
    at_ = static_cast<std::size_t>(at - text_.data());
  }

  bool read_string(bool& escaped) {
    ++at_;
    while (true) {
      skip_plain();
      if (at_ >= text_.size()) return refuse("the text ends within a string");
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c != '\\') return refuse("a control character within a string must be escaped");
      escaped = true;
      if (!read_escape()) return false;
    }
  }

  bool read_escape() {
    if (at_ + 1 >= text_.size()) return refuse("the text ends within a string");
    const char c = text_[at_ + 1];
    if (c != 'u') {
      if (std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos)
        return refuse("an escape that JSON does not have");
      at_ += 2;
      return true;
    }
    const std::int32_t code = read_hex4(text_, at_ + 2);
    if (code < 0) return refuse("\\u needs four hexadecimal digits");
    if (options_.allow_lone_surrogates || !(is_high_surrogate(code) || is_low_surrogate(code))) {
      at_ += 6;
      return true;
    }
    const bool paired = is_high_surrogate(code) && text_.substr(at_ + 6, 2) == "\\u" &&
                        is_low_surrogate(read_hex4(text_, at_ + 8));
    if (!paired) return refuse("half of a surrogate pair");
    at_ += 12;
    return true;
  }

  std::string_view text_;
  JsonVisitor& visitor_;
  const JsonScanOptions& options_;
  std::size_t at_ = 0;
  std::size_t nodes_ = 0;
  std::size_t depth_ = 0;
  bool fresh_ = false;  // right behind the opening bracket
  std::array<Frame, limits::json_depth> frames_;
  std::string message_;
};

}  // namespace

std::string_view to_string(JsonKind kind) {
  switch (kind) {
    case JsonKind::null:
      return "null";
    case JsonKind::boolean:
      return "a boolean";
    case JsonKind::number:
      return "a number";
    case JsonKind::string:
      return "a string";
    case JsonKind::array:
      return "an array";
    case JsonKind::object:
      return "an object";
  }
  return "a value";
}

std::expected<void, JsonError> scan_json(std::string_view text, JsonVisitor& visitor,
                                         const JsonScanOptions& options) {
  if (!simdjson::validate_utf8(text.data(), text.size()))
    return std::unexpected(JsonError{0, "the text is not UTF-8"});
  Scanner scanner(text, visitor, options);
  if (!scanner.run()) return std::unexpected(std::move(scanner).error());
  return {};
}

std::string unescape_json_string(std::string_view quoted) {
  std::string out;
  const std::string_view text = quoted.substr(1, quoted.size() - 2);
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    switch (const char c = text[++i]) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u': {
        std::int32_t code = read_hex4(text, i + 1);
        i += 4;
        const std::int32_t low = text.substr(i + 1, 2) == "\\u" ? read_hex4(text, i + 3) : -1;
        if (is_high_surrogate(code) && is_low_surrogate(low)) {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          i += 6;
        } else if (is_high_surrogate(code) || is_low_surrogate(code)) {
          code = 0xfffd;
        }
        append_utf8(out, static_cast<std::uint32_t>(code));
        break;
      }
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string valid_utf8(std::string_view text) {
  constexpr std::size_t longest = 4;
  std::string out;
  if (simdjson::validate_utf8(text.data(), text.size())) return out.append(text);
  while (!text.empty()) {
    std::size_t length = 1;
    while (length <= std::min(longest, text.size()) &&
           !simdjson::validate_utf8(text.substr(0, length)))
      ++length;
    const bool whole = length <= std::min(longest, text.size());
    out.append(whole ? text.substr(0, length) : "\xEF\xBF\xBD");
    text.remove_prefix(whole ? length : 1);
  }
  return out;
}

std::string quote_json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace holdfast::dialect
