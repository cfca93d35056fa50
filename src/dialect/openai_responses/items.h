// Items, the pieces of input and output, as messages and blocks.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "dialect/canonical.h"
#include "dialect/json_document.h"
#include "dialect/request_fields.h"

namespace holdfast::dialect::openai_responses {

// An extra that names a place within the input ("input[2].phase") is carried by its block, and is
// none of the request's own members.
inline bool names_a_place(std::string_view extra) { return extra.find('[') != extra.npos; }
// Whether a native block is a part of a message ("input[2].content[0]"), not an item by itself.
inline bool is_part(std::string_view extra) {
  return extra.find("].content[") != extra.npos || extra.find("].output[") != extra.npos;
}

// The words of `include` that are understood here.
inline constexpr std::string_view include_logprobs = "message.output_text.logprobs";
inline constexpr std::string_view include_encrypted = "reasoning.encrypted_content";
// Marks, as a signature's id, an encrypted reasoning that has no text by nature.
inline constexpr std::string_view redacted_mark = "redacted";

// The texts of an array of parts, as one: summaries of thoughts come in several.
inline constexpr std::string_view between_thoughts = "\n\n";
std::string_view joined_texts(JsonValue parts, Arena& arena);

// A data URL's two halves, or a link.
Media media_of(std::string_view url);

// How ids of thoughts begin that were made here: no house knows them.
inline constexpr std::string_view made_thought_id = "rs_hf_";

// Reads a client's items one after the other: assistants' neighbours are one message, and so are
// neighbouring outputs of tools. An item with a member that nothing here stands for is kept whole,
// as a native block.
class ItemReader {
 public:
  // Leading system messages go to `system`; null: they are messages like others.
  ItemReader(Reading& reading, std::vector<Block>* system, std::vector<Message>& messages,
             std::vector<Extra>& extras)
      : reading_(reading), system_(system), messages_(messages), extras_(extras) {}
  // An array of items, or a user's text.
  void read(JsonValue items, std::string_view path);

 private:
  void item(JsonValue value, const std::string& path);
  void message(Fields& fields, JsonValue value);
  void function_call(Fields& fields, JsonValue value);
  void function_output(Fields& fields, JsonValue value);
  void reasoning(Fields& fields, JsonValue value);
  void native(JsonValue value, std::string_view name, Role role);
  // Whether a member was left that nothing here stands for; then the item is kept whole.
  bool kept_whole(Fields& fields, JsonValue value, Role role);
  std::vector<Block> parts(JsonValue content, const std::string& path, Role role);
  bool part(JsonValue value, const std::string& path, Block& out);
  bool media_part(std::string_view type, Fields& fields, Block& out);
  std::vector<Block>& blocks_of(Role role);

  Reading& reading_;
  std::vector<Block>* system_;
  std::vector<Message>& messages_;
  std::vector<Extra>& extras_;
};

}  // namespace holdfast::dialect::openai_responses
