#include "dialect/openai_responses/kept.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "dialect/json_writer.h"
#include "dialect/openai_responses/items.h"

namespace holdfast::dialect::openai_responses {
namespace {

bool is_message(JsonValue item) {
  return item["type"].text_is("message") || (!item["type"].exists() && item["role"].exists());
}

// The id of the item at `place`: its own, or one that is made the same way each time.
std::string id_of(JsonValue item, std::string_view seed, std::size_t place) {
  Arena arena;
  const std::string_view own = item["id"].text(arena);
  if (!own.empty()) return std::string(own);
  std::string_view prefix = "item_";
  if (is_message(item) || item.is_string()) prefix = "msg_";
  if (item["type"].text_is("function_call")) prefix = "fc_";
  if (item["type"].text_is("reasoning")) prefix = made_thought_id;
  return fmt::format("{}{}_{}", prefix, seed, place);
}

void write_text(JsonWriter& json, JsonValue text, bool answered) {
  Arena arena;
  json.key("content").begin_array().begin_object();
  json.field("type", answered ? "output_text" : "input_text").field("text", text.text(arena));
  if (answered) json.raw_field("annotations", "[]");
  json.end_object().end_array();
}

void write_item(JsonWriter& json, JsonValue item, const std::string& id) {
  json.begin_object().field("id", id);
  const bool message = is_message(item) || item.is_string();
  if (message) json.field("type", "message");
  if (item.is_string()) json.field("role", "user");
  if (message && !item["status"].exists()) json.field("status", "completed");
  if (item.is_string()) write_text(json, item, false);
  Arena arena;
  for (const JsonValue::Member& member : item.members()) {
    const std::string_view name = member.key.text(arena);
    if (name == "id" || (message && name == "type")) continue;
    if (message && name == "content" && member.value.is_string())
      write_text(json, member.value, item["role"].text_is("assistant"));
    else
      json.raw_field(name, member.value.raw());
  }
  json.end_object();
}

}  // namespace

std::expected<std::string, RequestProblem> list_items(JsonValue input, std::string_view seed,
                                                      const ItemPage& page) {
  struct Placed {
    JsonValue item;
    std::string id;
  };
  std::vector<Placed> items;
  if (input.is_string()) items.push_back({input, id_of(input, seed, 0)});
  for (const JsonValue item : input.elements())
    items.push_back({item, id_of(item, seed, items.size())});
  if (!page.ascending) std::ranges::reverse(items);
  std::size_t from = 0;
  if (!page.after.empty()) {
    const auto found = std::ranges::find(items, page.after, &Placed::id);
    if (found == items.end())
      return std::unexpected(RequestProblem{
          400, "after: no item of the response's input has this id", "invalid_value", "after"});
    from = static_cast<std::size_t>(found - items.begin()) + 1;
  }
  const std::size_t to = std::min(items.size(), from + static_cast<std::size_t>(page.limit));
  WireText out;
  JsonWriter json(out);
  json.begin_object().field("object", "list").key("data").begin_array();
  for (std::size_t i = from; i < to; ++i) write_item(json, items[i].item, items[i].id);
  json.end_array();
  const auto end = [&](std::string_view name, std::size_t index) {
    json.key(name);
    if (from < to)
      json.string(items[index].id);
    else
      json.null();
  };
  end("first_id", from);
  end("last_id", to - 1);
  json.field("has_more", to < items.size()).end_object();
  return out.joined();
}

std::string write_deleted(std::string_view id) {
  WireText out;
  JsonWriter json(out);
  json.begin_object().field("id", id).field("object", "response").field("deleted", true);
  json.end_object();
  return out.joined();
}

std::string_view response_in(std::string_view data) {
  JsonDocument document;
  if (!document.parse(data, {.allow_lone_surrogates = true})) return {};
  const JsonValue response = document.root()["response"];
  return response.is_object() ? response.raw() : std::string_view();
}

}  // namespace holdfast::dialect::openai_responses
