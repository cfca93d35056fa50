#include "identity/network.h"

#include <charconv>
#include <span>

namespace holdfast::identity {
namespace {

namespace ip = boost::asio::ip;

ip::address plain(const ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

// Whether the first `bits` of the two are the same.
template <class Bytes>
bool same_beginning(const Bytes& one, const Bytes& other, unsigned bits) {
  for (std::size_t i = 0; i < one.size() && bits > 0; ++i) {
    const unsigned counted = bits < 8 ? bits : 8;
    const auto mask = static_cast<unsigned char>(0xFFU << (8U - counted));
    if (((one[i] ^ other[i]) & mask) != 0) return false;
    bits -= counted;
  }
  return true;
}

template <class Bytes>
bool ends_in_zeros(const Bytes& bytes, unsigned bits) {
  for (std::size_t i = bits; i < bytes.size() * 8; ++i)
    if ((bytes[i / 8] >> (7 - i % 8) & 1) != 0) return false;
  return true;
}

}  // namespace

std::optional<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  boost::system::error_code error;
  const ip::address base = ip::make_address(std::string(text.substr(0, slash)), error);
  if (error || (base.is_v6() && (base.to_v6().is_v4_mapped() || base.to_v6().scope_id() != 0)))
    return std::nullopt;
  const unsigned most = base.is_v4() ? 32 : 128;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    const auto [end, bad] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (bad != std::errc{} || end != length.data() + length.size() || bits > most)
      return std::nullopt;
  }
  const bool zeros = base.is_v4() ? ends_in_zeros(base.to_v4().to_bytes(), bits)
                                  : ends_in_zeros(base.to_v6().to_bytes(), bits);
  if (!zeros) return std::nullopt;
  return Network(base, bits);
}

bool Network::contains(const ip::address& address) const {
  const ip::address asked = plain(address);
  if (asked.is_v4() != base_.is_v4()) return false;
  return base_.is_v4() ? same_beginning(base_.to_v4().to_bytes(), asked.to_v4().to_bytes(), bits_)
                       : same_beginning(base_.to_v6().to_bytes(), asked.to_v6().to_bytes(), bits_);
}

bool Network::contains(const Network& other) const {
  return bits_ <= other.bits_ && contains(other.base_);
}

}  // namespace holdfast::identity
