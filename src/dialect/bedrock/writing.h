// A request on its way to Converse: what it loses, and its conversation. Not for others.
#pragma once
#include <deque>

#include "dialect/bedrock/parts.h"

namespace holdfast::dialect::bedrock {

class Losses {
 public:
  Losses(const Request& request, const Abilities& abilities, std::vector<Loss>& out)
      : client(request.from),
        foreign(request.from != Dialect::bedrock),
        anthropic(abilities.house.empty() || abilities.house == own_house),
        cacheable(!foreign || anthropic || abilities.house == "amazon"),
        out_(out) {}

  // What is asked for and cannot be had.
  void refuse(std::string field, std::string reason) {
    lose(std::move(field), std::move(reason), false);
  }
  // What may be left out.
  void drop(std::string field, std::string reason) {
    lose(std::move(field), std::move(reason), true);
  }
  void lose(std::string field, std::string reason, bool harmless) {
    out_.push_back({std::move(field), std::move(reason), harmless});
  }
  void refuse(std::string_view parameter) {
    refuse(std::string(spelled(client, parameter)), "Converse has no " + std::string(parameter));
  }

  const Dialect client;
  const bool foreign;    // the client speaks another dialect
  const bool anthropic;  // the model is Claude, as far as is known
  const bool cacheable;  // the model knows cache points

 private:
  std::vector<Loss>& out_;
};

// Whether Converse takes `name` as that of a tool.
bool is_tool_name(std::string_view name);
void write_cache_point(JsonWriter& json, std::string_view ttl);

// The messages as Converse wants them: roles that alternate, results first, nothing empty.
class Conversation {
 public:
  Conversation(const Request& request, const Abilities& abilities, Losses& losses)
      : request_(request), abilities_(abilities), losses_(losses) {}
  //   errors   invalid_request: nothing is left to be sent, or a tool's name cannot be said
  Result<void> collect();
  void write(JsonWriter& json);
  bool has_tool_blocks() const { return has_tool_blocks_; }
  // Of system blocks and messages alike: whether Converse can carry it; notes what is lost.
  bool carries(const Block& block, const std::string& place);
  void write_block(JsonWriter& json, const Block& block, bool marked = true);
  static void write_said(JsonWriter& json, const Block& block);

 private:
  struct Piece {
    const Block* block = nullptr;
    std::string_view text;             // without a block
    std::vector<const Block*> nested;  // of a tool result
  };
  struct Turn {
    std::string_view role;
    std::vector<Piece> pieces;
  };
  std::vector<Piece>& pieces_of(std::string_view role);
  void collect(const Message& message, std::size_t index);
  bool carries_media(const Block& block, const std::string& place);
  bool carries_call(const Block& block, const std::string& place);
  bool carries_thought(const Block& block, const std::string& place);
  void finish_turns();
  void write_piece(JsonWriter& json, const Piece& piece);
  void write_result(JsonWriter& json, const Piece& piece);
  std::string document_name(const Block& block);

  const Request& request_;
  const Abilities& abilities_;
  Losses& losses_;
  std::vector<Turn> turns_;
  std::deque<std::string> texts_;  // what had to be made
  std::vector<std::string> document_names_;
  JsonDocument document_;
  std::string problem_;
  bool has_tool_blocks_ = false;
  bool foreign_turn_ = false;  // another house signed something of the message being collected
};

}  // namespace holdfast::dialect::bedrock
