#include "dialect/anthropic/message_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "dialect/citation.h"

namespace holdfast::dialect::anthropic {
namespace {

constexpr bool id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// A call's id in this house's alphabet. Others are mapped, call and result alike: what was changed
// is told apart by a hash (FNV-1a) of the whole.
std::string legal_id(std::string_view id) {
  std::string out(id);
  if (!id.empty() && std::ranges::all_of(id, id_character)) return out;
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (char& c : out) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    if (!id_character(c)) c = '_';
  }
  return fmt::format("{}_{:016x}", out, hash);
}

// The type of an image that does not say it, by how its base64 begins.
std::string_view image_type(const Media& media) {
  if (!media.media_type.empty()) return media.media_type;
  if (media.data.starts_with("/9j/")) return "image/jpeg";
  if (media.data.starts_with("R0lG")) return "image/gif";
  if (media.data.starts_with("UklG")) return "image/webp";
  return "image/png";
}

bool takes_image(std::string_view type) {
  return type == "image/jpeg" || type == "image/png" || type == "image/gif" || type == "image/webp";
}

class MessageWriter {
 public:
  explicit MessageWriter(Writing& writing) : w_(writing), json_(writing.json) {}

  // The messages from `first` on.
  bool write_all(std::size_t first) {
    const auto& messages = w_.request.messages;
    bool any = false;
    for (std::size_t i = first; i < w_.end;) {
      std::size_t end = i + 1;
      while (end < w_.end && messages[end - 1].role == Role::tool &&
             (messages[end].role == Role::tool || messages[end].role == Role::user))
        ++end;
      write_message(i, end);
      any = any || opened_;
      ++place_.written;
      i = end;
    }
    return any;
  }

  void start_at(const Place& place) { place_ = place; }

 private:
  // Messages [begin, end) as one.
  void write_message(std::size_t begin, std::size_t end) {
    const auto& messages = w_.request.messages;
    role_ = messages[begin].role;
    opened_ = false;
    place_.block = 0;
    place_.message = begin;
    if (role_ == Role::system && w_.request.from != Dialect::anthropic) {
      w_.lose(spelled_message(w_.request.from, place_, w_.leading) + ".role",
              "Anthropic's older models take system texts only before the conversation");
      role_ = Role::user;
      between_marks_ = true;
    }
    const bool plain = end - begin == 1 && is_plain_text(messages[begin]);
    if (plain) {
      write_head();
      opened_ = true;
      write_text(messages[begin].content.front().text);
    } else {
      for (std::size_t i = begin; i < end; ++i) {
        place_.message = i;
        if (!messages[i].name.empty())
          w_.lose(spelled_message(w_.request.from, place_, w_.leading) + ".name",
                  "Anthropic's messages do not name their speaker");
        for (const Block& block : messages[i].content) {
          write_block(block);
          ++place_.block;
        }
      }
      if (opened_) json_.end_array();
    }
    if (opened_) {
      if (!w_.extras.empty()) w_.extras.write(json_, fmt::format("messages[{}]", place_.written));
      json_.end_object();
    }
    between_marks_ = false;
  }

  bool is_plain_text(const Message& message) const {
    if (message.content.size() != 1 || !message.name.empty()) return false;
    const Block& block = message.content.front();
    return block.kind == BlockKind::text && !block.text.empty() && block.citations.empty() &&
           block.cache_ttl.empty() && block.signature.value.empty() && w_.extras.empty();
  }

  void write_text(std::string_view text) {
    if (between_marks_)
      json_.string(fmt::format("<system>\n{}\n</system>", text));
    else
      json_.string(text);
  }

  // The message's head, before its first block.
  void open() {
    if (std::exchange(opened_, true)) return;
    write_head();
    json_.begin_array();
  }
  void write_head() {
    json_.begin_object().field("role", role_ == Role::assistant ? "assistant"
                                       : role_ == Role::system  ? "system"
                                                                : "user");
    json_.key("content");
  }

  std::string here() const { return spelled(w_.request.from, place_, w_.leading); }
  std::string place() const {
    if (w_.extras.empty()) return {};
    return fmt::format("messages[{}].content[{}]", place_.written, place_.block);
  }

  void write_block(const Block& block) {
    if (!block.signature.value.empty() && block.kind != BlockKind::thinking &&
        block.kind != BlockKind::redacted_thinking)
      w_.lose(here() + ".signature", "only the house that wrote it can read it", true);
    switch (block.kind) {
      case BlockKind::text:
      case BlockKind::refusal:
      case BlockKind::image:
      case BlockKind::document:
      case BlockKind::audio:
      case BlockKind::video:
      case BlockKind::native:
        return write_content(block, place(), true);
      case BlockKind::tool_call:
        return write_call(block);
      case BlockKind::tool_result:
        return write_result(block);
      case BlockKind::thinking:
      case BlockKind::redacted_thinking:
        return write_thinking(block);
    }
  }

