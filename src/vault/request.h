// Requests to token services, as bytes: where they may go, forms, headers.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "config/environment.h"
#include "net/origin.h"

namespace holdfast::limits {
inline constexpr std::size_t token_file_bytes = 65'536;    // key files and tokens in files
inline constexpr std::size_t token_answer_bytes = 65'536;  // of a token service
inline constexpr std::size_t token_bytes = 16'384;         // one token, as it stands in a header
}  // namespace holdfast::limits

namespace holdfast::vault {

// What holds for all endpoints of one source.
struct Network {
  bool private_allowed = false;     // network: private
  std::string ca_file;              // PEM; empty: the system's roots
  config::Environment environment;  // asked for proxies; may be empty
};

struct Endpoint {
  net::Origin origin;
  std::string authority;  // what Host says
  std::string target;     // path and query, at least "/"
};

// Reads a URL: https, or http to this machine and to a metadata service (metadata.h).
//   errors   configuration: not a URL as above; the message does not repeat it
Result<Endpoint> parse_endpoint(std::string_view url, const Network& network);
// `endpoint` with `path_and_query` behind its path, in place of its own query.
Endpoint below(const Endpoint& endpoint, std::string_view path_and_query);

struct Header {
  std::string name;
  Secret value;
};

struct TokenRequest {
  std::string_view method = "GET";  // GET, PUT or POST
  Endpoint endpoint;
  std::vector<Header> headers;
  Secret body;
  bool refusals_too = false;  // answers of 400, 403 and 404 are answers too, no errors
};

// The request as it goes over the wire; asks for the connection to be closed.
//   errors   configuration: a header's value is not visible ASCII; the message names the header
Result<Secret> to_bytes(const TokenRequest& request);

// All of `parts` in one piece, with no copy left behind.
Secret concat(std::initializer_list<std::string_view> parts);

// `text` with all but A-Z a-z 0-9 - . _ ~ as percent escapes.
Secret percent_encode(std::string_view text);

using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;
// "name=value&name=value"; a field with an empty value is left out.
Secret form(Fields fields);
// A POST of a form.
TokenRequest post_form(const Endpoint& endpoint, Fields fields);

// Whether all of `text` is visible ASCII and there is some: what a token is made of.
bool is_visible(std::string_view text);

}  // namespace holdfast::vault
