#include "net/sigv4.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace holdfast::net {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
using Digest = std::array<unsigned char, 32>;

std::string to_hex(const Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out.push_back(digits[byte >> 4U]);
    out.push_back(digits[byte & 15U]);
  }
  return out;
}

std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

bool hmac(std::string_view key, std::string_view text, Digest& out) {
  std::size_t size = 0;
  const unsigned char* done =
      EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(),
                reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(),
                out.size(), &size);
  return done != nullptr && size == out.size();
}

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

void append_encoded(std::string& out, std::string_view text, bool keep_slash) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_unreserved(c) || (keep_slash && c == '/')) {
      out.push_back(c);
      continue;
    }
    out.push_back('%');
    out.push_back(digits[static_cast<unsigned char>(c) >> 4U]);
    out.push_back(digits[static_cast<unsigned char>(c) & 15U]);
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What is encoded is decoded first, so that every spelling of a query has one canonical form.
std::string encoded_again(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low >= 0) {
      plain.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      plain.push_back(text[i]);
    }
  }
  std::string out;
  append_encoded(out, plain, false);
  return out;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const std::string_view each = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), each.size() + 1));
    if (each.empty()) continue;
    const auto equals = each.find('=');
    parameters.emplace_back(
        encoded_again(each.substr(0, equals)),
        equals == std::string_view::npos ? std::string() : encoded_again(each.substr(equals + 1)));
  }
  std::ranges::sort(parameters);
  std::string out;
  for (const auto& [name, value] : parameters)
    out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
  return out;
}

// RFC 3986, 5.2.4, and empty segments go as well.
std::string normalized(std::string_view path) {
  std::vector<std::string_view> segments;
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
    at = end + 1;
  }
  std::string out;
  for (const std::string_view segment : segments) out.append("/").append(segment);
  const bool folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  if (out.empty() || folder) out.push_back('/');
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// White space around it is gone, and within it every run of it is one space.
void append_trimmed(std::string& out, std::string_view value) {
  bool space = false, begun = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      space = begun;
      continue;
    }
    if (space) out.push_back(' ');
    space = false;
    begun = true;
    out.push_back(c);
  }
}

std::string joined(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) out.append(out.empty() ? "" : ";").append(name);
  return out;
}

std::optional<std::string_view> find(std::span<const HeaderField> headers, std::string_view name) {
  for (const HeaderField& header : headers)
    if (same_name(header.name, name)) return header.value;
  return std::nullopt;
}

// `scope` is DATE/REGION/SERVICE/aws4_request. Empty: the library failed.
std::string signature_of(const Secret& secret, std::string_view time, std::string_view scope,
                         std::string_view canonical) {
  std::string key = fmt::format("AWS4{}", secret.reveal());
  Digest digest{};
  bool good = true;
  std::string_view link = key;
  for (std::string_view rest = scope; good && !rest.empty();) {
    const std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    Digest next{};
    good = hmac(link, part, next);
    digest = next;
    explicit_bzero(next.data(), next.size());
    link = bytes_of(digest);
  }
  explicit_bzero(key.data(), key.size());
  const std::string text =
      fmt::format("{}\n{}\n{}\n{}", algorithm, time, scope, sha256_hex(canonical));
  Digest signature{};
  good = good && hmac(link, text, signature);
  explicit_bzero(digest.data(), digest.size());
  return good ? to_hex(signature) : std::string();
}

bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

int number_at(std::string_view text, std::size_t at, std::size_t count) {
  int out = 0;
  for (const char c : text.substr(at, count)) out = out * 10 + (c - '0');
  return out;
}

// YYYYMMDD'T'HHMMSS'Z' as Unix time.
std::optional<std::int64_t> read_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  if (!all_digits(text.substr(0, 8)) || !all_digits(text.substr(9, 6))) return std::nullopt;
  std::tm time{};
  time.tm_year = number_at(text, 0, 4) - 1900;
  time.tm_mon = number_at(text, 4, 2) - 1;
  time.tm_mday = number_at(text, 6, 2);
  time.tm_hour = number_at(text, 9, 2);
  time.tm_min = number_at(text, 11, 2);
  time.tm_sec = number_at(text, 13, 2);
  return timegm(&time);
}

}  // namespace

