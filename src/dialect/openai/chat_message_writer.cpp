// The messages of a request to an upstream.
#include <algorithm>

#include "dialect/citation.h"
#include "dialect/openai/chat_writing.h"

namespace holdfast::dialect::openai {
namespace {

using std::string_view;

// FNV-1a, whose figures are in everybody's logs the same.
std::uint64_t hash_of(string_view text, std::uint64_t seed) {
  std::uint64_t hash = seed;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
  return hash;
}

std::string letters_of(string_view text, std::size_t count) {
  constexpr string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string out;
  std::uint64_t hash = 14'695'981'039'346'656'037ULL;
  while (out.size() < count) {
    hash = hash_of(text, hash);
    std::uint64_t rest = hash;
    for (int i = 0; i < 9 && out.size() < count; ++i, rest /= alphabet.size())
      out.push_back(alphabet[rest % alphabet.size()]);
  }
  return out;
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

string_view audio_format(string_view media_type) {
  if (media_type == "audio/mpeg" || media_type == "audio/mp3") return "mp3";
  if (media_type == "audio/x-wav" || media_type == "audio/wave") return "wav";
  return media_type.starts_with("audio/") ? media_type.substr(6) : media_type;
}

bool is_thought(const Block& block) {
  return block.kind == BlockKind::thinking || block.kind == BlockKind::redacted_thinking;
}

class MessageWriter {
 public:
  explicit MessageWriter(const Writing& writing)
      : writing_(writing), request_(writing.request), json_(writing.json), d_(writing.deviations) {}

  void write_all() {
    json_.begin_array();
    if (!request_.system.empty()) {
      json_.begin_object().field("role", "system").key("content");
      write_content(request_.system, "system", text_kinds);
      write_own_members(request_.system);
      json_.end_object();
    }
    const std::size_t count = request_.messages.size();
    for (at_ = 0; at_ < count; ++at_)
      if (request_.messages[at_].role == Role::user) last_user_ = at_;
    for (at_ = 0; at_ < count; ++at_) write_message(request_.messages[at_]);
    json_.end_array();
  }

 private:
  // Which kinds of blocks a place may hold; others of this request are written elsewhere or lost.
  static constexpr unsigned text_kinds = 1U << static_cast<unsigned>(BlockKind::text);
  static constexpr unsigned media_kinds =
      text_kinds | 1U << static_cast<unsigned>(BlockKind::image) |
      1U << static_cast<unsigned>(BlockKind::document) |
      1U << static_cast<unsigned>(BlockKind::audio) | 1U << static_cast<unsigned>(BlockKind::video);

  std::string place(std::size_t block) const { return place_of(request_.from, at_, block); }

  void write_message(const Message& message) {
    switch (message.role) {
      case Role::tool:
        write_results(message);
        return;
      case Role::assistant:
        write_assistant(message);
        return;
      case Role::system:
      case Role::user:
        break;
    }
    const bool user = message.role == Role::user;
    if (user) separate_from_results();
    json_.begin_object().field("role", user ? "user" : "system");
    write_name(message);
    json_.key("content");
    write_content(message.content, place_of(request_.from, at_), user ? media_kinds : text_kinds);
    write_own_members(message.content);
    json_.end_object();
  }

  // Some do not take a user's message right behind results.
  void separate_from_results() {
    const bool after_results =
        moved_images_ || (at_ > 0 && request_.messages[at_ - 1].role == Role::tool);
    moved_images_ = false;
    if (!d_.no_user_after_tool || !after_results) return;
    json_.begin_object().field("role", "assistant").field("content", "OK.").end_object();
    writing_.lose(place_of(request_.from, at_),
                  "takes no user message behind tool results: a short turn of the assistant is put "
                  "between",
                  true);
  }

  void write_name(const Message& message) {
    if (message.name.empty()) return;
    if (d_.names) {
      json_.field("name", message.name);
    } else {
      writing_.lose(place_of(request_.from, at_) + ".name", "takes no names of speakers");
    }
  }

  // Native members of a message, as the client had them.
  void write_own_members(const std::vector<Block>& blocks) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const Block& block = blocks[i];
      if (block.kind != BlockKind::native || is_part(block) || is_call(block)) continue;
      const bool own = block.extra.from == Dialect::openai;
      const bool again = std::any_of(
          blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(i),
          [&block](const Block& each) {
            return each.kind == BlockKind::native && each.extra.name == block.extra.name;
          });
      if (own && !again && writing_.takes(block.extra.name)) {
        json_.raw_field(block.extra.name, block.extra.raw);
      } else {
        const std::string field =
            own ? fmt::format("{}.{}", place_of(request_.from, at_), block.extra.name) : place(i);
        writing_.lose(field, "has nothing like it", block.extra.harmless);
      }
    }
  }
  static bool is_part(const Block& block) {
    return block.extra.from == Dialect::openai && block.extra.name == "content";
  }
  static bool is_call(const Block& block) {
    return block.extra.from == Dialect::openai && block.extra.name == "tool_calls";
  }

