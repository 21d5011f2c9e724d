// Property: reply heads cannot be injected into, dates and URLs read and write as the RFCs say, and
// the proxy variables choose as curl's do.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/random.h"
#include "http/date.h"
#include "http/head_parser.h"
#include "http/proxy.h"
#include "http/scan.h"
#include "http/url.h"

namespace cairn::http {
namespace {

TEST(ResponseHead, InjectedLinesBecomeSpaces) {
  ResponseHead head(200);
  head.add("ETag", "\"a\"\r\nSet-Cookie: x").add("X-A", std::string_view("a\0b\x1b", 4));
  head.add("bad name", "v").add("", "v").add("x-n", uint64_t{0}).add("x-m", UINT64_MAX);
  EXPECT_EQ(head.wire(),
            "ETag: \"a\"  Set-Cookie: x\r\nX-A: a b \r\nx-n: 0\r\nx-m: 18446744073709551615\r\n");
}

TEST(ResponseHead, SpillsAndStaysBounded) {
  ResponseHead head(200);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    head.add("x-amz-meta-a", std::string(50, 'v'));
    expected += "x-amz-meta-a: " + std::string(50, 'v') + "\r\n";
  }
  EXPECT_EQ(head.wire(), expected);
  head.add("big", std::string(kHeadBytesMax, 'v'));
  EXPECT_EQ(head.wire(), expected);
}

TEST(Scan, VectorAndScalarAgree) {
  SeededRandom random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string text(random.below(70), 'a');
    for (char& c : text) {
      if (random.below(20) == 0) c = static_cast<char>(random.below(256));
    }
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    using namespace detail;
    EXPECT_EQ(find_not<kTokenByte>(begin, end), find_not_scalar(kTokenByte, begin, end));
    EXPECT_EQ(find_not<kValueByte>(begin, end), find_not_scalar(kValueByte, begin, end));
    EXPECT_EQ(find_not<kTargetByte>(begin, end), find_not_scalar(kTargetByte, begin, end));
  }
}

TEST(Text, ComparesAndSearchesLists) {
  EXPECT_TRUE(equals_ignoring_case("Content-LENGTH", "content-length"));
  EXPECT_FALSE(equals_ignoring_case("a@", "a`"));
  EXPECT_TRUE(list_contains("a, b ,\tC", "c"));
  EXPECT_FALSE(list_contains("abc", "b"));
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token("a b"));
}

TEST(HttpDate, KnownDates) {
  const auto text_of = [](int64_t seconds) {
    const auto text = format_http_date(seconds);
    return std::string(text.data(), text.size());
  };
  EXPECT_EQ(text_of(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(text_of(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(text_of(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  SeededRandom random(3);
  for (int round = 0; round < 1000; ++round) {
    const auto seconds = static_cast<int64_t>(random.below(253402300799ULL));
    EXPECT_EQ(parse_http_date(text_of(seconds)), seconds);
  }
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), std::nullopt);
  EXPECT_EQ(parse_http_date("Sun, 31 Feb 1994 08:49:37 GMT"), std::nullopt);
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 24:49:37 GMT"), std::nullopt);
  EXPECT_EQ(parse_http_date("unD, 06 Nov 1994 08:49:37 GMT"), std::nullopt);
}

TEST(Url, PartsAndRefusals) {
  const Result<Url> url = Url::parse("https://Example.com:8443/a%20b?x=y");
  ASSERT_TRUE(url.has_value());
  EXPECT_TRUE(url->is_https);
  EXPECT_EQ(url->host, "Example.com");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->target, "/a%20b?x=y");
  EXPECT_EQ(url->authority(), "Example.com:8443");
  EXPECT_EQ(Url::parse("http://a")->target, "/");
  EXPECT_EQ(Url::parse("http://a?b")->target, "/?b");
  EXPECT_EQ(Url::parse("http://[::1]:80/x")->authority(), "[::1]");
  EXPECT_EQ(Url::parse("HTTPS://a")->port, 443);
  for (const std::string_view bad :
       {"a", "ftp://a", "http://", "http://u:p@a/", "http://a:0", "http://a:65536", "http://a:x",
        "http://a:", "http://a/ b", "http://a/\r\nX", "http://a/#f", "http://[::1", "http://a b/",
        "http://a\r\nX: y/"}) {
    EXPECT_FALSE(Url::parse(bad).has_value()) << bad;
  }
}

Result<ProxySettings> settings_of(const std::map<std::string, std::string, std::less<>>& values) {
  return proxy_from([&values](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  });
}

bool is_direct(const ProxySettings& settings, std::string_view url) {
  return settings.select(*Url::parse(url)) == nullptr;
}

TEST(Proxy, ByVariableAndScheme) {
  const auto settings = settings_of({{"HTTP_PROXY", "http://u%40x:p@proxy:3128"},
                                     {"https_proxy", "low:1"},
                                     {"HTTPS_PROXY", "high:2"}});
  ASSERT_TRUE(settings.has_value());
  const Proxy* const proxy = settings->select(*Url::parse("http://a"));
  ASSERT_NE(proxy, nullptr);
  EXPECT_EQ(proxy->host, "proxy");
  EXPECT_EQ(proxy->port, 3128);
  EXPECT_EQ(proxy->authorization, "Basic dUB4OnA=");
  EXPECT_EQ(settings->select(*Url::parse("https://a"))->host, "low");
  EXPECT_FALSE(settings_of({{"http_proxy", "socks5://a:1"}}).has_value());
  EXPECT_TRUE(is_direct(*settings_of({}), "http://a"));
  EXPECT_EQ(settings_of({{"ALL_PROXY", "all:1"}})->select(*Url::parse("https://a"))->host, "all");
}

TEST(Proxy, UpperCaseVariableIsIgnoredInCgi) {
  const auto settings = settings_of({{"HTTP_PROXY", "evil:1"}, {"REQUEST_METHOD", "GET"}});
  EXPECT_TRUE(is_direct(*settings, "http://a"));
  const auto lower = settings_of({{"http_proxy", "good:1"}, {"REQUEST_METHOD", "GET"}});
  EXPECT_FALSE(is_direct(*lower, "http://a"));
}

TEST(Proxy, ExceptionsMatchWholeLabels) {
  const auto settings = settings_of(
      {{"http_proxy", "p:1"},
       {"NO_PROXY", "localhost, .example.com other.net:8080 10.0.0.0/8,127.0.0.1,*.star.org"}});
  ASSERT_TRUE(settings.has_value());
  for (const std::string_view direct :
       {"http://LOCALHOST", "http://a.example.com", "http://example.com", "http://other.net:8080",
        "http://10.200.3.4", "http://127.0.0.1:9000", "http://x.star.org"}) {
    EXPECT_TRUE(is_direct(*settings, direct)) << direct;
  }
  for (const std::string_view proxied :
       {"http://notexample.com", "http://other.net", "http://11.0.0.1", "http://127.0.0.2",
        "http://xlocalhost", "http://10.0.0.1.evil.com"}) {
    EXPECT_FALSE(is_direct(*settings, proxied)) << proxied;
  }
  EXPECT_TRUE(is_direct(*settings_of({{"http_proxy", "p:1"}, {"no_proxy", "*"}}), "http://a"));
}

}  // namespace
}  // namespace cairn::http
