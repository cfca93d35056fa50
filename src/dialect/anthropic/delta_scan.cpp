#include "dialect/anthropic/delta_scan.h"

#include <charconv>

#include "dialect/anthropic/parts.h"

namespace holdfast::dialect::anthropic {
namespace {

enum Place : JsonTag {
  d_type = 1,
  d_index,
  d_delta,
  d_kind,
  d_text,
  d_json,
  d_thought,
  d_signature
};

class DeltaVisitor final : public JsonVisitor {
 public:
  explicit DeltaVisitor(std::string_view text) : text_(text) {}

  JsonTag member(JsonTag parent, std::string_view key) override {
    if (parent == root_tag) {
      if (key == "type") return d_type;
      if (key == "index") return d_index;
      return key == "delta" ? d_delta : no_tag;
    }
    if (parent != d_delta) return no_tag;
    if (key == "type") return d_kind;
    if (key == "text") return d_text;
    if (key == "partial_json") return d_json;
    if (key == "thinking") return d_thought;
    return key == "signature" ? d_signature : no_tag;
  }
  JsonTag element(JsonTag) override { return no_tag; }
  void value(JsonTag tag, JsonKind kind, std::size_t begin, std::size_t end) override {
    const std::string_view raw = text_.substr(begin, end - begin);
    if (tag == d_index && kind == JsonKind::number)
      std::from_chars(raw.begin(), raw.end(), index);
    else if (kind != JsonKind::string)
      return;
    else if (tag == d_type)
      type = raw;
    else if (tag == d_kind)
      delta_type = raw;
    else if (tag >= d_text && tag <= d_signature)
      texts[tag - d_text] = raw;
  }

  std::int64_t index = -1;
  std::string_view type, delta_type;  // with their quotes, as all of these
  std::string_view texts[4];          // by tag, from d_text on

 private:
  std::string_view text_;
};

}  // namespace

std::optional<Delta> scan_delta(std::string_view data, Arena& arena) {
  DeltaVisitor seen(data);
  if (!scan_json(data, seen, lenient) || seen.type != R"("content_block_delta")" || seen.index < 0)
    return std::nullopt;
  if (seen.delta_type == R"("citations_delta")") return std::nullopt;
  constexpr std::string_view types[] = {R"("text_delta")", R"("input_json_delta")",
                                        R"("thinking_delta")", R"("signature_delta")"};
  Delta out{.index = seen.index, .signature = seen.delta_type == types[3], .text = {}};
  for (std::size_t i = 0; i < std::size(types); ++i) {
    const std::string_view quoted = seen.texts[i];
    if (seen.delta_type != types[i] || quoted.empty()) continue;
    out.text = quoted.find('\\') == std::string_view::npos
                   ? quoted.substr(1, quoted.size() - 2)
                   : arena.keep(unescape_json_string(quoted));
  }
  return out;
}

}  // namespace holdfast::dialect::anthropic
