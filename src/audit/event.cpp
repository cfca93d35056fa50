#include "audit/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <vector>

#include "audit/text.h"
#include "config/utf8.h"

namespace holdfast::audit {
namespace {

namespace json = boost::json;

constexpr std::int64_t exact_integer = 1LL << 53U;  // what every JSON reader keeps exact
constexpr std::size_t kept_bytes = 256;             // of a text that is cut
constexpr std::array phases = {std::string_view("fact"), std::string_view("intent"),
                               std::string_view("outcome")};
constexpr std::array outcomes = {std::string_view("done"), std::string_view("failed"),
                                 std::string_view("unknown")};

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > '\x1f' && c < '\x7f'; });
}

void write_text(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else
          out += c;
    }
  out += '"';
}

bool write_value(const json::value& value, std::string& out);

bool write_object(const json::object& object, std::string& out) {
  std::vector<const json::key_value_pair*> sorted;
  sorted.reserve(object.size());
  for (const auto& pair : object) {
    if (!is_ascii(pair.key())) return false;
    sorted.push_back(&pair);
  }
  std::ranges::sort(sorted, {}, [](const auto* pair) { return std::string_view(pair->key()); });
  out += '{';
  for (const auto* pair : sorted) {
    if (pair != sorted.front()) out += ',';
    write_text(pair->key(), out);
    out += ':';
    if (!write_value(pair->value(), out)) return false;
  }
  out += '}';
  return true;
}

bool write_array(const json::array& array, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i != 0) out += ',';
    if (!write_value(array[i], out)) return false;
  }
  out += ']';
  return true;
}

bool write_value(const json::value& value, std::string& out) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      return true;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return true;
    case json::kind::int64:
      out += fmt::format("{}", value.get_int64());
      return value.get_int64() >= -exact_integer && value.get_int64() <= exact_integer;
    case json::kind::uint64:
      out += fmt::format("{}", value.get_uint64());
      return value.get_uint64() <= static_cast<std::uint64_t>(exact_integer);
    case json::kind::double_:
      return false;
    case json::kind::string:
      write_text(value.get_string(), out);
      return true;
    case json::kind::array:
      return write_array(value.get_array(), out);
    case json::kind::object:
      return write_object(value.get_object(), out);
  }
  return false;
}

// Valid UTF-8 of at most audit_text_bytes. Bytes that are none become U+FFFD.
std::string clean(std::string_view text) {
  std::string out;
  for (std::string_view rest = text.substr(0, std::min(text.size(), limits::audit_text_bytes + 1));
       !rest.empty();) {
    const auto bad = config::first_bad_byte(rest);
    const std::size_t good = bad.value_or(rest.size());
    out += rest.substr(0, good);
    rest.remove_prefix(good);
    if (rest.empty()) break;
    const bool control = static_cast<unsigned char>(rest.front()) < 0x20;  // JSON can say it
    out += control ? rest.substr(0, 1) : std::string_view("\xef\xbf\xbd");
    rest.remove_prefix(1);
  }
  if (text.size() <= limits::audit_text_bytes) return out;
  std::size_t cut = kept_bytes;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xc0U) == 0x80U) --cut;
  out.resize(cut);
  return out + fmt::format("... ({} bytes, sha256 {})", text.size(), hex(sha256(text)));
}

json::object clean(const json::object& values) {
  json::object out;
  for (const auto& pair : values) {
    if (out.size() == limits::audit_values) break;
    const json::value& value = pair.value();
    std::string plain;
    const std::string_view name = is_ascii(pair.key()) ? std::string_view(pair.key()) : "?";
    if (value.is_string())
      out[name] = clean(std::string_view(value.get_string()));
    else if (!value.is_structured() && write_value(value, plain))
      out[name] = value;
    else
      out[name] = clean(json::serialize(value));
  }
  return out;
}

void set(json::object& into, std::string_view name, std::string_view text) {
  if (!text.empty()) into[name] = clean(text);
}

void set(json::object& into, std::string_view name, const json::object& values) {
  if (!values.empty()) into[name] = clean(values);
}

