// The strict reader against Beast's: whatever we accept, Beast must read as the same message, or
// the two ends of a chain could disagree about where a request ends.
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/check.h"
#include "net/http_head.h"

namespace {

namespace http = boost::beast::http;
using namespace holdfast::net;

void hold_against_beast(std::string_view bytes, const RequestHead& head, std::string_view rest) {
  http::request_parser<http::string_body> beast;
  beast.eager(true);
  beast.body_limit(std::uint64_t{1} << 20U);  // it makes room for what is announced
  beast.header_limit(1 << 20);
  boost::system::error_code error;
  std::size_t used = 0;
  while (used < bytes.size() && !beast.is_done()) {
    const std::size_t took =
        beast.put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), error);
    used += took;
    if (error || took == 0) break;
  }
  // Beast may be stricter elsewhere; what it read to the end must agree.
  if ((error && error != http::error::need_more) || !beast.is_done()) return;
  std::string body;
  if (head.framing == BodyFraming::chunked) {
    ChunkedDecoder decoder;
    while (!rest.empty() && !decoder.done()) {
      auto piece = decoder.next(rest);
      if (!piece) return;
      body.append(*piece);
    }
    if (!decoder.done()) return;
  } else if (head.framing == BodyFraming::length) {
    HF_CHECK(rest.size() >= head.content_length);
    body = rest.substr(0, static_cast<std::size_t>(head.content_length));
  }
  HF_CHECK(beast.get().body() == body);
  HF_CHECK(std::string_view(beast.get().target()).ends_with(head.target) || head.target == "/");
  for (const HeaderField& field : head.headers.fields) {
    const auto range = beast.get().equal_range(std::string(field.name));
    bool found = false;
    for (auto at = range.first; at != range.second; ++at)
      found = found || std::string_view(at->value()) == field.value;
    HF_CHECK(found);
  }
  const auto count =
      static_cast<std::size_t>(std::distance(beast.get().base().begin(), beast.get().base().end()));
  HF_CHECK(head.framing == BodyFraming::chunked || count == head.headers.fields.size());
}

void read_response(std::string_view bytes) {
  const auto end = find_head_end(bytes, false);
  if (!end || !*end) return;
  const auto head = read_response_head(bytes.substr(0, **end));
  if (head) HF_CHECK(head->status >= 100 && head->status <= 599);
}

void decode_in_pieces(std::string_view bytes) {
  ChunkedDecoder whole, split;
  std::string one, other;
  std::string_view input = bytes;
  bool whole_fine = true, split_fine = true;
  while (!input.empty() && !whole.done() && whole_fine) {
    auto piece = whole.next(input);
    whole_fine = piece.has_value();
    if (piece) one.append(*piece);
  }
  for (std::size_t i = 0; i < bytes.size() && !split.done() && split_fine; ++i) {
    std::string_view byte = bytes.substr(i, 1);
    auto piece = split.next(byte);
    split_fine = piece.has_value();
    if (piece) other.append(*piece);
  }
  HF_CHECK(whole_fine == split_fine && whole.done() == split.done());
  if (whole_fine) HF_CHECK(one == other);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_response(bytes);
  decode_in_pieces(bytes);
  const auto end = find_head_end(bytes, true);
  if (!end || !*end) return 0;
  const auto head = read_request_head(bytes.substr(0, **end));
  if (head) hold_against_beast(bytes, *head, bytes.substr(**end));
  return 0;
}
