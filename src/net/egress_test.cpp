#include "net/egress.h"

#include <gtest/gtest.h>

namespace holdfast::net {
namespace {
TEST(ReachOf, KnowsTheSpecialRanges) {
  struct Case {
    const char* address;
    Reach want;
  };
  constexpr Case cases[] = {{"8.8.8.8", Reach::global},
                            {"172.15.255.255", Reach::global},
                            {"172.32.0.0", Reach::global},
                            {"100.63.255.255", Reach::global},
                            {"100.128.0.0", Reach::global},
                            {"2606:4700::1111", Reach::global},
                            {"64:ff9b::8.8.8.8", Reach::global},
                            {"::ffff:8.8.8.8", Reach::global},
                            {"127.0.0.1", Reach::loopback},
                            {"127.255.255.255", Reach::loopback},
                            {"::1", Reach::loopback},
                            {"::ffff:127.0.0.1", Reach::loopback},
                            {"64:ff9b::7f00:1", Reach::loopback},
                            {"10.0.0.1", Reach::internal},
                            {"172.16.0.0", Reach::internal},
                            {"172.31.255.255", Reach::internal},
                            {"192.168.1.1", Reach::internal},
                            {"100.64.0.1", Reach::internal},
                            {"fd12:3456::1", Reach::internal},
                            {"::ffff:10.0.0.1", Reach::internal},
                            {"64:ff9b::a00:1", Reach::internal},
                            {"169.254.169.254", Reach::never},
                            {"::ffff:169.254.169.254", Reach::never},
                            {"64:ff9b::a9fe:a9fe", Reach::never},
                            {"100.100.100.200", Reach::never},
                            {"168.63.129.16", Reach::never},
                            {"fd00:ec2::254", Reach::never},
                            {"0.0.0.0", Reach::never},
                            {"0.1.2.3", Reach::never},
                            {"::", Reach::never},
                            {"::8.8.8.8", Reach::never},
                            {"198.18.0.1", Reach::never},
                            {"198.19.255.255", Reach::never},
                            {"192.0.2.1", Reach::never},
                            {"224.0.0.1", Reach::never},
                            {"240.0.0.1", Reach::never},
                            {"255.255.255.255", Reach::never},
                            {"fe80::1", Reach::never},
                            {"fec0::1", Reach::never},
                            {"ff02::1", Reach::never},
                            {"2002:a9fe:a9fe::", Reach::never},
                            {"2002:808:808::1", Reach::never},
                            {"2001::1", Reach::never},
                            {"2001:db8::1", Reach::never},
                            {"64:ff9b:1::1", Reach::never},
                            {"100::1", Reach::never}};
  for (const Case& c : cases)
    EXPECT_EQ(reach_of(asio::ip::make_address(c.address)), c.want) << c.address;
}

TEST(MayConnect, OpensPrivateNetworksOnlyByLeave) {
  struct Case {
    const char* rule;
    const char* host;
    bool private_allowed;
    const char* address;
    bool want;
  };
  constexpr Case cases[] = {
      {"global", "api.example", false, "8.8.8.8", true},
      {"a name that leads to this machine", "api.example", false, "127.0.0.1", false},
      {"a name that leads inside", "api.example", false, "10.0.0.1", false},
      {"an address inside", "10.0.0.1", false, "10.0.0.1", false},
      {"inside with leave", "vllm.internal", true, "10.0.0.1", true},
      {"this machine by a name, with leave", "vllm.internal", true, "127.0.0.1", true},
      {"metadata, with leave", "vllm.internal", true, "169.254.169.254", false},
      {"localhost", "localhost", false, "::1", true},
      {"loopback address", "127.0.0.1", false, "127.0.0.1", true},
      {"localhost that leads inside", "localhost", false, "10.0.0.1", false}};
  for (const Case& c : cases) {
    Origin origin;
    origin.host = c.host;
    origin.private_allowed = c.private_allowed;
    EXPECT_EQ(may_connect(origin, asio::ip::make_address(c.address)), c.want) << c.rule;
  }
}
}  // namespace
}  // namespace holdfast::net
