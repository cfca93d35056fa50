// What a client of one of the four families makes of the bytes of an answer: whether it is all
// there, whether content has come, and how it has ended.
#pragma once
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace answers {

enum class Dialect : std::uint8_t { openai, anthropic, google, bedrock };

inline std::optional<Dialect> dialect_of(std::string_view name) {
  constexpr std::array<std::string_view, 4> names = {"openai", "anthropic", "google", "bedrock"};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Dialect>(i);
  return std::nullopt;
}

// How the text of a streamed answer of failing_upstream begins, in every dialect.
inline constexpr std::string_view first_content = R"("word )";

// An answer so far, by its framing.
struct Framing {
  bool whole = false;
  bool chunked = false;
  int status = 0;
  std::size_t body = 0;  // where it begins
};

inline Framing framing_of(const std::string& text) {
  const auto head = text.find("\r\n\r\n");
  if (head == std::string::npos) return {};
  Framing out;
  out.body = head + 4;
  out.status = text.size() > 12 ? std::atoi(text.c_str() + 9) : 0;
  std::string fields = text.substr(0, head + 2);
  for (char& c : fields) c = static_cast<char>(std::tolower(c));
  const auto length = fields.find("\r\ncontent-length:");
  out.chunked = fields.find("\r\ntransfer-encoding: chunked") != std::string::npos;
  if (length != std::string::npos)
    out.whole = text.size() - out.body >= std::strtoull(fields.c_str() + length + 17, nullptr, 10);
  else if (out.chunked)
    out.whole = text.ends_with("\r\n0\r\n\r\n");
  return out;
}

inline std::string body_of(const std::string& text, const Framing& framing) {
  if (!framing.chunked) return text.substr(framing.body);
  std::string out;
  for (std::size_t at = framing.body; at < text.size();) {
    const std::size_t size = std::strtoull(text.c_str() + at, nullptr, 16);
    const auto line = text.find("\r\n", at);
    if (size == 0 || line == std::string::npos) break;
    out.append(text, line + 2, size);
    at = line + 2 + size + 2;
  }
  return out;
}

inline std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t sum = ~0U;
  for (const char byte : bytes) {
    sum ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1U) ^ ((sum & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~sum;
}

inline std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out = (out << 8U) | static_cast<std::uint8_t>(bytes[at + i]);
  return out;
}

// AWS's frames, each with both checksums: "whole" when the last one is the metadata behind a
// messageStop.
inline const char* bedrock_ending(std::string_view body) {
  bool stopped = false, told = false;
  while (!body.empty()) {
    if (body.size() < 16) return "incomplete";
    const std::size_t size = number_at(body, 0), headers = number_at(body, 4);
    if (size > body.size()) return "incomplete";
    if (size < 16 || headers > size - 16 || crc32(body.substr(0, 8)) != number_at(body, 8) ||
        crc32(body.substr(0, size - 4)) != number_at(body, size - 4))
      return "garbage";
    const std::string_view named = body.substr(12, headers);
    if (named.find(":exception-type") != std::string_view::npos) return "error_event";
    told = stopped && named.find("metadata") != std::string_view::npos;
    stopped = stopped || named.find("messageStop") != std::string_view::npos;
    body.remove_prefix(size);
  }
  return told ? "whole" : "incomplete";
}

inline const char* stream_ending(Dialect dialect, std::string_view body) {
  const auto has = [&](std::string_view mark) { return body.find(mark) != std::string_view::npos; };
  switch (dialect) {
    case Dialect::openai:
      return has(R"("error":)") ? "error_event" : has("data: [DONE]") ? "whole" : "incomplete";
    case Dialect::anthropic:
      return has("event: error")          ? "error_event"
             : has("event: message_stop") ? "whole"
                                          : "incomplete";
    case Dialect::google:
      return has(R"("error":)")          ? "error_event"
             : has(R"("finishReason":)") ? "whole"
                                         : "incomplete";
    case Dialect::bedrock:
      return bedrock_ending(body);
  }
  return "garbage";
}

// How an answer ended that is all there: status_N, or one of the endings of a 200.
inline std::string ending_of(Dialect dialect, bool stream, const std::string& text,
                             const Framing& framing) {
  if (framing.status != 200) return "status_" + std::to_string(framing.status);
  const std::string body = body_of(text, framing);
  if (stream) return stream_ending(dialect, body);
  const std::string_view text_member = dialect == Dialect::openai ? R"("content")" : R"("text")";
  return body.find(text_member) == std::string::npos ? "garbage" : "whole";
}

}  // namespace answers
