#include "vault/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <tuple>
#include <utility>

#include "config/section.h"
#include "net/tls_context.h"
#include "vault/aws.h"
#include "vault/azure.h"
#include "vault/google.h"
#include "vault/openbao.h"

namespace holdfast::vault {
namespace {
using namespace std::chrono_literals;
using config::Choice;
using config::Section;
using enum Source;

constexpr std::array<Choice<Source>, 13> sources = {
    {{"google_service_account", google_service_account},
     {"google_metadata", google_metadata},
     {"google_workload_identity", google_workload_identity},
     {"google_authorized_user", google_authorized_user},
     {"entra_client_secret", entra_client_secret},
     {"entra_federated", entra_federated},
     {"azure_managed_identity", azure_managed_identity},
     {"aws_static", aws_static},
     {"aws_web_identity", aws_web_identity},
     {"aws_assume_role", aws_assume_role},
     {"aws_container", aws_container},
     {"aws_instance", aws_instance},
     {"openbao", openbao}}};
// Those that may stand under `base`.
constexpr std::array<Choice<Source>, 4> base_sources = {{{"aws_static", aws_static},
                                                         {"aws_web_identity", aws_web_identity},
                                                         {"aws_container", aws_container},
                                                         {"aws_instance", aws_instance}}};
constexpr std::array<Choice<ManagedForm>, 2> forms = {
    {{"imds", ManagedForm::imds}, {"app_service", ManagedForm::app_service}}};
constexpr std::array<Choice<bool>, 2> networks = {{{"public", false}, {"private", true}}};

bool is_google(Source source) { return source <= google_authorized_user; }
bool is_azure(Source source) {
  return source >= entra_client_secret && source <= azure_managed_identity;
}

// Reads the keys of `auth`, and of `base` in it. Each key is read once, for all sources that use
// it.
class AuthReader {
 public:
  AuthReader(Section& section, AuthSettings& settings, bool known)
      : section_(section), settings_(settings), known_(known) {}

  void read_google() {
    only({google_service_account, google_workload_identity, google_authorized_user}, [&] {
      if (section_.path("credential_file", settings_.credential_file,
                        "JSON file with the key, the federation or the login; read again for "
                        "each token"))
        check_credential_file();
      need("credential_file", "say where it is, as in credential_file: /run/secrets/google.json");
      url("token_url", settings_.token_url, "in place of the token service that the file names");
    });
    only({google_workload_identity}, [&] {
      url("impersonation_url", settings_.impersonation_url,
          "in place of the file's service_account_impersonation_url");
    });
    only({google_metadata}, [&] {
      section_.word("account", settings_.account, "service account of the machine to use");
    });
    only({google_service_account, google_metadata, google_workload_identity}, [&] {
      section_.words("scopes", settings_.scopes,
                     "what the token is good for; none: "
                     "https://www.googleapis.com/auth/cloud-platform");
    });
  }

  void read_azure() {
    only({entra_client_secret, entra_federated}, [&] {
      section_.word("tenant", settings_.tenant, "directory (tenant) id");
      need("tenant", "write the directory's id, as in tenant: ${AZURE_TENANT_ID}");
    });
    only({entra_client_secret, entra_federated, azure_managed_identity}, [&] {
      section_.word("client_id", settings_.client_id,
                    "application (client) id; azure_managed_identity: of the identity, where "
                    "there are several");
      need_if(settings_.source != azure_managed_identity, "client_id",
              "write the application's id, as in client_id: ${AZURE_CLIENT_ID}");
      section_.word("scope", settings_.scope,
                    "what the token is good for; none: what the provider needs, as a rule "
                    "https://cognitiveservices.azure.com/.default");
    });
    only({entra_client_secret}, [&] {
      section_.secret("client_secret", settings_.client_secret, "the application's secret");
      need("client_secret", "say where it is, as in client_secret: env:AZURE_CLIENT_SECRET");
    });
    only({azure_managed_identity}, [&] {
      section_.choice("form", settings_.form, forms,
                      "imds: virtual machines; app_service: App Service, Functions, Container "
                      "Apps");
      const bool app_service = settings_.form == ManagedForm::app_service;
      section_.when(app_service, "form: app_service", [&] {
        section_.secret("identity_header", settings_.identity_header, "proves who asks");
        need_if(app_service, "identity_header", "write identity_header: env:IDENTITY_HEADER");
      });
    });
  }