  // What may also stand in a tool result. `top`: right in the message, which may be still to open.
  void write_content(const Block& block, const std::string& place, bool top) {
    switch (block.kind) {
      case BlockKind::text:
      case BlockKind::refusal:
        if (block.text.empty()) return;  // refused there, and says nothing
        if (block.kind == BlockKind::refusal)
          w_.lose(here() + ".refusal", "Anthropic has no refusals: it goes as text", true);
        begin(top);
        json_.field("type", "text").key("text");
        write_text(block.text);
        write_citations(block);
        return end(block, place);
      case BlockKind::image:
        if (!can_show(block)) return;
        begin(top);
        json_.field("type", "image");
        write_source(block, image_type(block.media), place);
        return end(block, place);
      case BlockKind::document:
        if (!can_show(block)) return;
        begin(top);
        json_.field("type", "document").text_field("title", block.name);
        json_.text_field("context", block.context);
        write_source(block, "application/pdf", place);
        write_citable(block, place);
        return end(block, place);
      case BlockKind::native:
        if (block.extra.from != Dialect::anthropic)
          return w_.lose(std::string(block.extra.name), "Anthropic has no such block",
                         block.extra.harmless);
        if (top) open();
        json_.raw(block.extra.raw);
        return;
      case BlockKind::audio:
      case BlockKind::video:
        return w_.lose(here(), "Anthropic takes no audio or video");
      case BlockKind::tool_call:
      case BlockKind::tool_result:
      case BlockKind::thinking:
      case BlockKind::redacted_thinking:
        return w_.lose(here(), "Anthropic's tool results hold text, images and documents");
    }
  }

  void begin(bool top) {
    if (top) open();
    json_.begin_object();
  }
  void end(const Block& block, const std::string& place) {
    w_.write_cache_mark(block.cache_ttl, place);
    if (!w_.extras.empty()) w_.extras.write(json_, place);
    json_.end_object();
  }

  void write_citations(const Block& block) {
    if (write_citations_back(json_, block.citations)) return;
    w_.lose(fmt::format("{}.{}", here(), citations_member(w_.request.from)),
            "Anthropic does not take citations of another house back", true);
  }

  // Whether the target takes this image or document; what it would lose is told.
  bool can_show(const Block& block) {
    const bool image = block.kind == BlockKind::image;
    const Media& media = block.media;
    const auto refuse = [this](std::string_view what) {
      w_.lose(here(), std::string(what));
      return false;
    };
    if (image && !block.detail.empty() && block.detail != "auto")
      w_.lose(here() + ".detail", "Anthropic has no detail of images", true);
    switch (media.from) {
      case Media::From::file_id:
        if (w_.request.from == Dialect::anthropic && w_.abilities.house == "anthropic") return true;
        return refuse("files of another house cannot be read");
      case Media::From::url:
        return w_.abilities.image_urls || !image || refuse("the target takes images only inline");
      case Media::From::text:
        return !image || refuse("an image is not text");
      case Media::From::base64:
        if (image)
          return takes_image(image_type(media)) ||
                 refuse("Anthropic takes JPEG, PNG, GIF and WebP images");
        return media.media_type.empty() || media.media_type == "application/pdf" ||
               refuse("Anthropic takes PDF and plain text documents");
    }
    return false;
  }

  void write_source(const Block& block, std::string_view media_type, const std::string& place) {
    const Media& media = block.media;
    json_.key("source").begin_object();
    switch (media.from) {
      case Media::From::url:
        json_.field("type", "url").field("url", media.data);
        break;
      case Media::From::file_id:
        json_.field("type", "file").field("file_id", media.data);
        break;
      case Media::From::text:
        json_.field("type", "text").field("media_type", "text/plain").field("data", media.data);
        break;
      case Media::From::base64:
        json_.field("type", "base64").field("media_type", media_type).key("data");
        json_.plain_string({}, media.data);
    }
    if (!w_.extras.empty()) w_.extras.write(json_, place + ".source");
    json_.end_object();
  }

  void write_citable(const Block& block, const std::string& place) {
    if (!block.citable) return;
    json_.key("citations").begin_object().field("enabled", *block.citable);
    if (!w_.extras.empty()) w_.extras.write(json_, place + ".citations");
    json_.end_object();
  }

