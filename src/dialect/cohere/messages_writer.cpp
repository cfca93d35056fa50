#include "dialect/cohere/messages_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "dialect/citation.h"
#include "dialect/field_names.h"

namespace holdfast::dialect::cohere {
namespace {

bool is_call(const Block& block) { return block.kind == BlockKind::tool_call; }
bool is_text(const Block& block) {
  return block.kind == BlockKind::text || block.kind == BlockKind::refusal;
}

}  // namespace

void MessagesWriter::write() {
  if (!request_.system.empty()) system(request_.system, "system");
  for (std::size_t i = 0; i < request_.messages.size(); ++i) message(i);
  if (!request_.goes_on()) return;
  const Message& last = request_.messages.back();
  if (!last.content.empty() && last.content.back().kind == BlockKind::text)
    lose(place_of(request_.from, request_.messages.size() - 1),
         "Cohere does not go on with the assistant's last message");
}

void MessagesWriter::message(std::size_t index) {
  const Message& message = request_.messages[index];
  if (!message.name.empty())
    lose(place_of(request_.from, index) + ".name", "Cohere has no names of speakers");
  switch (message.role) {
    case Role::system:
      return system(message.content, place_of(request_.from, index));
    case Role::user:
      return user(index);
    case Role::assistant:
      return assistant(index);
    case Role::tool:
      for (std::size_t i = 0; i < message.content.size(); ++i)
        result(message.content[i], place_of(request_.from, index, i));
  }
}

// Whether a block of a message can stand in its content; if not, it is named.
bool MessagesWriter::can_say(const Block& block, const std::string& at) {
  if (!block.cache_ttl.empty()) lose(at + ".cache_control", "Cohere caches by itself", true);
  switch (block.kind) {
    case BlockKind::text:
      if (!block.citations.empty())
        lose(fmt::format("{}.{}", at, citations_member(request_.from)),
             "Cohere takes no citations of another dialect", true);
      return true;
    case BlockKind::refusal:
      return true;
    case BlockKind::image:
      if (block.media.from == Media::From::base64) return true;
      if (block.media.from == Media::From::url && abilities_.image_urls) return true;
      lose(at, block.media.from == Media::From::url ? "the target takes images inline only"
                                                    : "a file of another house");
      return false;
    case BlockKind::document:
      lose_asked_of(block, [&](std::string_view member, bool harmless) {
        lose(fmt::format("{}.{}", at, member), "Cohere finds no places in documents", harmless);
      });
      if (block.media.from == Media::From::text) return true;
      lose(at, "Cohere takes files as texts only");
      return false;
    case BlockKind::thinking:
      if (block.signature.value.empty()) return true;
      lose(at + ".signature", "thoughts go only to the house that had them", true);
      return false;
    case BlockKind::redacted_thinking:
      lose(at + ".signature", "thoughts go only to the house that had them", true);
      return false;
    case BlockKind::native:
      lose(std::string(block.extra.name), "Cohere has nothing like it", block.extra.harmless);
      return false;
    case BlockKind::audio:
    case BlockKind::video:
    case BlockKind::tool_call:
    case BlockKind::tool_result:
      lose(at, "Cohere takes no such content here");
      return false;
  }
  return false;
}

void MessagesWriter::part(const Block& block) {
  json_.begin_object();
  if (block.kind == BlockKind::image) {
    json_.field("type", "image_url").key("image_url").begin_object().key("url");
    if (block.media.from == Media::From::base64)
      json_.plain_string(fmt::format("data:{};base64,", block.media.media_type), block.media.data);
    else
      json_.string(block.media.data);
    json_.text_field("detail", block.detail).end_object();
  } else if (block.kind == BlockKind::thinking) {
    json_.field("type", "thinking").field("thinking", block.text);
  } else {
    json_.field("type", "text");
    json_.field("text", block.kind == BlockKind::document ? block.media.data : block.text);
  }
  json_.end_object();
}

void MessagesWriter::system(std::span<const Block> blocks, const std::string& place) {
  json_.begin_object().field("role", "system").key("content");
  const bool plain = blocks.size() == 1 && is_text(blocks.front());
  if (!plain) json_.begin_array();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Block& block = blocks[i];
    const std::string at =
        place == "system" ? fmt::format("system[{}]", i) : fmt::format("{}.content[{}]", place, i);
    if (!is_text(block))
      lose(block.kind == BlockKind::native ? std::string(block.extra.name) : at,
           "Cohere takes texts only from the system");
    else if (can_say(block, at)) {
      if (plain)
        json_.string(block.text);
      else
        part(block);
    }
  }
  if (!plain) json_.end_array();
  json_.end_object();
}

