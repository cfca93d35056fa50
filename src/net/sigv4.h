// AWS Signature Version 4 in headers: signs a request to AWS, and checks the signature of a client
// that speaks to us as it would to AWS. Source: AWS IAM user guide, "Create a signed AWS API
// request", read November 2026. Pure: the time is passed in. Presigned URLs are not accepted.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "net/http_head.h"

namespace holdfast::net {

// SHA-256 of text that comes in parts.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view part);
  // In lower-case hexadecimal; nothing is added afterwards. Empty: the library failed.
  std::string hex();

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
  bool failed_ = false;
};
std::string sha256_hex(std::string_view text);

struct AwsCredential {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;  // of temporary credentials; else empty
};

// What is signed of a request.
struct SignableRequest {
  std::string_view method;               // "POST"
  std::string_view path;                 // as on the wire: percent-encoded, without the query
  std::string_view query;                // as on the wire, without '?'
  std::span<const HeaderField> headers;  // to sign: those to be signed; to verify: all of them
  std::string_view payload_sha256;       // of the body, in lower-case hexadecimal
};

struct SigningOptions {
  std::string_view region, service;  // "eu-central-1", "bedrock"
  std::int64_t now_s = 0;            // Unix time
  bool normalize_path = true;        // "." and ".." and empty segments are resolved, as AWS does
  bool send_payload_hash = true;     // x-amz-content-sha256 is added and signed
  bool sign_session_token = true;    // false: sent, but not signed
};

// The headers to be added to the request so that it is signed: x-amz-date, authorization, and
// x-amz-content-sha256 and x-amz-security-token where they apply. `request.headers` must have
// host, and only what no proxy changes; all of them are signed.
//   errors   io: the library failed; configuration: no host, or no credential
using SignedHeaders = std::vector<std::pair<std::string, std::string>>;
Result<SignedHeaders> sign_sigv4(const SignableRequest& request, const AwsCredential& credential,
                                 const SigningOptions& options);

// The first two steps of it, for those who have to find out why a signature differs.
std::string canonical_request(const SignableRequest& request,
                              std::span<const std::string_view> signed_names, bool normalize_path);

// What a client's Authorization header says; views into it.
struct SigV4Claim {
  std::string_view access_key_id, date, region, service;  // date: YYYYMMDD
  std::vector<std::string_view> signed_headers;           // lower case
  std::string_view signature;
};
// Nothing when `authorization` is no well-formed AWS4-HMAC-SHA256 one.
std::optional<SigV4Claim> read_sigv4_claim(std::string_view authorization);

enum class SigV4Verdict : std::uint8_t {
  accepted,
  incomplete,       // no x-amz-date, or a signed header that the request does not have
  host_not_signed,  // the signature would be good for any host
  wrong_service,    // made for another service
  skewed,           // its time differs from ours by more than five minutes
  payload_differs,  // the body is not the one that was signed, or was left unsigned
  wrong_signature,
};
// A sentence for the client; never part of a secret.
std::string_view to_string(SigV4Verdict verdict);

inline constexpr std::int64_t sigv4_skew_s = 300;

// Whether `claim` proves that who sent `request` knows `secret_access_key`. Takes a time that does
// not depend on how much of the signature is right.
SigV4Verdict verify_sigv4(const SigV4Claim& claim, const SignableRequest& request,
                          const Secret& secret_access_key, std::string_view service,
                          std::int64_t now_s);

}  // namespace holdfast::net
