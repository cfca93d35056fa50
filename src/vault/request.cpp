#include "vault/request.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/proxy.h"
#include "vault/metadata.h"

namespace holdfast::vault {
namespace {
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::size_t encoded_size(std::string_view text) {
  const auto plain = static_cast<std::size_t>(std::ranges::count_if(text, is_plain));
  return 3 * text.size() - 2 * plain;
}

void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_plain(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
}

// Visible ASCII with spaces inside: what the value of a header may be.
bool is_header_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}
}  // namespace

bool is_visible(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<Endpoint> parse_endpoint(std::string_view url, const Network& network) {
  const std::size_t mark = std::min(url.find('?'), url.size());
  const std::string_view query = url.substr(mark);
  if (!query.empty() && (!is_visible(query) || query.find('#') != std::string_view::npos))
    return fail(ErrorCode::configuration, "its query has characters that do not belong there");
  Result<net::BaseUrl> base = net::parse_base_url(url.substr(0, mark));
  if (!base) return std::unexpected(std::move(base).error());
  Endpoint out{std::move(base->origin), {}, {}};
  const bool metadata = metadata_address(out.origin).has_value();
  if (!out.origin.tls && !metadata && !net::is_loopback_host(out.origin.host))
    return fail(ErrorCode::configuration,
                "http:// sends tokens in the clear; write https:// (http is for this machine and "
                "for metadata services)");
  out.origin.private_allowed = network.private_allowed || net::is_loopback_host(out.origin.host);
  out.origin.ca_file = network.ca_file;
  if (network.environment && !metadata) {
    auto proxy = config::proxy_for(out.origin, network.environment);
    if (!proxy) return std::unexpected(std::move(proxy).error());
    out.origin.proxy = *std::move(proxy);
  }
  out.authority = out.origin.authority();
  out.target = base->path.empty() ? "/" : base->path;
  out.target += query;
  return out;
}

Endpoint below(const Endpoint& endpoint, std::string_view path_and_query) {
  Endpoint out = endpoint;
  out.target.resize(std::min(out.target.find('?'), out.target.size()));
  if (out.target.ends_with('/') && path_and_query.starts_with('/')) out.target.pop_back();
  out.target += path_and_query;
  return out;
}

Secret concat(std::initializer_list<std::string_view> parts) {
  std::string out;
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  out.reserve(size);
  for (const std::string_view part : parts) out += part;
  return Secret(std::move(out));
}

Secret percent_encode(std::string_view text) {
  std::string out;
  out.reserve(encoded_size(text));
  append_encoded(out, text);
  return Secret(std::move(out));
}

Secret form(Fields fields) {
  std::size_t size = 0;
  for (const auto& [name, value] : fields) size += name.size() + encoded_size(value) + 2;
  std::string out;
  out.reserve(size);
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    if (!out.empty()) out += '&';
    out += name;
    out += '=';
    append_encoded(out, value);
  }
  return Secret(std::move(out));
}

TokenRequest post_form(const Endpoint& endpoint, Fields fields) {
  TokenRequest out{"POST", endpoint, {}, form(fields)};
  out.headers.push_back({"Content-Type", Secret("application/x-www-form-urlencoded")});
  return out;
}

Result<Secret> to_bytes(const TokenRequest& request) {
  const std::string start =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: holdfast\r\n", request.method,
                  request.endpoint.target, request.endpoint.authority);
  const std::string end = request.method == "GET"
                              ? "Connection: close\r\n\r\n"
                              : fmt::format("Content-Length: {}\r\nConnection: close\r\n\r\n",
                                            request.body.reveal().size());
  std::size_t size = start.size() + end.size() + request.body.reveal().size();
  for (const Header& header : request.headers) {
    if (!is_header_value(header.value.reveal()))
      return fail(ErrorCode::configuration,
                  fmt::format("what is to be sent as {} is not visible ASCII", header.name));
    size += header.name.size() + header.value.reveal().size() + 4;
  }
  std::string out;
  out.reserve(size);
  out += start;
  for (const Header& header : request.headers) {
    out += header.name;
    out += ": ";
    out += header.value.reveal();
    out += "\r\n";
  }
  out += end;
  out += request.body.reveal();
  return Secret(std::move(out));
}

}  // namespace holdfast::vault
