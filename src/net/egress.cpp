#include "net/egress.h"

#include <array>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

namespace holdfast::net {
namespace {
namespace ip = asio::ip;

struct Range4 {
  const char* prefix;
  Reach reach;
};

// IANA's special-purpose registries, and the metadata services of clouds.
constexpr Range4 special4[] = {
    {"100.100.100.200/32", Reach::never},  // metadata (Alibaba)
    {"168.63.129.16/32", Reach::never},    // host agent (Azure)
    {"192.0.0.192/32", Reach::never},      // metadata (Oracle)
    {"0.0.0.0/8", Reach::never},          {"10.0.0.0/8", Reach::internal},
    {"100.64.0.0/10", Reach::internal},   {"127.0.0.0/8", Reach::loopback},
    {"169.254.0.0/16", Reach::never},  // link-local and metadata
    {"172.16.0.0/12", Reach::internal},   {"192.0.0.0/24", Reach::never},
    {"192.0.2.0/24", Reach::never},  // documentation
    {"192.88.99.0/24", Reach::never},     {"192.168.0.0/16", Reach::internal},
    {"198.18.0.0/15", Reach::never},  // benchmarking
    {"198.51.100.0/24", Reach::never},    {"203.0.113.0/24", Reach::never},
    {"224.0.0.0/4", Reach::never},        {"240.0.0.0/4", Reach::never}};
constexpr Range4 special6[] = {{"fd00:ec2::254/128", Reach::never},  // metadata (AWS)
                               {"fd20:ce::254/128", Reach::never},   // metadata (Google)
                               {"fc00::/7", Reach::internal},
                               {"2001::/23", Reach::never},  // Teredo, ORCHID, benchmarking
                               {"2001:db8::/32", Reach::never},
                               {"2002::/16", Reach::never},  // 6to4
                               {"3fff::/20", Reach::never},
                               {"2000::/3", Reach::global}};  // all else is not global unicast
constexpr std::array<unsigned char, 12> nat64 = {0, 0x64, 0xff, 0x9b};

Reach reach_of(const ip::address_v4& address) {
  static const auto ranges = [] {
    std::array<std::pair<ip::network_v4, Reach>, std::size(special4)> out;
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = {ip::make_network_v4(special4[i].prefix), special4[i].reach};
    return out;
  }();
  for (const auto& [network, reach] : ranges)
    if (ip::network_v4(address, network.prefix_length()).network() == network.network())
      return reach;
  return Reach::global;
}

Reach reach_of(const ip::address_v6& address) {
  const auto bytes = address.to_bytes();
  const bool carries_v4 =
      address.is_v4_mapped() || std::equal(nat64.begin(), nat64.end(), bytes.begin());
  if (carries_v4)
    return reach_of(
        ip::address_v4(ip::address_v4::bytes_type{bytes[12], bytes[13], bytes[14], bytes[15]}));
  if (address.is_loopback()) return Reach::loopback;
  static const auto ranges = [] {
    std::array<std::pair<ip::network_v6, Reach>, std::size(special6)> out;
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = {ip::make_network_v6(special6[i].prefix), special6[i].reach};
    return out;
  }();
  for (const auto& [network, reach] : ranges)
    if (ip::network_v6(address, network.prefix_length()).network() == network.network())
      return reach;
  return Reach::never;
}
}  // namespace

Reach reach_of(const ip::address& address) {
  return address.is_v4() ? reach_of(address.to_v4()) : reach_of(address.to_v6());
}

bool may_connect(const Origin& origin, const ip::address& address) {
  switch (reach_of(address)) {
    case Reach::global:
      return true;
    case Reach::loopback:
      return origin.private_allowed || is_loopback_host(origin.host);
    case Reach::internal:
      return origin.private_allowed;
    case Reach::never:
      return false;
  }
  return false;
}

}  // namespace holdfast::net
