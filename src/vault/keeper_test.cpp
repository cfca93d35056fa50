// All of it together, on its own thread: fakes of the token services that check what they get.
#include "vault/keeper.h"

#include <signal.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>

#include "net/sigv4.h"
#include "vault/test_support.h"

namespace holdfast::vault {
namespace {
using test::Received;
using test::Reply;
using test::TokenService;
namespace json = boost::json;

// Waits for the first credential of each source, and for whatever comes afterwards.
class Listener {
 public:
  OnChange on_change() {
    return [this](const std::shared_ptr<const Credential>& credential) {
      const std::lock_guard lock(mutex_);
      last_ = credential;
      came_.notify_all();
    };
  }
  std::shared_ptr<const Credential> wait() {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, std::chrono::seconds(30), [&] { return last_ != nullptr; });
    return std::exchange(last_, nullptr);
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::shared_ptr<const Credential> last_;
};

std::string header(const Received& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

Reply refuse(const std::string& why) { return {400, R"({"error":")" + why + "\"}"}; }

// One service with the endpoints of all the clouds.
class Clouds {
 public:
  TokenService service{[this](const Received& request) { return answer(request); }};

 private:
  Reply answer(const Received& request) {
    const std::string path = request.target.substr(0, request.target.find('?'));
    if (path == "/google") return google(request);
    if (path == "/subject")
      return header(request, "x-key") == "k" ? Reply{200, R"({"v":"subject-1"})"}
                                             : refuse("header");
    if (path == "/exchange") return exchange(request);
    if (path.ends_with(":generateAccessToken")) return impersonate(request);
    if (path == "/tenant-1/oauth2/v2.0/token") return entra(request);
    if (path == "/msi") return managed(request);
    if (path == "/sts") return sts(request);
    if (path == "/latest/api/token") return session(request);
    if (path.starts_with("/latest/meta-data/")) return instance(request, path);
    if (path == "/container")
      return header(request, "authorization") == "pod-token" ? keys() : refuse("authorization");
    return {404, ""};
  }

