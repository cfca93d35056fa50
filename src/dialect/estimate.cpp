#include "dialect/estimate.h"

#include <algorithm>

#include "dialect/multipart.h"

namespace holdfast::dialect {
namespace {

constexpr std::int64_t bytes_per_token = 4;
constexpr std::int64_t per_message = 4;
constexpr std::int64_t per_tool = 12;
constexpr std::int64_t for_any_tools = 300;
constexpr std::int64_t per_image = 1'500;
constexpr std::int64_t per_page = 2'000;
constexpr std::int64_t bytes_per_page = 60'000;
constexpr std::int64_t unseen_pages = 5;
constexpr std::int64_t unseen_seconds = 60;
constexpr std::size_t data_bytes = 16'384;  // of a string that may be base64
constexpr std::size_t data_head_bytes = 256;

std::int64_t size_of(std::string_view text) { return static_cast<std::int64_t>(text.size()); }

std::int64_t rounded_up(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit; }

// Bytes behind the base64 text.
std::int64_t decoded_bytes(const Media& media) { return size_of(media.data) / 4 * 3; }

std::int64_t of_document(const Media& media) {
  if (media.from == Media::From::text) return estimate_text_tokens(media.data);
  if (media.from != Media::From::base64) return unseen_pages * per_page;
  return std::max<std::int64_t>(1, rounded_up(decoded_bytes(media), bytes_per_page)) * per_page;
}

std::int64_t of_seconds(const Media& media, std::int64_t bytes_a_second,
                        std::int64_t tokens_a_second) {
  const std::int64_t seconds = media.from == Media::From::base64
                                   ? rounded_up(decoded_bytes(media), bytes_a_second)
                                   : unseen_seconds;
  return seconds * tokens_a_second;
}

std::int64_t of_blocks(const std::vector<Block>& blocks);

std::int64_t of_block(const Block& block) {
  switch (block.kind) {
    case BlockKind::image:
      return per_image;
    case BlockKind::document:
      return of_document(block.media) + estimate_text_tokens(block.name) +
             estimate_text_tokens(block.context);
    case BlockKind::audio:
      return of_seconds(block.media, 16'000, 32);
    case BlockKind::video:
      return of_seconds(block.media, 250'000, 263);
    case BlockKind::native:
      return estimate_text_tokens(block.extra.raw);
    case BlockKind::redacted_thinking:
      return estimate_text_tokens(block.signature.value);
    case BlockKind::tool_call:
    case BlockKind::tool_result:
      return per_message + estimate_text_tokens(block.name) + estimate_text_tokens(block.id) +
             estimate_text_tokens(block.arguments) + of_blocks(block.content);
    case BlockKind::text:
    case BlockKind::thinking:
    case BlockKind::refusal:
      break;
  }
  return estimate_text_tokens(block.text);
}

std::int64_t of_blocks(const std::vector<Block>& blocks) {
  std::int64_t sum = 0;
  for (const Block& block : blocks) sum += of_block(block);
  return sum;
}

}  // namespace

std::int64_t estimate_body_tokens(std::string_view body) {
  if (body.size() <= data_bytes) return std::max<std::int64_t>(1, estimate_text_tokens(body));
  std::int64_t tokens = 0;
  std::size_t text = 0, at = 0;
  while (at < body.size()) {
    const std::size_t end = std::min(body.find('"', at), body.size());
    const std::string_view span = body.substr(at, end - at);
    const bool data = span.size() > data_bytes && !span.substr(0, data_head_bytes).contains(' ');
    if (data)
      tokens += per_image;
    else
      text += span.size() + 1;
    at = end + 1;
  }
  return tokens + rounded_up(static_cast<std::int64_t>(text), bytes_per_token);
}

std::int64_t estimate_form_tokens(std::string_view body, std::string_view boundary) {
  std::int64_t tokens = 0;
  const auto parts = read_form(body, boundary);
  if (!parts) return 1;
  for (const FormPart& part : *parts)
    tokens += part.is_file ? per_image : estimate_text_tokens(part.value);
  return std::max<std::int64_t>(1, tokens);
}

std::int64_t estimate_text_tokens(std::string_view text) {
  return rounded_up(size_of(text), bytes_per_token);
}

std::int64_t estimate_tokens(const Request& request) {
  std::int64_t sum = of_blocks(request.system);
  for (const Message& message : request.messages)
    sum += per_message + estimate_text_tokens(message.name) + of_blocks(message.content);
  for (const Tool& tool : request.tools)
    sum += per_tool + estimate_text_tokens(tool.name) + estimate_text_tokens(tool.description) +
           estimate_text_tokens(tool.native ? tool.native->raw : tool.schema);
  if (!request.tools.empty()) sum += for_any_tools;
  sum += estimate_text_tokens(request.format.schema);
  return std::max<std::int64_t>(sum, 1);
}

}  // namespace holdfast::dialect