  // --- content

  struct Part {
    const Block* block;
    std::string field;  // as the client names it
  };

  // A string where one text stands alone, or where only strings are taken; else an array. A refusal
  // is a text where it has no field of its own.
  void write_content(const std::vector<Block>& blocks, const std::string& where, unsigned kinds,
                     bool null_if_empty = false) {
    std::vector<Part> parts;
    bool plain = true;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const Block& block = blocks[i];
      std::string field =
          where == "system" ? fmt::format("system[{}]", i) : place_of_block(where, i);
      const bool refusal = block.kind == BlockKind::refusal && !d_.refusals;
      const bool thought = is_thought(block) && d_.thinking_chunks;
      const bool part = block.kind == BlockKind::native && is_part(block);
      const bool fits = (kinds >> static_cast<unsigned>(block.kind) & 1U) != 0;
      if (!fits && !refusal && !part && !(thought && sends_thought(block, field))) {
        if (fits_nowhere(block, kinds)) writing_.lose(field, "cannot have this here");
        continue;
      }
      if (block.kind != BlockKind::text && !refusal && !can_write(block, field)) continue;
      if (!block.citations.empty())
        writing_.lose(fmt::format("{}.{}", field, citations_member(request_.from)),
                      "takes no citations back", true);
      const bool marked = !block.cache_ttl.empty() && mark_is_kept(field);
      plain = plain && (block.kind == BlockKind::text || refusal) && !marked;
      parts.push_back({&block, std::move(field)});
    }
    if (parts.empty()) {
      if (null_if_empty) {
        json_.null();
      } else {
        json_.string("");
      }
    } else if (plain && (parts.size() == 1 || !d_.text_parts)) {
      std::string joined;
      for (const Part& part : parts) {
        if (!joined.empty()) joined += "\n\n";
        joined += part.block->text;
      }
      json_.string(joined);
    } else {
      json_.begin_array();
      for (const Part& part : parts) write_part(*part.block);
      json_.end_array();
    }
  }

  std::string place_of_block(const std::string& where, std::size_t i) const {
    return fmt::format("{}.{}[{}]", where, request_.from == Dialect::gemini ? "parts" : "content",
                       i);
  }
  // Calls, results, thoughts and own members are written by others.
  static bool fits_nowhere(const Block& block, unsigned kinds) {
    if (block.kind == BlockKind::native || block.kind == BlockKind::refusal || is_thought(block))
      return false;
    return block.kind != BlockKind::tool_call && (kinds & media_kinds) != 0;
  }

  bool mark_is_kept(const std::string& field) {
    if (d_.cache_marks != CacheMarks::none) return true;
    writing_.lose(field + ".cache_control", "takes no cache marks", true);
    return false;
  }