// Takes text out of `from`; false when something else stands there.
bool take(json::object& from, std::string_view name, std::string& into) {
  const auto found = from.find(name);
  if (found == from.end()) return true;
  if (!found->value().is_string() || found->value().get_string().empty()) return false;
  into = found->value().get_string();
  from.erase(found);
  return true;
}

bool take(json::object& from, std::string_view name, json::object& into) {
  const auto found = from.find(name);
  if (found == from.end()) return true;
  if (!found->value().is_object()) return false;
  into = std::move(found->value().get_object());
  from.erase(found);
  return true;
}

bool take(json::object& from, std::string_view name, std::uint64_t& into) {
  const auto found = from.find(name);
  if (found == from.end() || !found->value().is_int64() || found->value().get_int64() < 0)
    return false;
  into = static_cast<std::uint64_t>(found->value().get_int64());
  from.erase(found);
  return true;
}

template <class E, std::size_t N>
bool take(json::object& from, std::string_view name, const std::array<std::string_view, N>& names,
          E& into) {
  std::string text;
  if (!take(from, name, text)) return false;
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return false;
  into = static_cast<E>(found - names.begin());
  return true;
}

}  // namespace

Event own_event(std::string action, boost::json::object after) {
  return {.action = std::move(action),
          .actor = "holdfast",
          .from = {},
          .target = {},
          .reason = {},
          .request_id = {},
          .before = {},
          .after = std::move(after)};
}

std::string_view to_string(Phase phase) { return phases[static_cast<std::size_t>(phase)]; }
std::string_view to_string(Outcome outcome) { return outcomes[static_cast<std::size_t>(outcome)]; }

std::optional<std::string> canonical(const json::value& value) {
  std::string out;
  if (!write_value(value, out)) return std::nullopt;
  return out;
}

Result<std::string> write_entry(const Entry& entry) {
  json::object line{
      {"index", entry.index}, {"time_us", entry.time_us}, {"phase", to_string(entry.phase)}};
  if (entry.phase == Phase::outcome) {
    line["of"] = entry.of;
    line["outcome"] = to_string(entry.outcome);
  }
  const Event& event = entry.event;
  set(line, "action", event.action);
  set(line, "actor", event.actor);
  set(line, "from", event.from);
  set(line, "target", event.target);
  set(line, "reason", event.reason);
  set(line, "request_id", event.request_id);
  set(line, "before", event.before);
  set(line, "after", event.after);
  auto text = canonical(line);
  if (!text || text->size() > limits::audit_line_bytes)
    return fail(ErrorCode::too_large, "an entry of the audit log would be longer than 64 KiB");
  return *std::move(text);
}

Result<Entry> read_entry(std::string_view line) {
  const auto wrong = [](std::string_view what) {
    return fail(ErrorCode::malformed_response, std::string(what));
  };
  if (line.size() > limits::audit_line_bytes) return wrong("it is longer than 64 KiB");
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 8;
  json::value value = json::parse(line, error, {}, options);
  if (error || !value.is_object()) return wrong("it is not a JSON object");
  if (const auto again = canonical(value); !again || *again != line)
    return wrong("its JSON is not written as Holdfast writes it");
  json::object& fields = value.get_object();
  Entry out;
  std::uint64_t time_us = 0;
  bool right = take(fields, "index", out.index) && take(fields, "time_us", time_us) &&
               fields.contains("phase") && take(fields, "phase", phases, out.phase) &&
               fields.contains("action");
  if (right && out.phase == Phase::outcome)
    right = take(fields, "of", out.of) && out.of < out.index && fields.contains("outcome") &&
            take(fields, "outcome", outcomes, out.outcome);
  out.time_us = static_cast<std::int64_t>(time_us);
  Event& event = out.event;
  right = right && take(fields, "action", event.action) && take(fields, "actor", event.actor) &&
          take(fields, "from", event.from) && take(fields, "target", event.target) &&
          take(fields, "reason", event.reason) && take(fields, "request_id", event.request_id) &&
          take(fields, "before", event.before) && take(fields, "after", event.after);
  if (!right || !fields.empty()) return wrong("its fields are not those of an entry");
  return out;
}

}  // namespace holdfast::audit
