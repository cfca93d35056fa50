// TLS of a listener: `server.tls` and `admin.tls`.
#pragma once
#include <optional>
#include <string_view>

#include "net/server_tls.h"

namespace holdfast::config {
class Section;
}

namespace holdfast::server {

// Reads `tls` of the listener's section, and the files that it names. Nothing: plain HTTP.
//   alpn   what is spoken there, as net::ServerTls::load takes it
std::optional<net::ServerTlsFiles> read_tls(config::Section& listener, std::string_view alpn);

}  // namespace holdfast::server
