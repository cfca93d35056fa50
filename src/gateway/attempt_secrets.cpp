// What an attempt proves itself with, and that nobody gets to see it.
#include <charconv>

#include "gateway/attempt.h"

namespace holdfast::gateway {
namespace {

std::string without(std::string text, std::string_view secret) {
  constexpr std::string_view in_its_place = "[redacted]";
  if (secret.empty()) return text;
  // The search goes on behind it: a short secret may stand in it.
  for (auto at = text.find(secret); at != std::string::npos;
       at = text.find(secret, at + in_its_place.size()))
    text.replace(at, secret.size(), in_its_place);
  return text;
}

// JSON text with the escapes undone that may stand for a key's characters.
std::string unescaped(std::string_view json) {
  constexpr std::size_t escape_bytes = 6;  // \u0041
  std::string out;
  out.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '\\') {
      out.push_back(json[i]);
      continue;
    }
    const std::string_view escape = json.substr(i, escape_bytes);
    unsigned code = 0;
    if (escape.size() == escape_bytes && escape.starts_with("\\u00") &&
        std::from_chars(escape.data() + 4, escape.data() + escape_bytes, code, 16).ptr ==
            escape.data() + escape_bytes) {
      out.push_back(static_cast<char>(code));
      i += escape_bytes - 1;
    } else if (++i < json.size()) {
      out.push_back(json[i]);
    }
  }
  return out;
}

}  // namespace

// What an upstream says, without what it was sent to prove ourselves with.
std::string Attempt::scrubbed(std::string text) const {
  text = without(std::move(text), own_key().reveal());
  if (engine_) text = without(std::move(text), engine_->key.reveal());
  if (!credential_) return text;
  text = without(std::move(text), credential_->token.reveal());
  text = without(std::move(text), credential_->aws.secret_access_key.reveal());
  return without(std::move(text), credential_->aws.session_token.reveal());
}

// A new credential is asked for when this one is refused, unless one has come meanwhile.
void Attempt::report_refused() {
  if (!credential_ || outcome_.failure != FailureClass::revoked) return;
  const auto found = state_.parts.credentials.find(provider_.name);
  if (found == state_.parts.credentials.end()) return;
  if (found->second == credential_)
    state_.parts.on_refused(provider_.name);
  else
    outcome_.old_credential = true;  // the new one has not been refused yet
}

// An upstream's own error as the client may have it; nothing when a secret in it cannot be taken
// out without breaking it: one that is spelled with escapes, or stands in a frame with a checksum.
std::optional<std::string> Attempt::presentable(const std::string& error) const {
  std::string clean = scrubbed(error);
  const std::string plain = unescaped(clean);
  if (scrubbed(plain) != plain) return std::nullopt;
  const bool framed =
      state_.incoming.stream && provider_.adapter->codec().dialect() == dialect::Dialect::bedrock;
  if (framed && head_->status == 200 && clean != error) return std::nullopt;
  return clean;
}

// The provider's credential, if there is one that has not expired; else the failure is noted.
std::shared_ptr<const vault::Credential> Attempt::find_credential() {
  const auto found = state_.parts.credentials.find(provider_.name);
  const bool any = found != state_.parts.credentials.end();
  if (any && found->second->expires_us > state_.parts.clock.wall_us()) return found->second;
  outcome_.no_credential = true;
  fail(FailureClass::revoked, any ? "its credential has expired, and no new one has come"
                                  : "no credential has come from where it is fetched yet");
  return nullptr;
}

}  // namespace holdfast::gateway
