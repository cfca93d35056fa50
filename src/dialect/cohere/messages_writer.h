// Messages and blocks as Cohere's.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "dialect/codec.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::cohere {

class MessagesWriter {
 public:
  MessagesWriter(JsonWriter& json, const Request& request, const Abilities& abilities,
                 std::vector<Loss>& losses)
      : json_(json), request_(request), abilities_(abilities), losses_(losses) {}
  // The elements of `messages`.
  void write();

 private:
  void lose(std::string field, std::string reason, bool harmless = false) {
    losses_.push_back({std::move(field), std::move(reason), harmless});
  }
  void message(std::size_t index);
  void system(std::span<const Block> blocks, const std::string& place);
  void user(std::size_t index);
  void assistant(std::size_t index);
  void calls(const Message& message);
  void result(const Block& block, const std::string& at);
  bool can_say(const Block& block, const std::string& at);
  void part(const Block& block);

  JsonWriter& json_;
  const Request& request_;
  const Abilities& abilities_;
  std::vector<Loss>& losses_;
};

}  // namespace holdfast::dialect::cohere
