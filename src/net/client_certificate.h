// What a client has shown of itself by its certificate.
#pragma once
#include <string>
#include <vector>

struct x509_st;  // OpenSSL's X509

namespace holdfast::net {

struct ClientCertificate {
  std::string subject;             // for people: "CN = orders, O = Example"
  std::vector<std::string> names;  // "URI:spiffe://example/orders", "DNS:orders.example"
  std::string problem;             // why nobody may rely on it; empty: it has passed
};

// Reads names of the two kinds, at most limits::certificate_names; one with a control character is
// left out. `problem` is the caller's.
ClientCertificate read_client_certificate(x509_st& certificate);

}  // namespace holdfast::net