  // Whether the target takes this part; tells the loss when not.
  bool can_write(const Block& block, const std::string& field) {
    const Media& media = block.media;
    const bool by_url = media.from == Media::From::url;
    if (media.from == Media::From::file_id && block.kind != BlockKind::native) {
      const bool own = d_.any_extra && block.kind == BlockKind::document &&
                       house_of(request_.from) == writing_.abilities.house;
      if (!own) writing_.lose(field, "cannot read a file of another house");
      return own;
    }
    switch (block.kind) {
      case BlockKind::image:
        if (!d_.images) return lost(field, "reads no images");
        if (by_url && !(d_.image_urls && writing_.abilities.image_urls))
          return lost(field, "reads images only inline, not by URL");
        return true;
      case BlockKind::document:
        lose_asked_of(block, [&](string_view member, bool harmless) {
          writing_.lose(fmt::format("{}.{}", field, member), "cites no documents", harmless);
        });
        if (media.from == Media::From::text) return true;
        if (by_url && !d_.document_urls) return lost(field, "reads documents only inline");
        if (!d_.documents && !d_.document_urls) return lost(field, "reads no documents");
        return true;
      case BlockKind::audio: {
        const string_view format = audio_format(media.media_type);
        if (!d_.audio || by_url) return lost(field, "reads no such audio");
        if (d_.any_extra && format != "wav" && format != "mp3")
          return lost(field, "reads audio only as wav and mp3");
        return true;
      }
      case BlockKind::video:
        return d_.video || lost(field, "reads no video");
      case BlockKind::native:
        return writing_.takes("content") || lost(field, "has nothing like it");
      default:
        return true;
    }
  }
  bool lost(const std::string& field, string_view what) {
    writing_.lose(field, what);
    return false;
  }

  void write_part(const Block& block) {
    if (block.kind == BlockKind::native) {
      json_.raw(block.extra.raw);
      return;
    }
    json_.begin_object();
    switch (block.kind) {
      case BlockKind::image:
      case BlockKind::video: {
        const string_view type = block.kind == BlockKind::image ? "image_url" : "video_url";
        json_.field("type", type).key(type).begin_object().key("url");
        write_url(block.media);
        json_.text_field("detail", block.detail).end_object();
        break;
      }
      case BlockKind::audio:
        write_audio(block.media);
        break;
      case BlockKind::document:
        write_document(block);
        break;
      case BlockKind::thinking:
      case BlockKind::redacted_thinking:
        json_.field("type", "thinking").key("thinking").begin_array().begin_object();
        json_.field("type", "text").field("text", block.text).end_object().end_array();
        if (writing_.reads(block.signature)) json_.field("signature", block.signature.value);
        json_.field("closed", true);
        break;
      default:
        json_.field("type", "text").field("text", block.text);
    }
    write_cache_mark(block.cache_ttl);
    json_.end_object();
  }

  void write_url(const Media& media) {
    if (media.from == Media::From::url) {
      json_.string(media.data);
    } else {
      write_data_url(json_, media.media_type, media.data);
    }
  }

  void write_audio(const Media& media) {
    json_.field("type", "input_audio").key("input_audio");
    if (d_.thinking_chunks) {  // Mistral's is the data alone
      json_.plain_string({}, media.data);
      return;
    }
    json_.begin_object().key("data").plain_string({}, media.data);
    json_.field("format", audio_format(media.media_type)).end_object();
  }

  void write_document(const Block& block) {
    const Media& media = block.media;
    if (media.from == Media::From::text) {
      std::string text(block.name);
      if (!text.empty()) text += "\n\n";
      json_.field("type", "text").field("text", text.append(media.data));
      return;
    }
    if (!d_.documents) {  // Mistral
      json_.field("type", "document_url").key("document_url");
      write_url(media);
      json_.text_field("document_name", block.name);
      return;
    }
    json_.field("type", "file").key("file").begin_object();
    if (media.from == Media::From::file_id) {
      json_.text_field("filename", block.name).field("file_id", media.data);
    } else {
      json_.field("filename", block.name.empty() ? string_view("document.pdf") : block.name);
      json_.key("file_data");
      write_url(media);
    }
    json_.end_object();
  }