void Sha256::Free::operator()(void* context) const {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  failed_ = context_ == nullptr ||
            EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), EVP_sha256(), nullptr) != 1;
}

Sha256::~Sha256() = default;

void Sha256::update(std::string_view part) {
  if (failed_) return;
  failed_ =
      EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), part.data(), part.size()) != 1;
}

std::string Sha256::hex() {
  Digest digest{};
  if (failed_ ||
      EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), digest.data(), nullptr) != 1)
    return {};
  return to_hex(digest);
}

std::string sha256_hex(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

std::string canonical_request(const SignableRequest& request,
                              std::span<const std::string_view> signed_names, bool normalize_path) {
  std::string out(request.method);
  out.push_back('\n');
  append_encoded(out, normalize_path ? normalized(request.path) : std::string(request.path), true);
  out.append("\n").append(canonical_query(request.query)).append("\n");
  for (const std::string_view name : signed_names) {
    out.append(name).push_back(':');
    bool first = true;
    for (const HeaderField& header : request.headers) {
      if (!same_name(header.name, name)) continue;
      if (!std::exchange(first, false)) out.push_back(',');
      append_trimmed(out, header.value);
    }
    out.push_back('\n');
  }
  out.append("\n").append(joined(signed_names)).append("\n").append(request.payload_sha256);
  return out;
}

Result<SignedHeaders> sign_sigv4(const SignableRequest& request, const AwsCredential& credential,
                                 const SigningOptions& options) {
  if (!find(request.headers, "host"))
    return fail(ErrorCode::configuration, "a request without a host cannot be signed");
  if (credential.access_key_id.empty() || credential.secret_access_key.empty())
    return fail(ErrorCode::configuration, "there is no AWS credential to sign with");
  const std::time_t seconds = options.now_s;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  SignedHeaders out;
  out.emplace_back("x-amz-date", fmt::format("{:%Y%m%dT%H%M%SZ}", utc));
  if (options.send_payload_hash)
    out.emplace_back("x-amz-content-sha256", std::string(request.payload_sha256));
  const bool has_token = !credential.session_token.empty();
  if (has_token && options.sign_session_token)
    out.emplace_back("x-amz-security-token", std::string(credential.session_token.reveal()));

  std::vector<HeaderField> headers(request.headers.begin(), request.headers.end());
  for (const auto& [name, value] : out) headers.push_back({name, value});
  std::vector<std::string> names;
  names.reserve(headers.size());
  for (const HeaderField& header : headers) names.push_back(lower(header.name));
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  const std::vector<std::string_view> signed_names(names.begin(), names.end());

  SignableRequest whole = request;
  whole.headers = headers;
  const std::string& time = out.front().second;
  const std::string scope =
      fmt::format("{}/{}/{}/aws4_request", std::string_view(time).substr(0, 8), options.region,
                  options.service);
  const std::string signature =
      signature_of(credential.secret_access_key, time, scope,
                   canonical_request(whole, signed_names, options.normalize_path));
  if (signature.empty()) return fail(ErrorCode::io, "HMAC-SHA-256 failed");
  out.emplace_back("authorization",
                   fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm,
                               credential.access_key_id, scope, joined(signed_names), signature));
  if (has_token && !options.sign_session_token)
    out.emplace_back("x-amz-security-token", std::string(credential.session_token.reveal()));
  return out;
}