void MessagesWriter::user(std::size_t index) {
  const std::vector<Block>& blocks = request_.messages[index].content;
  json_.begin_object().field("role", "user").key("content");
  const bool plain = blocks.size() == 1 && is_text(blocks.front());
  if (!plain) json_.begin_array();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (!can_say(blocks[i], place_of(request_.from, index, i))) continue;
    if (plain)
      json_.string(blocks[i].text);
    else
      part(blocks[i]);
  }
  if (!plain) json_.end_array();
  json_.end_object();
}

// What is said beside calls is the plan for them; thoughts come before everything.
void MessagesWriter::assistant(std::size_t index) {
  const Message& message = request_.messages[index];
  const bool calling = std::ranges::any_of(message.content, is_call);
  std::vector<const Block*> content;
  std::string plan;
  for (std::size_t i = 0; i < message.content.size(); ++i) {
    const Block& block = message.content[i];
    if (is_call(block)) continue;
    const std::string at = place_of(request_.from, index, i);
    if (block.kind == BlockKind::image || block.kind == BlockKind::document) {
      lose(at, "Cohere takes no media within answers");
    } else if (can_say(block, at)) {
      if (calling && is_text(block))
        plan += block.text;
      else
        content.push_back(&block);
    }
  }
  json_.begin_object().field("role", "assistant");
  if (content.size() == 1 && is_text(*content.front())) {
    json_.field("content", content.front()->text);
  } else if (!content.empty() || !calling) {
    json_.key("content").begin_array();
    for (const Block* block : content) part(*block);
    json_.end_array();
  }
  json_.text_field("tool_plan", plan);
  if (calling) calls(message);
  json_.end_object();
}

void MessagesWriter::calls(const Message& message) {
  json_.key("tool_calls").begin_array();
  for (const Block& block : message.content) {
    if (!is_call(block)) continue;
    json_.begin_object().field("id", block.id).field("type", "function");
    json_.key("function").begin_object().field("name", block.name);
    json_.field("arguments", block.arguments.empty() ? "{}" : block.arguments);
    json_.end_object().end_object();
  }
  json_.end_array();
}

void MessagesWriter::result(const Block& block, const std::string& at) {
  if (block.kind != BlockKind::tool_result)
    return lose(block.kind == BlockKind::native ? std::string(block.extra.name) : at,
                "Cohere takes results of tools only here");
  if (!block.cache_ttl.empty()) lose(at + ".cache_control", "Cohere caches by itself", true);
  if (block.is_error) lose(at + ".is_error", "Cohere has no such mark: the text says it", true);
  std::vector<std::string_view> texts;
  for (std::size_t i = 0; i < block.content.size(); ++i) {
    const Block& each = block.content[i];
    const std::string place = fmt::format("{}.content[{}]", at, i);
    if (each.kind == BlockKind::image)
      lose(place, "Cohere takes no images in results of tools");
    else if (can_say(each, place))
      texts.push_back(each.kind == BlockKind::document ? each.media.data : each.text);
  }
  std::string failed;
  if (block.is_error) {
    failed = fmt::format("Error: {}", texts.empty() ? std::string_view() : texts.front());
    if (texts.empty()) texts.emplace_back();
    texts.front() = failed;
  }
  json_.begin_object().field("role", "tool").field("tool_call_id", block.id).key("content");
  if (texts.size() <= 1) {
    json_.string(texts.empty() ? std::string_view() : texts.front());
  } else {
    json_.begin_array();
    for (const std::string_view text : texts)
      json_.begin_object().field("type", "text").field("text", text).end_object();
    json_.end_array();
  }
  json_.end_object();
}

}  // namespace holdfast::dialect::cohere
