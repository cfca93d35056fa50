// Writes one request for an upstream. The conversation is written in content_writer.cpp, tools in
// tools_writer.cpp, the rest in request_writer.cpp.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "dialect/codec.h"
#include "dialect/json_document.h"
#include "dialect/json_writer.h"

namespace holdfast::dialect::gemini {

class RequestWriter {
 public:
  RequestWriter(const Request& request, std::string_view model, const Abilities& abilities,
                std::vector<Loss>& losses);
  // The whole body.
  void write(WireText& out);
  // The members of the body, into an object that is open.
  void write_members(JsonWriter& json);

 private:
  // content_writer.cpp
  void write_contents(JsonWriter& json);
  void write_system(JsonWriter& json);
  void write_message(JsonWriter& json, std::size_t index);
  void begin_content(JsonWriter& json, std::string_view role);
  // Opens a part, in a content of `role`.
  JsonWriter& begin_part(JsonWriter& json, std::string_view role);
  void end_content(JsonWriter& json);
  void write_block(JsonWriter& json, const Block& block, std::string_view role,
                   const std::string& place);
  void write_text(JsonWriter& json, const Block& block, std::string_view role,
                  const std::string& place);
  void write_thinking(JsonWriter& json, const Block& block, std::string_view role,
                      const std::string& place);
  void write_call(JsonWriter& json, const Block& block, const std::string& place);
  void write_result(JsonWriter& json, const Block& block, const std::string& place);
  void write_result_text(JsonWriter& json, const Block& block);
  // The member inlineData or fileData.
  void write_media(JsonWriter& json, const Block& block);
  bool may_send(const Block& media, const std::string& place);
  // The signature as it may be sent; empty: none. Another house's is reported.
  std::string_view usable(const Signature& signature, const std::string& place);
  void write_block_extras(JsonWriter& json, const Block& block);
  std::string_view name_of_call(std::string_view id) const;
  bool signs_calls() const;
  bool media_in_results() const;

  // tools_writer.cpp
  void write_tools(JsonWriter& json);
  void write_function(JsonWriter& json, const Tool& tool, std::size_t index, std::size_t function);
  void write_tool_config(JsonWriter& json);

  // request_writer.cpp
  void write_generation_config(JsonWriter& json);
  void write_sampling(JsonWriter& json);
  void write_format(JsonWriter& json);
  void write_thinking_config(JsonWriter& json);
  void write_effort(JsonWriter& json);
  void write_rest(JsonWriter& json);
  // Google's own fields whose path begins with `prefix` and ends with a plain name.
  void write_extras(JsonWriter& json, std::string_view prefix);
  bool has_extra(std::string_view prefix) const;

  void lose(std::string field, std::string reason, bool harmless = false);
  void lose_parameter(std::string_view name, std::string reason, bool harmless = false);
  void lose_cache_mark(std::string_view ttl, const std::string& place);
  bool own() const { return request_.from == Dialect::gemini; }

  const Request& request_;
  std::string_view model_;
  const Abilities& abilities_;
  std::vector<Loss>& losses_;
  std::string_view role_;     // of the content that is open; empty: none
  bool call_signed_ = false;  // in the content that is open, the first call has been written
  JsonDocument scratch_;
};

// "/models/gemini-2.5-pro:generateContent": below the base URL.
std::string path_of(std::string_view model, std::string_view verb);

}  // namespace holdfast::dialect::gemini
