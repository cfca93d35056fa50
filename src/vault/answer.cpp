#include "vault/answer.h"

#include <fmt/format.h>

#include <boost/json/memory_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <new>

#include "net/http_head.h"
#include "net/url.h"
#include "vault/credential.h"
#include "vault/xml.h"

namespace holdfast::vault {
namespace {
namespace json = boost::json;
constexpr std::int64_t usual_life_s = 3'600;
constexpr std::int64_t longest_life_s = std::int64_t{31} * 86'400;
constexpr std::int64_t us_per_s = 1'000'000;
constexpr std::size_t masked_bytes = 8;
constexpr std::size_t shown_bytes = 240;

// Boost.JSON gives a key back with another alignment than it took it with, so that alignment plays
// no part here: what it asks for is never more than operator new's own.
class Wiping final : public json::memory_resource {
  void* do_allocate(std::size_t size, std::size_t) override { return ::operator new(size); }
  void do_deallocate(void* at, std::size_t size, std::size_t) override {
    explicit_bzero(at, size);
    ::operator delete(at);
  }
  bool do_is_equal(const json::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

std::unexpected<Error> malformed(std::string detail) {
  return fail(ErrorCode::malformed_response, std::move(detail));
}

// What a refusal's body says: a code and a message, each of which may be empty.
struct Words {
  std::string code, message;
};

Words words_of(const json::object& object) {
  // OAuth: {"error": "...", "error_description": "..."}; Google: {"error": {"status", "message"}};
  // AWS: {"Code" or "code", "Message" or "message"}.
  if (const json::value* error = object.if_contains("error"); error && error->is_object())
    return {std::string(text_of(error->get_object(), "status")),
            std::string(text_of(error->get_object(), "message"))};
  // OpenBao: {"errors": ["..."]}.
  if (const json::value* errors = object.if_contains("errors");
      errors && errors->is_array() && !errors->get_array().empty())
    if (const json::value& error = errors->get_array().front(); error.is_string())
      return {{}, std::string(error.get_string())};
  const auto first = [&](std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys)
      if (const std::string_view text = text_of(object, key); !text.empty())
        return std::string(text);
    return std::string();
  };
  return {first({"error", "Code", "code"}), first({"error_description", "Message", "message"})};
}

Words words_of(std::string_view body) {
  if (const auto object = read_object(body, "")) return words_of(*object);
  if (const auto leaves = read_xml(body)) {
    const auto code = find_leaf(*leaves, "ErrorResponse/Error/Code");
    const auto message = find_leaf(*leaves, "ErrorResponse/Error/Message");
    return {std::string(code.value_or("")), std::string(message.value_or(""))};
  }
  return {};
}

// What was sent and may be secret: the values of the form and of the headers.
Secret values_of(const TokenRequest& request) {
  std::string all;
  std::size_t size = request.body.reveal().size();
  for (const Header& header : request.headers) size += header.value.reveal().size() + 1;
  all.reserve(size);
  std::string_view body = request.body.reveal();
  while (!body.empty()) {
    const std::string_view field = body.substr(0, body.find('&'));
    const std::size_t equals = std::min(field.find('='), field.size());
    const bool named = equals < field.size() && field.substr(0, equals).find('"') == field.npos;
    const Secret value(net::percent_decode(field.substr(named ? equals + 1 : 0), true));
    all += value.reveal();
    all += '\n';
    body.remove_prefix(std::min(field.size() + 1, body.size()));
  }
  for (const Header& header : request.headers) {
    all += header.value.reveal();
    all += '\n';
  }
  return Secret(std::move(all));
}

// One line of ASCII without the pieces of 8 bytes and more that are in `sent`.
std::string shown(std::string_view text, const Secret& sent) {
  std::string out;
  while (!text.empty() && out.size() < shown_bytes) {
    std::size_t same = 0;
    for (std::size_t size = masked_bytes; size <= text.size(); ++size) {
      if (sent.reveal().find(text.substr(0, size)) == std::string_view::npos) break;
      same = size;
    }
    if (same > 0) {
      out += "[...]";
      text.remove_prefix(same);
      continue;
    }
    const char c = text[0];
    const bool space = c == '\n' || c == '\r' || c == '\t';
    out += space ? ' ' : c >= 0x20 && c < 0x7f ? c : '?';
    text.remove_prefix(1);
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}
}  // namespace

std::string_view TokenAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (net::same_name(key, name)) return value;
  return {};
}

Result<json::object> read_object(std::string_view text, std::string_view what) {
  json::parse_options options;
  options.max_depth = 16;
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error,
                                  json::make_shared_resource<Wiping>(), options);
  if (error) return malformed(fmt::format("{} is not JSON", what));
  if (!value.is_object()) return malformed(fmt::format("{} is no JSON object", what));
  return std::move(value.get_object());
}

std::string_view text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_string()) return {};
  const json::string& text = value->get_string();
  return {text.data(), text.size()};
}

std::optional<std::int64_t> whole_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr) return std::nullopt;
  if (value->is_int64()) return value->get_int64();
  const std::string_view text = text_of(object, key);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<Credential> bearer(std::string_view token, std::int64_t expires_us, std::int64_t now_us) {
  if (token.empty()) return malformed("the answer has no token");
  if (token.size() > limits::token_bytes) return malformed("the token is longer than 16 KiB");
  if (!is_visible(token)) return malformed("the token is not visible ASCII");
  if (expires_us <= now_us) return malformed("the token has expired already");
  Credential out;
  out.token = Secret(std::string(token));
  out.expires_us = std::min(expires_us, now_us + longest_life_s * us_per_s);
  return out;
}

Result<Credential> read_bearer(const TokenAnswer& answer, std::int64_t now_us) {
  const auto object = read_object(answer.body.reveal(), "the answer");
  if (!object) return std::unexpected(object.error());
  const std::string_view type = text_of(*object, "token_type");
  if (!type.empty() && !net::same_name(type, "bearer"))
    return malformed("the token is not a bearer token");
  const auto bounded = [](std::int64_t seconds) {
    return std::clamp<std::int64_t>(seconds, 0, longest_life_s);
  };
  std::int64_t life_s = usual_life_s;
  if (const auto seconds = whole_of(*object, "expires_in")) {
    life_s = bounded(*seconds);
  } else if (const auto at_s = whole_of(*object, "expires_on")) {
    const std::int64_t now_s = now_us / us_per_s;
    life_s = *at_s <= now_s ? 0 : bounded(*at_s - now_s);
  } else if (object->contains("expires_in") || object->contains("expires_on")) {
    return malformed("the token's lifetime is not a number");
  }
  return bearer(text_of(*object, "access_token"), now_us + life_s * us_per_s, now_us);
}

std::string refusal(const TokenRequest& request, const TokenAnswer& answer) {
  const Secret sent = values_of(request);
  const Words words = words_of(answer.body.reveal());
  std::string out = fmt::format("{} answered {}", request.endpoint.origin.host, answer.status);
  if (!words.code.empty()) out += " " + shown(words.code, sent);
  if (!words.message.empty()) out += ": " + shown(words.message, sent);
  return out;
}

}  // namespace holdfast::vault
