#include "net/answer_head.h"

#include <fmt/format.h>

#include <span>

namespace holdfast::net {
namespace {
constexpr std::size_t usual_header_bytes = 512;

void append_number(std::string& out, std::uint64_t number) {
  const fmt::format_int text(number);
  out.append(text.data(), text.size());
}
}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

AnswerHeaders& AnswerHeaders::add(std::string_view name, std::string_view value) {
  if (lines_.empty()) lines_.reserve(usual_header_bytes);
  lines_.append(name).append(": ");
  const std::size_t begin = lines_.size();
  lines_.append(value).append("\r\n");
  for (char& c : std::span(lines_).subspan(begin, value.size())) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = ' ';
  }
  return *this;
}

void append_content_length(std::string& out, std::uint64_t length) {
  out.append("content-length: ");
  append_number(out, length);
  out.append("\r\n");
}

std::string head_lines(int status, const AnswerHeaders& headers, bool keep_alive, int minor_version,
                       std::size_t body_bytes, std::string out) {
  out.reserve(headers.lines().size() + body_bytes + 128);
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(status));
  out.append(" ").append(reason_phrase(status)).append("\r\n").append(headers.lines());
  if (!keep_alive)
    out.append("connection: close\r\n");
  else if (minor_version == 0)
    out.append("connection: keep-alive\r\n");
  return out;
}

}  // namespace holdfast::net
