// Messages and blocks as the items of a request to an upstream.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "dialect/codec.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::openai_responses {

class ItemWriter {
 public:
  ItemWriter(JsonWriter& json, const Request& request, const Abilities& abilities,
             std::vector<Loss>& losses)
      : json_(json), request_(request), abilities_(abilities), losses_(losses) {}

  void system(std::span<const Block> blocks);
  void message(std::size_t index);

 private:
  void lose(std::string field, std::string reason, bool harmless = false) {
    losses_.push_back({std::move(field), std::move(reason), harmless});
  }
  // A message of the blocks [from, to), which are parts.
  void parts(std::string_view role, std::span<const Block> blocks, const std::string& place,
             std::size_t from);
  bool part(std::string_view role, const Block& block, const std::string& at);
  bool image(const Block& block, const std::string& at);
  bool document(const Block& block, const std::string& at);
  bool audio(const Block& block, const std::string& at);
  void item(const Block& block, const std::string& at);
  void tool_call(const Block& block);
  void tool_result(const Block& block, const std::string& at);
  void thinking(const Block& block, const std::string& at);
  void text_part(std::string_view type, std::string_view text, const Block& of,
                 const std::string& at);
  void mark(const Block& block, const std::string& at);
  bool file_is_ours(const Block& block, const std::string& at);
  std::string call_id(const Block& block, std::size_t& nameless);

  JsonWriter& json_;
  const Request& request_;
  const Abilities& abilities_;
  std::vector<Loss>& losses_;
  std::size_t nameless_calls_ = 0, nameless_results_ = 0;
};

}  // namespace holdfast::dialect::openai_responses