  Reply google(const Received& request) const {
    auto form = request.form();
    if (form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer") return refuse("grant");
    const test::Jwt jwt = test::parts_of(form["assertion"]);
    if (!test::verifies(jwt, test::rsa_key())) return refuse("invalid_grant");
    const json::object claims = json::parse(jwt.claims).as_object();
    if (claims.at("aud").as_string() != json::string_view(service.url() + "/google"))
      return refuse("audience");
    if (claims.at("scope").as_string() != "scope-a") return refuse("invalid_scope");
    const std::int64_t now_s = system_clock().wall_us() / 1'000'000;
    const std::int64_t issued = claims.at("iat").as_int64();
    const bool timely =
        issued <= now_s && issued > now_s - 300 && claims.at("exp").as_int64() <= issued + 3'600;
    return timely ? token("google") : refuse("time");
  }
  static Reply exchange(const Received& request) {
    auto form = request.form();
    const bool right = form["subject_token"] == "subject-1" &&
                       form["audience"] == "//iam.example/pool" &&
                       form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange" &&
                       form["scope"] == "https://www.googleapis.com/auth/iam";
    return right ? token("federated") : refuse("exchange");
  }
  static Reply impersonate(const Received& request) {
    if (header(request, "authorization") != "Bearer federated") return refuse("authorization");
    const json::object body = json::parse(request.body).as_object();
    if (body.at("scope").as_array().at(0).as_string() != "scope-a") return refuse("scope");
    return {200, R"({"accessToken":"impersonated","expireTime":"2999-01-01T00:00:00Z"})"};
  }
  static Reply entra(const Received& request) {
    auto form = request.form();
    const bool asks = form["grant_type"] == "client_credentials" &&
                      form["client_id"] == "client-1" && form["scope"] == "scope-z";
    const bool proves =
        form["client_secret"] == "s3cret&more" ||
        (form["client_assertion"] == "assertion-1" &&
         form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    return asks && proves ? token("entra") : refuse("invalid_client");
  }
  static Reply managed(const Received& request) {
    auto query = request.query();
    const bool right = header(request, "x-identity-header") == "ih" &&
                       query["api-version"] == "2019-08-01" && query["resource"] == "scope-z";
    return right ? token("managed") : refuse("identity");
  }
  static Reply sts(const Received& request) {
    auto form = request.form();
    const std::string action = form["Action"];
    if (form["Version"] != "2011-06-15" || form["RoleArn"] != "arn:role") return refuse("form");
    if (action == "AssumeRoleWithWebIdentity") {
      if (form["WebIdentityToken"] != "assertion-1") return refuse("token");
      return keys_xml(action);
    }
    const std::string authorization = header(request, "authorization");
    const auto claim = net::read_sigv4_claim(authorization);
    if (!claim || claim->access_key_id != "ASIAEXAMPLEEXAMPLE00") return refuse("signature");
    std::vector<net::HeaderField> headers;
    headers.reserve(request.headers.size());
    for (const auto& [name, value] : request.headers) headers.push_back({name, value});
    const std::string sha = net::sha256_hex(request.body);
    const auto verdict =
        net::verify_sigv4(*claim, {"POST", request.target, "", headers, sha}, Secret("secret/key"),
                          "sts", system_clock().wall_us() / 1'000'000);
    const bool right = verdict == net::SigV4Verdict::accepted &&
                       header(request, "x-amz-security-token") == "session==";
    return right ? keys_xml(action) : refuse("signature");
  }
  static Reply session(const Received& request) {
    const bool right = request.method == "PUT" &&
                       header(request, "x-aws-ec2-metadata-token-ttl-seconds") == "21600";
    return right ? Reply{200, "session-1"} : refuse("session");
  }
  static Reply instance(const Received& request, const std::string& path) {
    if (header(request, "x-aws-ec2-metadata-token") != "session-1") return {401, ""};
    return path.ends_with('/')         ? Reply{200, "role-1"}
           : path.ends_with("/role-1") ? keys()
                                       : Reply{404, ""};
  }

  static Reply token(const std::string& name) {
    return {200, R"({"access_token":")" + name + R"(","expires_in":3600,"token_type":"Bearer"})"};
  }
  static Reply keys() {
    return {200, R"({"AccessKeyId":"ASIAEXAMPLEEXAMPLE00","SecretAccessKey":"secret/key",)"
                 R"("Token":"session==","Expiration":"2999-01-01T00:00:00Z"})"};
  }
  static Reply keys_xml(const std::string& action) {
    return {200, "<" + action + "Response><" + action +
                     "Result><Credentials><AccessKeyId>ASIAASSUMED000000000</AccessKeyId>"
                     "<SecretAccessKey>k</SecretAccessKey><SessionToken>s</SessionToken>"
                     "<Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></" +
                     action + "Result></" + action + "Response>"};
  }
};

class KeeperTest : public testing::Test {
 protected:
  AuthSettings settings(Source source, const std::string& path = "") const {
    AuthSettings out;
    out.source = source;
    out.endpoint = clouds.service.url() + path;
    out.scopes = {"scope-a"};
    out.scope = "scope-z";
    out.tenant = "tenant-1";
    out.client_id = "client-1";
    out.region = "eu-central-1";
    out.role_arn = "arn:role";
    out.token_file = token_file;
    return out;
  }

  Clouds clouds;
  test::Folder folder;
  std::string token_file = folder.write("token", "assertion-1\n");
};

TEST_F(KeeperTest, EverySourceAgainstAServiceThatChecksWhatItGets) {
  struct Case {
    AuthSettings settings;
    const char* want;  // the token, or the id of the keys
  };
  std::vector<Case> cases;
  AuthSettings one = settings(Source::google_service_account);
  one.credential_file =
      folder.write("sa.json", test::service_account_json(clouds.service.url() + "/google"));
  cases.push_back({one, "google"});
  one = settings(Source::google_workload_identity);
  one.credential_file = folder.write(
      "ext.json",
      R"({"type":"external_account","audience":"//iam.example/pool","subject_token_type":"jwt",)"
      R"("credential_source":{"url":")" +
          clouds.service.url() +
          R"(/subject","headers":{"X-Key":"k"},)"
          R"("format":{"type":"json","subject_token_field_name":"v"}},)"
          R"("service_account_impersonation_url":"https://iam.example/a@b:generateAccessToken"})");
  one.token_url = clouds.service.url() + "/exchange";
  one.impersonation_url = clouds.service.url() + "/v1/a@b:generateAccessToken";
  cases.push_back({one, "impersonated"});
  one = settings(Source::entra_client_secret);
  one.client_secret = Secret("s3cret&more");
  cases.push_back({one, "entra"});
  cases.push_back({settings(Source::entra_federated), "entra"});
  one = settings(Source::azure_managed_identity, "/msi");
  one.form = ManagedForm::app_service;
  one.identity_header = Secret("ih");
  cases.push_back({one, "managed"});
  cases.push_back({settings(Source::aws_web_identity, "/sts"), "ASIAASSUMED000000000"});
  cases.push_back({settings(Source::aws_instance), "ASIAEXAMPLEEXAMPLE00"});
  one = settings(Source::aws_container, "/container");
  one.token_file = folder.write("pod", "pod-token");
  cases.push_back({one, "ASIAEXAMPLEEXAMPLE00"});
  one = settings(Source::aws_assume_role, "/sts");
  one.base = std::make_shared<const AuthSettings>(settings(Source::aws_instance));
  cases.push_back({one, "ASIAASSUMED000000000"});

  Keeper keeper(system_clock(), 7);
  for (const Case& c : cases) {
    Listener listener;
    const auto kept = keeper.keep("p", make_source(c.settings), listener.on_change());
    const auto got = listener.wait();
    ASSERT_NE(got, nullptr) << to_string(c.settings.source) << ": " << kept->status().last_error;
    EXPECT_EQ(got->kind == Credential::Kind::aws ? got->aws.access_key_id : got->token.reveal(),
              c.want);
    EXPECT_TRUE(kept->status().ready);
  }
}

// tests/support/fake_tokens.py as a process: it judges by google-auth and botocore.
class PythonFake {
 public:
  explicit PythonFake(const test::Folder& folder) {
    const std::string key = folder.write("public.pem", test::rsa_key().public_pem);
    const std::string command = "exec " HF_SOURCE_DIR "/.venv/bin/python " HF_SOURCE_DIR
                                "/tests/support/fake_tokens.py --public-key " +
                                key;
    pipe_.reset(::popen(command.c_str(), "r"));
    std::array<char, 256> line{};
    if (std::fgets(line.data(), line.size(), pipe_.get()) == nullptr) return;
    const json::object ready = json::parse(line.data()).as_object();
    url = "http://127.0.0.1:" + std::to_string(ready.at("port").as_int64());
    pid_ = static_cast<pid_t>(ready.at("pid").as_int64());
  }
  ~PythonFake() {
    if (pid_ > 0) ::kill(pid_, SIGTERM);
  }
  PythonFake(const PythonFake&) = delete;
  PythonFake& operator=(const PythonFake&) = delete;
  std::string url;

