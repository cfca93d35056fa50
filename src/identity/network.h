// Networks that a key may be used from: addresses in CIDR notation.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::identity {

// Of IPv4 or IPv6; an IPv4 address that is written as IPv6 (::ffff:10.0.0.1) is taken for IPv4.
class Network {
 public:
  // Of "10.0.0.0/8", "2001:db8::/32", or one address. Nothing: it is none, or it has bits set that
  // its length leaves out.
  static std::optional<Network> parse(std::string_view text);
  bool contains(const boost::asio::ip::address& address) const;
  // Whether every address of `other` is one of this.
  bool contains(const Network& other) const;

 private:
  Network(const boost::asio::ip::address& base, unsigned bits) : base_(base), bits_(bits) {}
  boost::asio::ip::address base_;
  unsigned bits_;  // of the beginning that counts
};

}  // namespace holdfast::identity