  void write_cache_mark(string_view ttl) {
    if (ttl.empty()) return;
    if (d_.cache_marks == CacheMarks::breakpoint) {
      json_.key("prompt_cache_breakpoint").begin_object().field("mode", "explicit");
      json_.field("ttl", ttl == "12h" ? "12h" : "30m").end_object();
    } else if (d_.cache_marks == CacheMarks::cache_control) {
      json_.key("cache_control").begin_object().field("type", "ephemeral");
      json_.field("ttl", ttl == "5m" ? "5m" : "1h").end_object();
    }
  }

  // --- assistant

  void write_assistant(const Message& message) {
    json_.begin_object().field("role", "assistant");
    write_name(message);
    const bool calls =
        std::any_of(message.content.begin(), message.content.end(), [](const Block& block) {
          return block.kind == BlockKind::tool_call ||
                 (block.kind == BlockKind::native && is_call(block));
        });
    if (!d_.thinking_chunks) write_thoughts(message);
    json_.key("content");
    const std::string refusal = d_.refusals ? refusal_of(message) : std::string();
    write_content(message.content, place_of(request_.from, at_), text_kinds,
                  calls || !refusal.empty());
    if (!refusal.empty()) json_.field("refusal", refusal);
    if (calls) write_calls(message);
    write_own_members(message.content);
    if (at_ + 1 == request_.messages.size()) write_prefill();
    json_.end_object();
  }

  static std::string refusal_of(const Message& message) {
    std::string out;
    for (const Block& block : message.content)
      if (block.kind == BlockKind::refusal) out += block.text;
    return out;
  }

  // An answer that the client has begun. Only in some dialects a last assistant's message means it.
  void write_prefill() {
    const bool history = !request_.goes_on();
    // What says the beginning again is of use only to whom knows the beginning.
    const bool can = !history && d_.prefill != Prefill::none &&
                     (d_.prefill != Prefill::last_message || request_.begun);
    if (can && d_.prefill == Prefill::prefix) json_.field("prefix", true);
    if (can || (history && d_.prefill != Prefill::prefix)) return;
    for (const Block& block : request_.messages[at_].content)  // the client's own "prefix"
      if (block.kind == BlockKind::native && block.extra.name == "prefix") return;
    writing_.lose(place_of(request_.from, at_),
                  "does not go on with an answer that the client has begun");
  }

  // Whether this thought goes back to its model; tells the loss when not.
  bool sends_thought(const Block& block, const std::string& field) {
    const bool readable = block.signature.value.empty() || writing_.reads(block.signature);
    const bool wanted =
        d_.replay == Replay::always || (d_.replay == Replay::tool_loop && at_ > last_user_);
    const bool carries_signatures = d_.reasoning_details || d_.thinking_chunks;
    const bool encrypted = block.kind == BlockKind::redacted_thinking;
    if (!wanted || (encrypted && !(readable && d_.reasoning_details))) {
      writing_.lose(field, "does not take this thought back", true);
      return false;
    }
    if (!block.signature.value.empty() && !(readable && carries_signatures))
      writing_.lose(field + ".signature", "cannot read this signature", true);
    return true;
  }

  void write_thoughts(const Message& message) {
    std::string joined;
    bool any = false;
    std::int64_t index = 0;
    for (std::size_t i = 0; i < message.content.size(); ++i) {
      const Block& block = message.content[i];
      if (!is_thought(block) || !sends_thought(block, place(i))) continue;
      if (d_.reasoning_details) {
        if (!any) json_.key("reasoning_details").begin_array();
        const bool readable = writing_.reads(block.signature);
        write_detail(json_, block.kind, block.text, readable ? block.signature : Signature(),
                     index++, false);
      } else {
        if (!joined.empty()) joined += "\n\n";
        joined += block.text;
      }
      any = true;
    }
    if (any && d_.reasoning_details) json_.end_array();
    const bool needed = d_.replay == Replay::tool_loop && at_ > last_user_;
    if ((any || needed) && !d_.reasoning_field.empty()) json_.field(d_.reasoning_field, joined);
  }