 private:
  struct Close {
    void operator()(FILE* pipe) const { ::pclose(pipe); }
  };
  std::unique_ptr<FILE, Close> pipe_;
  pid_t pid_ = 0;
};

TEST_F(KeeperTest, TheCloudsOwnLibrariesAcceptWhatIsSent) {
  const char* const probe =
      HF_SOURCE_DIR "/.venv/bin/python -c 'import google.auth.jwt, botocore.auth' 2>/dev/null";
  if (std::system(probe) != 0) GTEST_SKIP() << "the tests' Python has no google-auth and botocore";
  const PythonFake fake(folder);
  ASSERT_FALSE(fake.url.empty());
  std::vector<AuthSettings> all;
  const auto add = [&](Source source, const std::string& path) -> AuthSettings& {
    all.push_back(settings(source));
    all.back().endpoint = fake.url + path;
    all.back().role_arn = "arn:aws:iam::123456789012:role/gate";
    all.back().scope = "https://cognitiveservices.azure.com/.default";
    all.back().token_file = folder.write("assertion", "fake.assertion.a");
    return all.back();
  };
  add(Source::google_service_account, "").credential_file =
      folder.write("sa.json", test::service_account_json(fake.url + "/google/token"));
  add(Source::google_authorized_user, "").credential_file = folder.write(
      "user.json",
      R"({"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"1//fake",)"
      R"("token_uri":")" +
          fake.url + "/google/token\"}");
  add(Source::google_metadata, "");
  add(Source::google_workload_identity, "").credential_file = folder.write(
      "ext.json",
      R"({"type":"external_account","subject_token_type":"urn:ietf:params:oauth:token-type:jwt",)"
      R"("audience":"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/)"
      R"(providers/q","token_url":")" +
          fake.url + R"(/exchange","credential_source":{"url":")" + fake.url +
          R"(/subject","format":{"type":"json","subject_token_field_name":"value"}},)"
          R"("service_account_impersonation_url":")" +
          fake.url + "/v1/a@b:generateAccessToken\"}");
  add(Source::entra_client_secret, "").client_secret = Secret("fake~secret");
  add(Source::entra_federated, "");
  add(Source::azure_managed_identity, "/metadata/identity/oauth2/token").client_id.clear();
  AuthSettings& app = add(Source::azure_managed_identity, "/msi/token");
  app.form = ManagedForm::app_service;
  app.identity_header = Secret("fake-identity-header");
  add(Source::aws_web_identity, "");
  add(Source::aws_instance, "");
  add(Source::aws_container, "/v2/credentials/x").token_file = folder.write("pod", "fake-pod");
  const auto instance = std::make_shared<const AuthSettings>(all[all.size() - 2]);
  add(Source::aws_assume_role, "").base = instance;

  Keeper keeper(system_clock(), 7);
  for (const AuthSettings& one : all) {
    Listener listener;
    const auto kept = keeper.keep("p", make_source(one), listener.on_change());
    while (kept->status().fetches + kept->status().failures == 0) std::this_thread::yield();
    EXPECT_EQ(kept->status().last_error, "") << to_string(one.source);
    EXPECT_TRUE(kept->status().ready) << to_string(one.source);
  }
}

