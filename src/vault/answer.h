// Answers of token services: JSON read into memory that is wiped, tokens, refusals in words that
// hold nothing secret.
#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/secret.h"

namespace holdfast::vault {

struct Credential;
struct TokenRequest;

struct TokenAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  Secret body;
  // The first header called `name`; empty when there is none.
  std::string_view header(std::string_view name) const;
};

// `text` as a JSON object whose memory is wiped when it goes.
//   what     begins the message: "the key file"
//   errors   malformed_response: not JSON, deeper than 16, no object
Result<boost::json::object> read_object(std::string_view text, std::string_view what);
// The text of a member; empty when it is not there or is no text.
std::string_view text_of(const boost::json::object& object, std::string_view key);
// The whole number of a member, which may be written as text ("3599").
std::optional<std::int64_t> whole_of(const boost::json::object& object, std::string_view key);

// A token as OAuth 2.0 gives it: access_token, token_type (Bearer, when it is there), expires_in
// or Azure's expires_on; an hour when neither is there.
//   errors   malformed_response
Result<Credential> read_bearer(const TokenAnswer& answer, std::int64_t now_us);
// A bearer token from its parts.
//   errors   malformed_response: not visible ASCII, too long, expired
Result<Credential> bearer(std::string_view token, std::int64_t expires_us, std::int64_t now_us);

// What an answer other than 200 says: its status and, when the body has them, the service's code
// and message, one line. Pieces of 8 bytes and more of what `request` sent are left out.
std::string refusal(const TokenRequest& request, const TokenAnswer& answer);

}  // namespace holdfast::vault