  void read_aws() {
    only({aws_static}, [&] {
      section_.word("access_key_id", settings_.access_key_id, "the key's name");
      need("access_key_id", "write it, as in access_key_id: ${AWS_ACCESS_KEY_ID}");
      section_.secret("secret_access_key", settings_.secret_access_key, "the key");
      need("secret_access_key", "write secret_access_key: env:AWS_SECRET_ACCESS_KEY");
      section_.secret("session_token", settings_.session_token, "of temporary keys");
    });
    only({aws_web_identity, aws_assume_role}, [&] {
      section_.word("role_arn", settings_.role_arn, "the role to assume");
      need("role_arn", "write it, as in role_arn: arn:aws:iam::123456789012:role/gateway");
      if (section_.word("session_name", settings_.session_name, "names the session in AWS's logs"))
        check_session_name();
      section_.duration("duration", settings_.duration, 15min, 12h,
                        "how long the keys are to live; AWS allows 1h when a role assumes a role");
      section_.word("region", settings_.region,
                    "of the token service; none: the provider's region");
      need_if(settings_.region.empty(), "region", "write it, as in region: eu-central-1");
    });
    only({aws_instance},
         [&] { section_.word("role", settings_.role, "none: the one that the instance has"); });
  }

  void read_openbao();
  void read_assume_role(const AuthOffer& offer);

  void read_common() {
    only({entra_federated, aws_web_identity, aws_container}, [&] {
      section_.path("token_file", settings_.token_file,
                    "file of the token that proves who asks; read again for each credential");
      need_if(settings_.source != aws_container, "token_file",
              "say where it is, as in token_file: /var/run/secrets/token");
    });
    only({google_metadata, entra_client_secret, entra_federated, azure_managed_identity,
          aws_web_identity, aws_assume_role, aws_container, aws_instance, openbao},
         [&] {
           url("endpoint", settings_.endpoint,
               "the token service; none: the cloud's own; required for aws_container, openbao and "
               "form: app_service");
           const bool app_service = settings_.source == azure_managed_identity &&
                                    settings_.form == ManagedForm::app_service;
           need_if(app_service, "endpoint", "write endpoint: ${IDENTITY_ENDPOINT}");
           need_if(settings_.source == aws_container, "endpoint",
                   "write endpoint: http://169.254.170.2${AWS_CONTAINER_CREDENTIALS_RELATIVE_URI}, "
                   "or ${AWS_CONTAINER_CREDENTIALS_FULL_URI}");
           need_if(settings_.source == openbao, "endpoint",
                   "write where the server is, as in endpoint: https://bao.example:8200");
         });
  }

  void read_network() {
    Network& network = settings_.network;
    section_.choice("network", network.private_allowed, networks,
                    "private: the token service's address may be in a private range");
    if (section_.path("ca_file", network.ca_file,
                      "PEM file of the authorities that may sign the token service's "
                      "certificate; none: those of the system") &&
        !net::TlsContext::make(network.ca_file))
      section_.problem("ca_file", "has no certificate that can be read", "name a PEM file");
    if (section_.document() != nullptr) network.environment = section_.document()->environment;
  }

 private:
  // What `body` reads is for these sources only.
  void only(std::initializer_list<Source> of, const std::function<void()>& body) {
    std::vector<std::string_view> names;
    for (const Source source : of) names.push_back(to_string(source));
    const std::string condition = fmt::format("source: {}", fmt::join(names, ", "));
    holds_ = std::ranges::find(of, settings_.source) != of.end();
    section_.when(!known_ || holds_, condition, body);
  }

