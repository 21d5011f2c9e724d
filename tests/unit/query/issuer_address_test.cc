// S28: where an identity provider's name may not lead.
#include <gtest/gtest.h>

#include "query/issuer_keys.h"

namespace cairn::query {
namespace {

bool is_public(std::string_view host) {
  io::Endpoint endpoint;
  endpoint.host = host;
  endpoint.port = 443;
  return is_public_address(endpoint);
}

TEST(IssuerAddress, PrivateAndSpecialAddressesAreRefused) {
  for (const std::string_view host : {"127.0.0.1",
                                      "127.255.255.254",
                                      "0.0.0.0",
                                      "10.0.0.1",
                                      "10.255.255.255",
                                      "172.16.0.1",
                                      "172.31.255.255",
                                      "192.168.1.1",
                                      "169.254.169.254",
                                      "100.64.0.1",
                                      "100.127.255.255",
                                      "198.18.0.1",
                                      "198.19.255.255",
                                      "192.0.0.1",
                                      "192.0.2.1",
                                      "198.51.100.1",
                                      "203.0.113.9",
                                      "224.0.0.1",
                                      "239.1.1.1",
                                      "240.0.0.1",
                                      "255.255.255.255",
                                      "::1",
                                      "::",
                                      "fe80::1",
                                      "fc00::1",
                                      "fd12::1",
                                      "ff02::1",
                                      "::ffff:127.0.0.1",
                                      "::ffff:8.8.8.8",
                                      "::127.0.0.1",
                                      "64:ff9b::a00:1",
                                      "2002:7f00:1::1",
                                      "2001::1",
                                      "2001:db8::1",
                                      "name.example"}) {
    EXPECT_FALSE(is_public(host)) << host;
  }
  for (const std::string_view host :
       {"8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
        "198.17.0.1", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2001:4860::8888"}) {
    EXPECT_TRUE(is_public(host)) << host;
  }
}

}  // namespace
}  // namespace cairn::query