  void write_call(const Block& block) {
    if (!std::ranges::all_of(block.name, id_character) || block.name.size() > 128)
      w_.lose(here() + ".name",
              "Anthropic's tool names are of A-Z, a-z, 0-9, _ and -, at most 128");
    std::string_view input = block.arguments;
    if (input.find_first_not_of(" \t\r\n") == std::string_view::npos) {
      input = "{}";
    } else if (!arguments_.parse(input, lenient) || !arguments_.root().is_object()) {
      w_.lose(here() + ".arguments", "Anthropic takes arguments only as a JSON object");
      input = "{}";
    }
    begin(true);
    json_.field("type", "tool_use").field("id", legal_id(block.id)).field("name", block.name);
    json_.raw_field("input", input);
    end(block, place());
  }

  void write_result(const Block& block) {
    begin(true);
    json_.field("type", "tool_result").field("tool_use_id", legal_id(block.id));
    const std::string at = place();
    const bool one_text = block.content.size() == 1 && w_.extras.empty() &&
                          block.content.front().kind == BlockKind::text &&
                          block.content.front().citations.empty() &&
                          block.content.front().cache_ttl.empty();
    if (one_text) {
      json_.text_field("content", block.content.front().text);
    } else if (!block.content.empty()) {
      json_.key("content").begin_array();
      for (std::size_t i = 0; i < block.content.size(); ++i)
        write_content(block.content[i], fmt::format("{}.content[{}]", at, i), false);
      json_.end_array();
    }
    if (block.is_error) json_.field("is_error", true);
    end(block, at);
  }

  void write_thinking(const Block& block) {
    if (!w_.readable(block.signature))
      return w_.lose(here() + ".signature",
                     block.signature.value.empty()
                         ? "a thought without its signature cannot be sent"
                         : "only the house that wrote it can read it: the thought is left out",
                     true);
    begin(true);
    if (block.kind == BlockKind::thinking)
      json_.field("type", "thinking")
          .field("thinking", block.text)
          .field("signature", block.signature.value);
    else
      json_.field("type", "redacted_thinking").field("data", block.signature.value);
    if (!w_.extras.empty()) w_.extras.write(json_, place());
    json_.end_object();
  }

  Writing& w_;
  JsonWriter& json_;
  JsonDocument arguments_;
  Place place_;
  Role role_ = Role::user;
  bool opened_ = false;         // the head of the message under way is written
  bool between_marks_ = false;  // it is a system text in a user's message
};

void write_system(Writing& w) {
  const auto& system = w.request.system;
  if (std::ranges::all_of(system, [](const Block& block) { return block.text.empty(); })) return;
  w.json.key("system");
  if (system.size() == 1 && system.front().cache_ttl.empty() && system.front().citations.empty() &&
      w.extras.empty()) {
    w.json.string(system.front().text);
    return;
  }
  w.json.begin_array();
  for (std::size_t i = 0; i < system.size(); ++i) {
    const Block& block = system[i];
    if (block.text.empty()) continue;
    const std::string place = fmt::format("system[{}]", i);
    w.json.begin_object().field("type", "text").field("text", block.text);
    write_citations_back(w.json, block.citations);  // no other dialect has them there
    w.write_cache_mark(block.cache_ttl, place);
    w.extras.write(w.json, place);
    w.json.end_object();
  }
  w.json.end_array();
}

}  // namespace

Result<void> write_conversation(Writing& w) {
  const auto& messages = w.request.messages;
  std::size_t first = 0;
  if (!w.kin)
    while (first < messages.size() && messages[first].role == Role::assistant) ++first;
  if (first > 0)
    w.lose(spelled_message(w.request.from, {}, w.leading),
           "Anthropic's conversations begin with the user");
  write_system(w);
  MessageWriter writer(w);
  writer.start_at({first, first, 0});
  w.json.key("messages").begin_array();
  bool any = writer.write_all(first);
  for (const Block& block : w.request.system) {
    if (any || block.text.empty()) continue;
    // A user's turn is needed: what was said so far is all there is to answer.
    w.json.begin_object().field("role", "user").field("content", block.text).end_object();
    any = true;
  }
  w.json.end_array();
  if (any) return {};
  return fail(ErrorCode::invalid_request, "messages: nothing is said in them");
}

bool loop_lacks_thinking(const Writing& w) {
  const auto& messages = w.request.messages;
  std::size_t i = messages.size();
  while (i > 0 && messages[i - 1].role == Role::tool) --i;
  if (i == 0 || i == messages.size() || messages[i - 1].role != Role::assistant) return false;
  bool thought = false;
  for (const Block& block : messages[i - 1].content) {
    if (block.kind != BlockKind::thinking && block.kind != BlockKind::redacted_thinking) break;
    thought = true;
    if (w.readable(block.signature)) return false;
  }
  return thought || !w.kin;
}

}  // namespace holdfast::dialect::anthropic
