#include "net/sigv4.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace holdfast::net {
namespace {

constexpr const char* shared_folder = HF_SOURCE_DIR "/../shared/data/aws/";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A request as the suite spells it.
struct Parsed {
  explicit Parsed(std::string whole) : text(std::move(whole)) {
    std::string_view rest = text;
    std::string_view line = next_line(rest);
    request.method = line.substr(0, line.find(' '));
    std::string_view target = line.substr(request.method.size() + 1);
    target = target.substr(0, target.rfind(" HTTP/"));
    request.path = target.substr(0, target.find('?'));
    if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
    while (!(line = next_line(rest)).empty()) {
      if (line.front() == ' ') {  // folded: the value goes on
        const char* begin = headers.back().value.data();
        headers.back().value = {begin, static_cast<std::size_t>(line.data() + line.size() - begin)};
        continue;
      }
      const auto colon = line.find(':');
      headers.push_back({line.substr(0, colon), line.substr(colon + 1)});
    }
    body = rest;
    hash = sha256_hex(body);
    request.payload_sha256 = hash;
    request.headers = headers;
  }
  static std::string_view next_line(std::string_view& rest) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    return line;
  }
  std::string text, hash;
  std::string_view body;
  std::vector<HeaderField> headers;
  SignableRequest request;
};

AwsCredential credential_from(const boost::json::object& from) {
  AwsCredential out;
  out.access_key_id = std::string(from.at("access_key_id").as_string());
  out.secret_access_key = Secret(std::string(from.at("secret_access_key").as_string()));
  if (from.contains("token")) out.session_token = Secret(std::string(from.at("token").as_string()));
  return out;
}

std::string find(const SignedHeaders& headers, std::string_view name) {
  for (const auto& [each, value] : headers)
    if (each == name) return value;
  return {};
}

bool holds(const boost::json::object& context, const char* name) {
  return context.contains(name) && context.at(name).as_bool();
}

TEST(SigV4, HoldsThePublishedSuite) {
  const std::filesystem::path suite = std::string(shared_folder) + "sigv4-test-suite";
  if (!std::filesystem::exists(suite))
    GTEST_SKIP() << "the published suite (../shared/data/aws/sigv4-test-suite) is not here";
  int cases = 0;
  for (const auto& folder : std::filesystem::directory_iterator(suite)) {
    SCOPED_TRACE(folder.path().filename().string());
    ++cases;
    const auto context = boost::json::parse(read_file(folder.path() / "context.json")).as_object();
    const Parsed parsed(read_file(folder.path() / "request.txt"));
    const AwsCredential credential = credential_from(context.at("credentials").as_object());
    SigningOptions options;
    const std::string region(context.at("region").as_string());
    const std::string service(context.at("service").as_string());
    options.region = region;
    options.service = service;
    ASSERT_EQ(context.at("timestamp").as_string(), "2015-08-30T12:36:00Z");
    options.now_s = 1'440'938'160;
    options.normalize_path = context.at("normalize").as_bool();
    options.send_payload_hash = context.at("sign_body").as_bool();
    options.sign_session_token = !holds(context, "omit_session_token");

    const auto added = sign_sigv4(parsed.request, credential, options);
    ASSERT_TRUE(added) << added.error().detail;
    const std::string signature = read_file(folder.path() / "header-signature.txt");
    const std::string authorization = find(*added, "authorization");
    EXPECT_TRUE(authorization.ends_with("Signature=" + signature)) << authorization;

    std::vector<HeaderField> all = parsed.headers;
    for (const auto& [name, value] : *added) all.push_back({name, value});
    SignableRequest request = parsed.request;
    request.headers = all;
    const auto claim = read_sigv4_claim(authorization);
    ASSERT_TRUE(claim) << authorization;
    EXPECT_EQ(canonical_request(request, claim->signed_headers, options.normalize_path),
              read_file(folder.path() / "header-canonical-request.txt"));
    if (!options.normalize_path) continue;  // what is verified is always normalized
    EXPECT_EQ(to_string(verify_sigv4(*claim, request, credential.secret_access_key, service,
                                     options.now_s)),
              to_string(SigV4Verdict::accepted));
  }
  EXPECT_EQ(cases, 38);
}

