// Writes the conversation of a request: messages, blocks, cache marks, and what of them is lost.
#pragma once
#include <unordered_map>

#include "dialect/anthropic/parts.h"
#include "dialect/anthropic/spelling.h"

namespace holdfast::dialect::anthropic {

// The request's own extras by the path of the object that they belong to.
class ExtraIndex {
 public:
  explicit ExtraIndex(const Request& request);
  bool empty() const { return extras_.empty(); }
  bool has(std::string_view parent) const { return extras_.contains(parent); }
  // Writes those of `parent` as members; "" is the body itself.
  void write(JsonWriter& json, std::string_view parent) const;

 private:
  std::unordered_multimap<std::string_view, const Extra*> extras_;
};

// What the writers of one request share.
struct Writing {
  Writing(const Request& asked, const Abilities& takes, std::vector<Loss>& lost, WireText& text);

  const Request& request;
  const Abilities& abilities;
  std::vector<Loss>& losses;
  JsonWriter json;
  ExtraIndex extras;
  bool kin;                   // the client's dialect speaks of Claude as well (or is this one)
  std::size_t leading;        // system texts before the messages
  std::size_t end;            // messages from here on are not written
  std::size_t marks_to_skip;  // cache marks beyond the four that are taken, the earliest first

  void lose(std::string field, std::string reason, bool harmless = false);
  void lose(Field field, std::string reason, bool harmless = false);
  // Whether the target can read this signature.
  bool readable(const Signature& signature) const;
  void write_cache_mark(std::string_view ttl, std::string_view place);
};

// Members `system` and `messages`.   errors   invalid_request: nothing is said
Result<void> write_conversation(Writing& writing);
// Whether the calls that the last message answers are in a message that, as it will be written,
// begins without a thinking block of this house although the client's did or its dialect has none.
bool loop_lacks_thinking(const Writing& writing);

}  // namespace holdfast::dialect::anthropic
