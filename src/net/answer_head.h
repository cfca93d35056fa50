// The head of an answer to a client: its status line and its header lines.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::net {

// The header lines of an answer, built in place. A value's control characters become spaces.
class AnswerHeaders {
 public:
  AnswerHeaders& add(std::string_view name, std::string_view value);
  std::string_view lines() const { return lines_; }

 private:
  std::string lines_;
};

std::string_view reason_phrase(int status);

// "content-length: NUMBER", with its line end.
void append_content_length(std::string& out, std::uint64_t length);

// The status line, `headers` and what is said of the connection; without the lines that frame the
// body, and without the empty line.
//   body_bytes   that will be appended
//   out          empty; its memory is used
std::string head_lines(int status, const AnswerHeaders& headers, bool keep_alive, int minor_version,
                       std::size_t body_bytes, std::string out = {});

}  // namespace holdfast::net
