#include "server/tls_settings.h"

#include <fmt/format.h>

#include <array>

#include "base/clock.h"
#include "config/section.h"
#include "net/tls_limits.h"

namespace holdfast::server {
namespace {
using net::ClientCertificates;
constexpr std::array<config::Choice<ClientCertificates>, 2> choices = {
    {{"required", ClientCertificates::required}, {"optional", ClientCertificates::optional}}};

void check_files(config::Section& tls, const net::ServerTlsFiles& files, std::string_view alpn) {
  const std::int64_t now_us = system_clock().wall_us();
  const auto loaded = net::ServerTls::load(files, alpn, now_us);
  if (!loaded) return tls.problem(loaded.error().key, loaded.error().what, loaded.error().remedy);
  if (!(*loaded)->warning().empty()) tls.warn("certificate", (*loaded)->warning());
  const auto left = std::chrono::microseconds((*loaded)->expires_us() - now_us);
  if (left < limits::expiry_warning)
    tls.warn("certificate",
             fmt::format("{} expires in {} hours", files.certificate,
                         std::chrono::duration_cast<std::chrono::hours>(left).count()),
             "renew it");
}
}  // namespace

std::optional<net::ServerTlsFiles> read_tls(config::Section& listener, std::string_view alpn) {
  net::ServerTlsFiles files;
  listener.section(
      "tls", "TLS of this listener; without it, it speaks plain HTTP", [&](config::Section& tls) {
        const bool certificate = tls.path(
            "certificate", files.certificate,
            "PEM file: the listener's certificate, then those between it and a root. It and "
            "the key are read again when they change");
        const bool key =
            tls.path("key", files.key,
                     "PEM file of its private key; other users must not be able to read "
                     "it");
        const bool authorities = tls.path(
            "client_ca", files.client_ca,
            "PEM file of the authorities that sign clients' certificates; none: clients are "
            "not asked for one");
        tls.when(authorities || tls.document() == nullptr, "client_ca", [&] {
          tls.choice(
              "client_certificates", files.client_certificates, choices,
              "required: without a good one there is no connection; optional: who shows a bad "
              "one is answered 403");
        });
        if (tls.document() == nullptr || !listener.has("tls")) return;
        tls.require("certificate", "name the PEM file of the listener's certificate");
        tls.require("key", "name the PEM file of its private key");
        if (certificate && key) check_files(tls, files, alpn);
      });
  if (!listener.has("tls")) return std::nullopt;
  return files;
}

}  // namespace holdfast::server
