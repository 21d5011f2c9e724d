// CORS: the document in and out, its limits, and the truth table of which rule answers.
#include "s3/config_cors.h"

#include "config_case.h"

namespace cairn::s3 {
namespace {

std::string rule(std::string_view inside) {
  return "<CORSRule>" + std::string(inside) + "</CORSRule>";
}
std::string cors(std::string_view rules) {
  return with_namespace("CORSConfiguration", rules);
}
constexpr std::string_view kGet =
    "<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>";

TEST(Cors, RoundTrips) {
  const std::string body =
      cors(rule("<ID>one</ID><AllowedHeader>*</AllowedHeader><AllowedHeader>x-amz-*</AllowedHeader>"
                "<AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>"
                "<AllowedOrigin>http://a</AllowedOrigin><AllowedOrigin>https://*.b</AllowedOrigin>"
                "<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds>") +
           rule(kGet));
  const auto rules = parse_cors(body);
  ASSERT_TRUE(rules);
  ASSERT_EQ(rules->size(), 2U);
  EXPECT_EQ(rules->front().max_age_seconds, 3000);
  EXPECT_EQ(write_cors(*rules), body);
}

TEST(Cors, RefusesBadDocuments) {
  const auto method = [](std::string_view name) {
    return cors(rule("<AllowedMethod>" + std::string(name) +
                     "</AllowedMethod><AllowedOrigin>*</AllowedOrigin>"));
  };
  const BadDocument rows[] = {
      {cors(""), "MalformedXML"},
      {cors("<Rule/>"), "MalformedXML"},
      {cors(rule("")), "MalformedXML"},
      {cors(rule("<AllowedMethod>GET</AllowedMethod>")), "MalformedXML"},
      {cors(rule("<AllowedOrigin>*</AllowedOrigin>")), "MalformedXML"},
      {cors(rule("<AllowedMethod>GET</AllowedMethod><AllowedOrigin/>")), "MalformedXML"},
      {cors(rule(std::string(kGet) + "<MaxAgeSeconds>a</MaxAgeSeconds>")), "MalformedXML"},
      {cors(rule(std::string(kGet) + "<MaxAgeSeconds>-3000000000</MaxAgeSeconds>")),
       "MalformedXML"},
      {cors(rule(std::string(kGet) + "<Other/>")), "MalformedXML"},
      {cors(rule(std::string(kGet) + "<ID>" + repeated("i", 256) + "</ID>")), "InvalidArgument"},
      {method("OPTIONS"), "InvalidRequest",
       "Found unsupported HTTP method in CORS config. Unsupported method is OPTIONS"},
      {method("get"), "InvalidRequest", "Unsupported method is get"},
      {cors(rule("<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*a*</AllowedOrigin>")),
       "InvalidRequest", "AllowedOrigin \"*a*\" can not have more than one wildcard."},
      {cors(rule(std::string(kGet) + "<AllowedHeader>x-*-*</AllowedHeader>")), "InvalidRequest",
       "AllowedHeader \"x-*-*\" can not have more than one wildcard."},
      {cors(rule(std::string(kGet) + "<ExposeHeader>x-*</ExposeHeader>")), "InvalidRequest",
       "wildcard for ExposeHeader"},
      {cors(rule(std::string(kGet) + "<ExposeHeader>a&#13;&#10;b</ExposeHeader>")),
       "InvalidRequest", "invalid character"},
      {cors(repeated(rule(kGet), 101)), "InvalidRequest", "100"},
      {cors(rule(std::string(kGet) + "<ID>" + repeated(" ", 64 * 1024) + "</ID>")),
       "MaxMessageLengthExceeded"},
  };
  for (const BadDocument& row : rows) expect_refused(parse_cors(row.body), row);
  EXPECT_TRUE(parse_cors(cors(repeated(rule(kGet), 100))));
}

TEST(Cors, MatchesWildcards) {
  EXPECT_TRUE(matches_wildcard("*", ""));
  EXPECT_TRUE(matches_wildcard("http://*.a.com", "http://x.y.a.com"));
  EXPECT_TRUE(matches_wildcard("start*", "start"));
  EXPECT_TRUE(matches_wildcard("*end", "an end"));
  EXPECT_FALSE(matches_wildcard("aba*aba", "aba"));  // The ends must not overlap.
  EXPECT_FALSE(matches_wildcard("http://a", "http://a/"));
  EXPECT_FALSE(matches_wildcard("http://*.a.com", "http://a.com"));
}

TEST(Cors, TheFirstRuleThatAllowsAllAnswers) {
  const CorsRules rules = {
      {"put", {"content-*", "x-amz-date"}, {"PUT"}, {"https://app"}, {}, {}},
      {"get", {}, {"GET", "HEAD"}, {"https://*.app", "https://app"}, {}, {}},
      {"any", {"*"}, {"GET", "PUT"}, {"*"}, {}, {}},
  };
  struct Row {
    CorsRequest request;
    std::string_view rule;  // Empty = none.
  };
  const Row rows[] = {
      {{"https://app", "PUT", ""}, "put"},
      {{"https://app", "PUT", "Content-Type, X-Amz-Date"}, "put"},
      {{"https://app", "PUT", "content-type,x-other"}, "any"},
      {{"https://app", "GET", ""}, "get"},
      {{"https://app", "GET", "x-any"}, "any"},
      {{"https://b.app", "HEAD", ""}, "get"},
      {{"https://b.app", "HEAD", "x"}, ""},
      {{"https://else", "DELETE", ""}, ""},
      {{"https://else", "GET", ""}, "any"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.request.method) + " " + std::string(row.request.headers));
    const auto match = match_cors(rules, row.request);
    EXPECT_EQ(match ? match->rule->id : std::string(), row.rule);
    if (match) EXPECT_EQ(match->any_origin, row.rule == "any");
  }
}

TEST(Cors, AskingForTooManyHeadersMatchesNothing) {
  const CorsRules rules = {{"any", {"*"}, {"GET"}, {"*"}, {}, {}}};
  EXPECT_TRUE(match_cors(rules, {"a", "GET", repeated("h,", kCorsRequestHeadersMax)}));
  EXPECT_FALSE(match_cors(rules, {"a", "GET", repeated("h,", kCorsRequestHeadersMax + 1)}));
}

}  // namespace
}  // namespace cairn::s3