TEST_F(KeeperTest, ARefusalIsToldAndNoSecretWithIt) {
  AuthSettings wrong = settings(Source::entra_client_secret);
  wrong.client_secret = Secret("another-s3cret");
  Keeper keeper(system_clock(), 7);
  Listener listener;
  const auto kept = keeper.keep("azure-eu", make_source(wrong), listener.on_change());
  while (kept->status().failures == 0) std::this_thread::yield();
  EXPECT_EQ(kept->status().last_error, "127.0.0.1 answered 400 invalid_client");
  EXPECT_FALSE(kept->status().ready);
}

TEST_F(KeeperTest, EndsWhileEverythingIsUnderWay) {
  std::mutex gate;
  std::unique_lock closed(gate);
  TokenService silent([&](const Received&) -> Reply {
    const std::lock_guard wait(gate);
    return {500, ""};
  });
  // A name server that says nothing, and a service that accepts and says nothing.
  boost::asio::io_context loop;
  const boost::asio::ip::udp::socket dead(
      loop, boost::asio::ip::udp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  net::ResolverOptions options;
  options.servers = "127.0.0.1:" + std::to_string(dead.local_endpoint().port());
  const auto began = system_clock().now();
  {
    Keeper keeper(system_clock(), 7, options);
    AuthSettings one = settings(Source::aws_instance);
    one.endpoint = silent.url();
    AuthSettings other = settings(Source::entra_federated);
    other.endpoint = "https://login.example";
    Listener listener;
    const auto first = keeper.keep("a", make_source(one), listener.on_change());
    const auto second = keeper.keep("b", make_source(other), listener.on_change());
    while (silent.asked() == 0) std::this_thread::yield();
  }
  EXPECT_LT(system_clock().now() - began, std::chrono::seconds(8)) << "less than any deadline";
  closed.unlock();
}

TEST_F(KeeperTest, NothingIsToldOnceItIsLetGo) {
  std::atomic<int> told = 0;
  Keeper keeper(system_clock(), 7);
  for (int i = 0; i < 50; ++i) {
    const int before = told.load();
    auto alive = std::make_shared<std::atomic<bool>>(true);
    auto kept =
        keeper.keep("p", make_source(settings(Source::aws_instance)), [&told, alive](const auto&) {
          EXPECT_TRUE(alive->load());
          ++told;
        });
    if (i % 5 == 0)
      while (told.load() == before) std::this_thread::yield();
    kept.reset();
    alive->store(false);
  }
  EXPECT_GE(told.load(), 10);
}

}  // namespace
}  // namespace holdfast::vault
