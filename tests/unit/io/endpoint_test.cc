// Properties: parse() accepts exactly the documented forms and to_string() gives them back; an
// endpoint survives the way through a socket address.
#include "io/endpoint.h"

#include <gtest/gtest.h>

namespace cairn::io {
namespace {

TEST(Endpoint, ParsesTheDocumentedForms) {
  struct Case {
    std::string_view text;
    std::string_view host;
    uint16_t port;
    std::string_view back;
  };
  const Case cases[] = {{"1.2.3.4:80", "1.2.3.4", 80, "1.2.3.4:80"},
                        {"[::1]:9000", "::1", 9000, "[::1]:9000"},
                        {":8080", "0.0.0.0", 8080, "0.0.0.0:8080"},
                        {"store.example:65535", "store.example", 65535, "store.example:65535"},
                        {"localhost:0", "localhost", 0, "localhost:0"}};
  for (const Case& one : cases) {
    const Result<Endpoint> parsed = Endpoint::parse(one.text);
    ASSERT_TRUE(parsed) << one.text;
    EXPECT_EQ(parsed->host, one.host);
    EXPECT_EQ(parsed->port, one.port);
    EXPECT_EQ(parsed->to_string(), one.back);
  }
}

TEST(Endpoint, RefusesEverythingElse) {
  for (const std::string_view text :
       {"", "host", "host:", "host:65536", "host:-1", "host:8a", "host: 80", "ho st:80", "::1:80",
        "[::1]", "[::1:80", "::1]:80", "[]:80", "[host]:80", "a/b:80", "host:+80"}) {
    const Result<Endpoint> parsed = Endpoint::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
  }
  EXPECT_FALSE(Endpoint::parse(std::string(254, 'a') + ":80"));
}

TEST(Endpoint, LiteralsBecomeAddressesAndNamesDoNot) {
  for (const char* host : {"127.0.0.1", "::1", "2001:db8::7"}) {
    const auto address = literal_address({.host = host, .port = 443});
    ASSERT_TRUE(address) << host;
    const Endpoint back = endpoint_of(*address);
    EXPECT_EQ(back.host, host);
    EXPECT_EQ(back.port, 443);
  }
  EXPECT_FALSE(literal_address({.host = "localhost", .port = 1}));
}

}  // namespace
}  // namespace cairn::io
