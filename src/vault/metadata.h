// The metadata services of clouds: plain http on link-local addresses, where no provider may be.
// Only token requests reach them, by address, so that no DNS answer can lead anywhere.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <memory>
#include <optional>

#include "net/connector.h"
#include "net/watchdog.h"

namespace holdfast::vault {

// Where `origin` is, when it is a metadata service over plain http: metadata.google.internal, or
// an address in 169.254.0.0/16, fd00:ec2::254 or fd00:ec2::23. Otherwise nothing.
std::optional<boost::asio::ip::address> metadata_address(const net::Origin& origin);

// Connects to metadata services itself and leaves everything else, with its checks, to `others`.
// The loop and the watchdog outlive it.
std::unique_ptr<net::Connector> make_token_connector(boost::asio::io_context& loop,
                                                     net::Watchdog& watchdog,
                                                     std::unique_ptr<net::Connector> others);

}  // namespace holdfast::vault