  // `key`, read before in the same only(), must be set.
  void need(std::string_view key, std::string_view remedy) {
    const bool describing = section_.document() == nullptr;
    if (describing || (known_ && holds_)) section_.require(key, remedy);
  }
  // The same, but only if `holds`; the page does not mark it.
  void need_if(bool holds, std::string_view key, std::string_view remedy) {
    if (holds && section_.document() != nullptr) need(key, remedy);
  }

  void url(std::string_view key, std::string& into, std::string_view about) {
    if (!section_.text(key, into, about)) return;
    const auto endpoint = parse_endpoint(into, settings_.network);
    if (!endpoint) section_.problem(key, endpoint.error().detail);
  }

  void check_session_name() {
    const std::string& name = settings_.session_name;
    const bool right =
        name.size() >= 2 && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 std::string_view("_+=,.@-").find(c) != std::string_view::npos;
        });
    if (!right)
      section_.problem("session_name", "is not a session name", {},
                       "letters, digits and _ + = , . @ -, 2 to 64 of them");
  }

  void check_credential_file() {
    std::ifstream file(settings_.credential_file, std::ios::binary);
    std::string text(limits::token_file_bytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
    const Secret all(std::move(text));
    if (all.empty() || all.reveal().size() > limits::token_file_bytes)
      return section_.problem("credential_file", "cannot be read, or is no credential file",
                              "name a JSON file that this user may read");
    const auto report = [&](const auto& read) {
      if (!read) section_.problem("credential_file", read.error().detail);
    };
    if (settings_.source == google_service_account) report(read_service_account(all.reveal()));
    if (settings_.source == google_workload_identity) report(read_external_account(all.reveal()));
    if (settings_.source == google_authorized_user) report(read_authorized_user(all.reveal()));
  }

  Section& section_;
  AuthSettings& settings_;
  bool known_;          // which source it is
  bool holds_ = false;  // what only() is reading now is for it
};

void AuthReader::read_openbao() {
  const auto path = [&](std::string_view key, std::string& into, std::string_view about) {
    if (!section_.word(key, into, about)) return;
    std::string_view rest = into;
    while (true) {
      const std::string_view part = rest.substr(0, rest.find('/'));
      if (part.empty() || part == "." || part == "..")
        return section_.problem(key, "is not a path", "write it as in holdfast/openai");
      if (part.size() == rest.size()) return;
      rest.remove_prefix(part.size() + 1);
    }
  };
  only({openbao}, [&] {
    path("mount", settings_.mount, "of the key-value engine, version 2");
    path("path", settings_.path, "of the secret below the mount");
    need("path", "write where the secret is, as in path: holdfast/openai");
    section_.word("field", settings_.field, "the secret's field that is the key");
    section_.integer("version", settings_.version, 0, 1'000'000'000, "0: always the newest");
    section_.word("role_id", settings_.role_id, "of the AppRole that logs in");
    section_.secret("secret_id", settings_.secret_id, "of the AppRole");
    path("login_mount", settings_.login_mount, "of the AppRole method");
    section_.secret("token", settings_.token, "in place of an AppRole; it is renewed");
    const bool role = !settings_.role_id.empty() && !settings_.secret_id.empty();
    const bool reading = section_.document() != nullptr && known_ && holds_;
    if (reading && role != settings_.token.empty())
      section_.problem("role_id", "and secret_id, or token: one of the two is needed",
                       "write role_id: ... and secret_id: file:/run/secrets/secret_id");
    section_.duration("lease", settings_.lease, 1s, 24h,
                      "how long a secret is used that cannot be read again");
  });
}

void AuthReader::read_assume_role(const AuthOffer& offer) {
  only({aws_assume_role}, [&] {
    section_.word("external_id", settings_.external_id, "what the role's owner asks for");
    section_.section("base", "Whose keys assume the role", [&](Section& section) {
      auto base = std::make_shared<AuthSettings>();
      base->source = aws_instance;
      base->region = offer.aws_region;
      const bool reading = section.document() != nullptr && settings_.source == aws_assume_role;
      const bool named =
          section.choice("source", base->source, base_sources, "where they are from");
      if (reading) section.require("source", "say where they are from, as in source: aws_instance");
      AuthReader reader(section, *base, named);
      reader.read_network();
      reader.read_aws();
      reader.read_common();
      settings_.base = std::move(base);
    });
  });
}

auto comparable(const AuthSettings& s) {
  return std::tuple(
      std::tie(s.source, s.credential_file, s.token_file, s.endpoint, s.token_url,
               s.impersonation_url, s.scopes, s.account, s.tenant, s.client_id, s.scope, s.form,
               s.access_key_id, s.region, s.role, s.role_arn, s.session_name, s.external_id,
               s.duration, s.network.private_allowed, s.network.ca_file, s.mount, s.path, s.field,
               s.version, s.role_id, s.login_mount, s.lease),
      s.secret_id.reveal(), s.token.reveal(), s.client_secret.reveal(), s.identity_header.reveal(),
      s.secret_access_key.reveal(), s.session_token.reveal());
}
}  // namespace

std::string_view to_string(Source source) {
  const auto* at = std::ranges::find(sources, source, &Choice<Source>::value);
  return at == sources.end() ? "unknown" : at->name;
}

bool operator==(const AuthSettings& a, const AuthSettings& b) {
  if (comparable(a) != comparable(b)) return false;
  if (a.base == nullptr || b.base == nullptr) return a.base == b.base;
  return *a.base == *b.base;
}

bool same_account(const AuthSettings& a, const AuthSettings& b) {
  const auto bare = [](AuthSettings settings) {
    settings.secret_id = settings.token = settings.client_secret = {};
    settings.identity_header = settings.secret_access_key = settings.session_token = {};
    settings.base = nullptr;
    return settings;
  };
  if (!(bare(a) == bare(b))) return false;
  if (a.base == nullptr || b.base == nullptr) return a.base == b.base;
  return same_account(*a.base, *b.base);
}

std::optional<AuthSettings> read_auth(Section& provider, const AuthOffer& offer) {
  const bool set = provider.has("auth");
  AuthSettings settings;
  settings.region = offer.aws_region;
  provider.section("auth", "A credential that is fetched, in place of a key", [&](Section& auth) {
    const bool known = auth.choice("source", settings.source, sources, "where it comes from");
    if (set || auth.document() == nullptr)
      auth.require("source", "say where it comes from, as in source: google_service_account");
    const Source source = settings.source;
    const bool offered = source == openbao   ? true
                         : is_google(source) ? offer.google
                         : is_azure(source)  ? offer.azure
                                             : offer.aws;
    if (known && !offered) auth.problem("source", "is of another cloud than the provider");
    AuthReader reader(auth, settings, known);
    reader.read_network();
    reader.read_google();
    reader.read_azure();
    reader.read_aws();
    reader.read_common();
    reader.read_openbao();
    reader.read_assume_role(offer);
  });
  if (!set) return std::nullopt;
  if (settings.scopes.empty()) settings.scopes = {offer.google_scope};
  if (settings.scope.empty()) settings.scope = offer.azure_scope;
  return settings;
}

std::unique_ptr<const CredentialSource> make_source(const AuthSettings& settings) {
  if (is_google(settings.source)) return make_google_source(settings);
  if (is_azure(settings.source)) return make_azure_source(settings);
  if (settings.source == openbao) return make_openbao_source(settings);
  return make_aws_source(settings);
}

}  // namespace holdfast::vault