TEST(SigV4, HoldsTheBedrockVectors) {
  const std::string text = read_file(std::string(shared_folder) + "bedrock-sigv4-vectors.json");
  if (text.empty())
    GTEST_SKIP()
        << "the shared vectors (../shared/data/aws/bedrock-sigv4-vectors.json) are not here";
  const auto shared = boost::json::parse(text);
  for (const auto& vector : shared.at("vectors").as_array()) {
    SCOPED_TRACE(std::string(vector.at("name").as_string()));
    std::string_view url = vector.at("url").as_string();
    url.remove_prefix(std::string_view("https://").size());
    const std::string host(url.substr(0, url.find('/')));
    const std::string_view body = vector.at("body").as_string();
    Sha256 hash;  // the body comes in parts
    for (std::size_t at = 0; at < body.size(); at += 7) hash.update(body.substr(at, 7));
    const std::string payload = hash.hex();
    EXPECT_EQ(payload, vector.at("payload_sha256").as_string());
    const HeaderField headers[] = {{"Host", host}, {"content-type", "application/json"}};
    const SignableRequest request{"POST", url.substr(host.size()), {}, headers, payload};
    const std::string region(vector.at("region").as_string());
    const std::string service(vector.at("service").as_string());
    const AwsCredential credential = credential_from(vector.at("credentials").as_object());
    const auto added = sign_sigv4(request, credential,
                                  {.region = region, .service = service, .now_s = 1'767'323'045});
    ASSERT_TRUE(added);
    EXPECT_EQ(find(*added, "authorization"), vector.at("authorization").as_string());
  }
}

// A request signed now, and what of it is changed before it is verified.
struct Signed {
  std::vector<HeaderField> headers = {{"host", "gateway.internal:8080"},
                                      {"content-type", "application/json"}};
  std::string hash = sha256_hex("{}");
  SignableRequest request{"POST", "/model/a%3A0/converse", "b=2&a=1", {}, {}};
  AwsCredential credential{"AKIDEXAMPLE", Secret("secret"), {}};
  std::int64_t now_s = 1'800'000'000;
  SignedHeaders added;
  std::optional<SigV4Claim> claim;

  Signed() {
    request.headers = headers;
    request.payload_sha256 = hash;
    added = *sign_sigv4(request, credential,
                        {.region = "eu-central-1", .service = "bedrock", .now_s = now_s});
    for (const auto& [name, value] : added) headers.push_back({name, value});
    claim = read_sigv4_claim(headers.back().value);
    request.headers = headers;
  }
  SigV4Verdict verdict(const char* service = "bedrock") const {
    return verify_sigv4(*claim, request, credential.secret_access_key, service, now_s);
  }
};

TEST(SigV4, VerifiesWhatWasSigned) {
  struct Case {
    const char* rule;
    void (*change)(Signed&);
    SigV4Verdict want;
  };
  const Case cases[] = {
      {"unchanged", [](Signed&) {}, SigV4Verdict::accepted},
      {"a header that is not signed", [](Signed& s) { s.headers.push_back({"via", "proxy"}); },
       SigV4Verdict::accepted},
      {"the query in another order", [](Signed& s) { s.request.query = "a=1&b=2"; },
       SigV4Verdict::accepted},
      {"five minutes later", [](Signed& s) { s.now_s += 300; }, SigV4Verdict::accepted},
      {"and one second", [](Signed& s) { s.now_s += 301; }, SigV4Verdict::skewed},
      {"five minutes and one second ahead", [](Signed& s) { s.now_s -= 301; },
       SigV4Verdict::skewed},
      {"another method", [](Signed& s) { s.request.method = "PUT"; },
       SigV4Verdict::wrong_signature},
      {"another path", [](Signed& s) { s.request.path = "/model/b/converse"; },
       SigV4Verdict::wrong_signature},
      {"another query", [](Signed& s) { s.request.query = "a=1"; }, SigV4Verdict::wrong_signature},
      {"another host", [](Signed& s) { s.headers[0].value = "other"; },
       SigV4Verdict::wrong_signature},
      {"a signed header twice", [](Signed& s) { s.headers.push_back({"Content-Type", "x"}); },
       SigV4Verdict::wrong_signature},
      {"a signed header gone", [](Signed& s) { s.headers.erase(s.headers.begin() + 1); },
       SigV4Verdict::incomplete},
      {"another body", [](Signed& s) { s.hash = sha256_hex("{ }"); },
       SigV4Verdict::payload_differs},
      {"a body left unsigned", [](Signed& s) { s.headers[3].value = "UNSIGNED-PAYLOAD"; },
       SigV4Verdict::payload_differs},
      {"another secret", [](Signed& s) { s.credential.secret_access_key = Secret("other"); },
       SigV4Verdict::wrong_signature},
      {"no secret", [](Signed& s) { s.credential.secret_access_key = Secret(); },
       SigV4Verdict::wrong_signature},
      {"another region", [](Signed& s) { s.claim->region = "us-east-1"; },
       SigV4Verdict::wrong_signature},
      {"another day in the scope", [](Signed& s) { s.claim->date = "20270116"; },
       SigV4Verdict::incomplete},
      {"a time that is none", [](Signed& s) { s.headers[2].value = "2027-01-15T08:00Z"; },
       SigV4Verdict::incomplete},
      {"host left out of what is signed",
       [](Signed& s) { std::erase(s.claim->signed_headers, "host"); },
       SigV4Verdict::host_not_signed},
  };
  for (const Case& c : cases) {
    Signed changed;
    c.change(changed);
    changed.request.headers = changed.headers;
    changed.request.payload_sha256 = changed.hash;
    EXPECT_EQ(to_string(changed.verdict()), to_string(c.want)) << c.rule;
  }
  EXPECT_EQ(Signed().verdict("s3"), SigV4Verdict::wrong_service);
}

TEST(SigV4, ReadsNothingButAWellFormedAuthorization) {
  const std::string signature(64, 'a');
  const std::string good =
      "AWS4-HMAC-SHA256 Credential=AKID/20270115/eu-central-1/bedrock/aws4_request, "
      "SignedHeaders=host;x-amz-date, Signature=" +
      signature;
  const auto claim = read_sigv4_claim(good);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->access_key_id, "AKID");
  EXPECT_EQ(claim->region, "eu-central-1");
  EXPECT_EQ(claim->signed_headers, (std::vector<std::string_view>{"host", "x-amz-date"}));

  struct Case {
    const char* rule;
    std::string_view from, to;
  };
  constexpr Case cases[] = {
      {"another algorithm", "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"},
      {"the algorithm alone", " Credential", "Credential"},
      {"no key", "AKID/", "/"},
      {"no region", "eu-central-1/", ""},
      {"a date that is none", "20270115", "2027-115"},
      {"another terminator", "aws4_request", "aws5_request"},
      {"header names out of order", "host;x-amz-date", "x-amz-date;host"},
      {"upper case in them", "host;", "Host;"},
      {"none", "host;x-amz-date", ""},
      {"a part twice", "SignedHeaders=host;x-amz-date", "Credential=A/20270115/r/s/aws4_request"},
      {"a part that is not known", "Signature=", "Other="},
      {"a signature cut short", "aaaa", "aaa"},
  };
  for (const Case& c : cases) {
    std::string text = good;
    text.replace(text.find(c.from), c.from.size(), c.to);
    EXPECT_FALSE(read_sigv4_claim(text)) << c.rule;
  }
  EXPECT_FALSE(read_sigv4_claim(""));
  EXPECT_FALSE(read_sigv4_claim("Bearer abc"));
}

TEST(SigV4, RefusesToSignWhatCannotBe) {
  const SignableRequest no_host{"GET", "/", {}, {}, {}};
  const AwsCredential credential{"AKID", Secret("secret"), {}};
  EXPECT_FALSE(sign_sigv4(no_host, credential, {}));
  const HeaderField host[] = {{"host", "h"}};
  const SignableRequest request{"GET", "/", {}, host, {}};
  EXPECT_TRUE(sign_sigv4(request, credential, {}));
  EXPECT_FALSE(sign_sigv4(request, AwsCredential(), {}));
}

}  // namespace
}  // namespace holdfast::net
