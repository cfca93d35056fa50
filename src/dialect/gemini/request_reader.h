// Reads one request of a client. The messages are read in request_reader.cpp, the rest in
// config_reader.cpp.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "dialect/gemini/members.h"

namespace holdfast::dialect::gemini {

class RequestReader {
 public:
  explicit RequestReader(Request& out) : reading_{out.arena, std::nullopt}, out_(out) {}
  void read(JsonValue root);
  // Nothing but contents is needed; whether there are any is the caller's question.
  const std::optional<RequestProblem>& problem() const { return reading_.problem; }

 private:
  // A call of this conversation that results may answer.
  struct Call {
    std::string_view name, id;
    bool answered = false;
  };

  // request_reader.cpp
  void read_contents(JsonValue contents);
  void read_content(JsonValue content, std::size_t index);
  void add(Role role, Block block, std::size_t content);
  void read_system(JsonValue instruction);
  // False: a part that says nothing.
  bool read_part(JsonValue part, const std::string& path, Block& out);
  void read_call(JsonValue call, const std::string& path, Block& out);
  void read_result(JsonValue result, const std::string& path, Block& out);
  void read_result_text(JsonValue response, Block& out);
  void read_inline(JsonValue data, const std::string& path, Block& out);
  void read_file(JsonValue data, const std::string& path, Block& out);
  void pair(Block& result);
  void join_pieces();

  // config_reader.cpp
  void read_tools(JsonValue tools);
  void read_function(JsonValue function, const std::string& path);
  void read_tool_config(JsonValue config);
  void read_generation_config(JsonValue config);
  void read_format(Members& config);
  void read_thinking(JsonValue config);
  std::vector<std::string_view> texts(JsonValue list, const std::string& path);

  void keep_extra(const std::string& path, JsonValue value);
  // What nobody has taken of a block's object: named for others, and written back by our writer.
  void keep_block_extras(Members& members, Block& block);
  std::string_view made_id(std::string_view path);

  Reading reading_;
  Request& out_;
  std::vector<Call> calls_;
  std::vector<std::size_t> origins_;  // of the last message's blocks: the content they came in
  std::size_t last_content_ = 0;
};

// Google's schema (a subset of OpenAPI's, its types in capitals) as JSON schema.
std::string json_schema_of(JsonValue schema);

}  // namespace holdfast::dialect::gemini
