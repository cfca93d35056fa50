#include "identity/network.h"

#include <gtest/gtest.h>

namespace holdfast::identity {
namespace {

namespace ip = boost::asio::ip;

TEST(Network, ReadsWhatIsOneAndNothingElse) {
  for (const char* good : {"10.0.0.0/8", "127.0.0.1", "0.0.0.0/0", "192.168.4.0/22", "::/0", "::1",
                           "2001:db8::/32", "2001:db8::8000/113"})
    EXPECT_TRUE(Network::parse(good)) << good;
  for (const char* bad :
       {"", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0", "a",
        "2001:db8::1/32", "::/129", "::ffff:10.0.0.0/104", "fe80::1%lo", "010.0.0.0/8", "/8"})
    EXPECT_FALSE(Network::parse(bad)) << bad;
}

TEST(Network, ContainsItsAddresses) {
  struct Case {
    const char* network;
    const char* address;
    bool want;
  };
  constexpr Case cases[] = {
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.0.0.0/8", "::ffff:10.1.2.3", true},
      {"10.0.0.0/8", "::ffff:11.1.2.3", false},
      {"192.168.4.0/22", "192.168.7.255", true},
      {"192.168.4.0/22", "192.168.8.0", false},
      {"127.0.0.1", "127.0.0.1", true},
      {"127.0.0.1", "127.0.0.2", false},
      {"0.0.0.0/0", "1.2.3.4", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "2001:db8::1", true},
      {"::/0", "1.2.3.4", false},
      {"2001:db8::/33", "2001:db8:7fff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
  };
  for (const Case& c : cases)
    EXPECT_EQ(Network::parse(c.network)->contains(ip::make_address(c.address)), c.want)
        << c.network << " " << c.address;
}

TEST(Network, ContainsSmallerOnes) {
  const auto in = [](const char* inner, const char* outer) {
    return Network::parse(outer)->contains(*Network::parse(inner));
  };
  EXPECT_TRUE(in("10.1.0.0/16", "10.0.0.0/8"));
  EXPECT_TRUE(in("10.0.0.0/8", "10.0.0.0/8"));
  EXPECT_FALSE(in("10.0.0.0/8", "10.0.0.0/9"));
  EXPECT_FALSE(in("0.0.0.0/0", "::/0"));
}

}  // namespace
}  // namespace holdfast::identity