namespace {

// Takes the next part of `text` up to `separator`.
std::string_view next_part(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

// KEY/DATE/REGION/SERVICE/aws4_request.
bool read_credential(std::string_view text, SigV4Claim& out) {
  out.access_key_id = next_part(text, '/');
  out.date = next_part(text, '/');
  out.region = next_part(text, '/');
  out.service = next_part(text, '/');
  return text == "aws4_request" && !out.access_key_id.empty() && out.date.size() == 8 &&
         all_digits(out.date) && !out.region.empty() && !out.service.empty();
}

// Lower case, in order, none twice.
bool read_signed_headers(std::string_view text, SigV4Claim& out) {
  while (!text.empty()) {
    const std::string_view name = next_part(text, ';');
    if (name.empty() || lower(name) != name) return false;
    if (!out.signed_headers.empty() && out.signed_headers.back() >= name) return false;
    out.signed_headers.push_back(name);
  }
  return !out.signed_headers.empty();
}

}  // namespace

std::optional<SigV4Claim> read_sigv4_claim(std::string_view authorization) {
  if (!authorization.starts_with(algorithm)) return std::nullopt;
  authorization.remove_prefix(algorithm.size());
  if (!authorization.starts_with(' ')) return std::nullopt;
  SigV4Claim out;
  int seen = 0;  // one bit for each part: all three, once
  while (!authorization.empty()) {
    std::string_view part = next_part(authorization, ',');
    part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
    const std::string_view name = next_part(part, '=');
    int bit = 0;
    if (name == "Credential" && read_credential(part, out)) bit = 1;
    if (name == "SignedHeaders" && out.signed_headers.empty() && read_signed_headers(part, out))
      bit = 2;
    if (name == "Signature" && part.size() == 64) bit = 4, out.signature = part;
    if (bit == 0 || (seen & bit) != 0) return std::nullopt;
    seen |= bit;
  }
  if (seen != 7) return std::nullopt;
  return out;
}

std::string_view to_string(SigV4Verdict verdict) {
  switch (verdict) {
    case SigV4Verdict::accepted:
      return "The signature is right.";
    case SigV4Verdict::incomplete:
      return "The request lacks x-amz-date or a header that it says is signed.";
    case SigV4Verdict::host_not_signed:
      return "The signed headers must include host.";
    case SigV4Verdict::wrong_service:
      return "The credential is scoped to another service.";
    case SigV4Verdict::skewed:
      return "Signature expired: its time differs from the server's by more than five minutes.";
    case SigV4Verdict::payload_differs:
      return "The body is not the one that was signed.";
    case SigV4Verdict::wrong_signature:
      return "The request signature we calculated does not match the signature you provided.";
  }
  return {};
}

SigV4Verdict verify_sigv4(const SigV4Claim& claim, const SignableRequest& request,
                          const Secret& secret_access_key, std::string_view service,
                          std::int64_t now_s) {
  if (std::ranges::find(claim.signed_headers, std::string_view("host")) ==
      claim.signed_headers.end())
    return SigV4Verdict::host_not_signed;
  for (const std::string_view name : claim.signed_headers)
    if (!find(request.headers, name)) return SigV4Verdict::incomplete;
  const auto date = find(request.headers, "x-amz-date");
  const auto time = date ? read_time(*date) : std::nullopt;
  if (!time || date->substr(0, 8) != claim.date) return SigV4Verdict::incomplete;
  if (claim.service != service) return SigV4Verdict::wrong_service;
  if (*time > now_s + sigv4_skew_s || *time < now_s - sigv4_skew_s) return SigV4Verdict::skewed;
  const auto payload = find(request.headers, "x-amz-content-sha256");
  if (request.payload_sha256.empty() || (payload && *payload != request.payload_sha256))
    return SigV4Verdict::payload_differs;

  const std::string scope =
      fmt::format("{}/{}/{}/aws4_request", claim.date, claim.region, claim.service);
  const std::string right = signature_of(secret_access_key, *date, scope,
                                         canonical_request(request, claim.signed_headers, true));
  return !secret_access_key.empty() && !right.empty() &&
                 equal_in_constant_time(claim.signature, right)
             ? SigV4Verdict::accepted
             : SigV4Verdict::wrong_signature;
}

}  // namespace holdfast::net