  void write_calls(const Message& message) {
    json_.key("tool_calls").begin_array();
    for (std::size_t i = 0; i < message.content.size(); ++i) {
      const Block& block = message.content[i];
      if (block.kind == BlockKind::native && is_call(block)) {
        if (writing_.takes("tool_calls")) {
          json_.raw(block.extra.raw);
        } else {
          writing_.lose(place(i), "has only calls of functions");
        }
      }
      if (block.kind != BlockKind::tool_call) continue;
      json_.begin_object().field("id", call_id(d_, block.id)).field("type", "function");
      json_.key("function").begin_object().field("name", block.name);
      json_.field("arguments", block.arguments.empty() ? string_view("{}") : block.arguments);
      json_.end_object();
      write_call_signature(block, place(i));
      json_.end_object();
    }
    json_.end_array();
  }

  void write_call_signature(const Block& block, const std::string& field) {
    if (block.signature.value.empty()) return;
    if (!writing_.reads(block.signature))
      return writing_.lose(field + ".signature", "cannot read this signature", true);
    json_.key("extra_content").begin_object().key("google").begin_object();
    json_.field("thought_signature", block.signature.value).end_object().end_object();
  }

  // --- tool results

  void write_results(const Message& message) {
    std::vector<Part> images;
    for (std::size_t i = 0; i < message.content.size(); ++i) {
      const Block& result = message.content[i];
      if (result.kind != BlockKind::tool_result) {
        writing_.lose(place(i), "cannot have this among tool results");
        continue;
      }
      std::vector<Block> texts;
      std::string prefixed = "Error: ";
      if (result.is_error) {
        writing_.lose(place(i) + ".is_error",
                      "cannot mark a result as an error: its text is prefixed", true);
      }
      for (const Block& block : result.content) {
        if (block.kind == BlockKind::image || block.kind == BlockKind::document) {
          images.push_back({&block, place(i)});
        } else {
          texts.push_back(block);
        }
      }
      if (result.is_error) {
        if (texts.empty()) texts.emplace_back();
        texts.front().text = prefixed.append(texts.front().text);
      }
      if (!result.cache_ttl.empty() && !texts.empty()) texts.back().cache_ttl = result.cache_ttl;
      json_.begin_object().field("role", "tool").field("tool_call_id", call_id(d_, result.id));
      if (d_.tool_names) json_.text_field("name", result.name);
      json_.key("content");
      write_content(texts, place(i), text_kinds);
      write_own_members(texts);
      json_.end_object();
    }
    if (!images.empty()) write_moved(images);
  }

  // Images of results, in a user's message behind them.
  void write_moved(const std::vector<Part>& images) {
    std::vector<const Block*> kept;
    for (const Part& part : images) {
      if (!can_write(*part.block, part.field)) continue;
      kept.push_back(part.block);
      writing_.lose(part.field, "takes media of a tool result only in a user message behind it",
                    true);
    }
    if (kept.empty()) return;
    moved_images_ = true;
    separate_from_results();
    json_.begin_object().field("role", "user").key("content").begin_array();
    json_.begin_object().field("type", "text");
    json_.field("text", "Media of the tool results above:").end_object();
    for (const Block* block : kept) write_part(*block);
    json_.end_array().end_object();
  }

  const Writing& writing_;
  const Request& request_;
  JsonWriter& json_;
  const Deviations& d_;
  std::size_t at_ = 0;         // the message being written
  std::size_t last_user_ = 0;  // the last message of a user
  bool moved_images_ = false;
};

}  // namespace

std::string call_id(const Deviations& deviations, string_view id) {
  if (deviations.nine_character_ids) {
    const bool fits = id.size() == 9 && std::all_of(id.begin(), id.end(), is_alphanumeric);
    return fits ? std::string(id) : letters_of(id, 9);
  }
  if (deviations.most_id_length != 0 && (id.empty() || id.size() > deviations.most_id_length))
    return "call_" + letters_of(id, 24);
  return std::string(id);
}

void write_messages(const Writing& writing) {
  writing.json.key("messages");
  MessageWriter(writing).write_all();
}

}  // namespace holdfast::dialect::openai
