// Websites: the document in and out, and where its redirects lead.
#include "s3/config_website.h"

#include "config_case.h"

namespace cairn::s3 {
namespace {

std::string website(std::string_view inside) {
  return with_namespace("WebsiteConfiguration", inside);
}
constexpr std::string_view kIndex = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>";

std::string routed(std::string_view rules) {
  return website(std::string(kIndex) + "<RoutingRules>" + std::string(rules) + "</RoutingRules>");
}
std::string routing_rule(std::string_view condition, std::string_view redirect) {
  std::string rule = "<RoutingRule>";
  if (!condition.empty()) rule.append("<Condition>").append(condition).append("</Condition>");
  return rule.append("<Redirect>").append(redirect).append("</Redirect></RoutingRule>");
}

TEST(WebsiteConfig, RoundTrips) {
  const std::string bodies[] = {
      website(kIndex),
      website(std::string(kIndex) + "<ErrorDocument><Key>e/404.html</Key></ErrorDocument>"),
      website("<RedirectAllRequestsTo><HostName>example.com</HostName><Protocol>https</Protocol>"
              "</RedirectAllRequestsTo>"),
      routed(routing_rule("<KeyPrefixEquals>docs/</KeyPrefixEquals>",
                          "<ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith>") +
             routing_rule("<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>",
                          "<Protocol>http</Protocol><HostName>h:80</HostName><ReplaceKeyWith>e"
                          "</ReplaceKeyWith><HttpRedirectCode>307</HttpRedirectCode>") +
             routing_rule("", "<HostName>h</HostName>")),
  };
  for (const std::string& body : bodies) {
    const auto config = parse_website(body);
    ASSERT_TRUE(config) << body;
    EXPECT_EQ(write_website(*config), body);
  }
}

TEST(WebsiteConfig, RefusesBadDocuments) {
  const auto redirect = [](std::string_view inside) { return routed(routing_rule("", inside)); };
  const auto condition = [](std::string_view inside) {
    return routed(routing_rule(inside, "<HostName>h</HostName>"));
  };
  const BadDocument rows[] = {
      {website(""), "InvalidArgument", "IndexDocument Suffix must be provided"},
      {website("<IndexDocument/>"), "InvalidArgument", "not well formed"},
      {website("<IndexDocument><Suffix>a/b</Suffix></IndexDocument>"), "InvalidArgument",
       "not well formed"},
      {website(std::string(kIndex) + "<ErrorDocument/>"), "InvalidArgument", "ErrorDocument Key"},
      {website(std::string(kIndex) + "<Other/>"), "MalformedXML"},
      {website("<RedirectAllRequestsTo/>"), "MalformedXML"},
      {website(std::string(kIndex) +
               "<RedirectAllRequestsTo><HostName>h</HostName></RedirectAllRequestsTo>"),
       "InvalidArgument", "RedirectAllRequestsTo"},
      {website("<RedirectAllRequestsTo><HostName>h&#10;X: y</HostName></RedirectAllRequestsTo>"),
       "InvalidRequest", "host name"},
      {website("<RedirectAllRequestsTo><HostName>h</HostName><Protocol>ftp</Protocol>"
               "</RedirectAllRequestsTo>"),
       "InvalidRequest", "protocol"},
      {routed(""), "MalformedXML"},
      {routed("<RoutingRule/>"), "MalformedXML"},
      {redirect(""), "MalformedXML"},
      {redirect("<Protocol>gopher</Protocol>"), "InvalidRequest", "protocol"},
      {redirect("<HttpRedirectCode>300</HttpRedirectCode>"), "InvalidRequest", "(300)"},
      {redirect("<HttpRedirectCode>200</HttpRedirectCode>"), "InvalidRequest", "(200)"},
      {redirect("<ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith>"),
       "InvalidRequest", "not both"},
      {condition("<HttpErrorCodeReturnedEquals>302</HttpErrorCodeReturnedEquals>"),
       "InvalidRequest", "(302)"},
      {condition("<Other/>"), "MalformedXML"},
      {routed(repeated(routing_rule("", "<HostName>h</HostName>"), 51)), "InvalidRequest", "50"},
  };
  for (const BadDocument& row : rows) expect_refused(parse_website(row.body), row);
}

TEST(WebsiteConfig, RedirectsByKeyAndByError) {
  const auto config = parse_website(
      routed(routing_rule("<KeyPrefixEquals>docs/</KeyPrefixEquals>",
                          "<ReplaceKeyPrefixWith>new docs/</ReplaceKeyPrefixWith>") +
             routing_rule("<KeyPrefixEquals>img/</KeyPrefixEquals>"
                          "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>",
                          "<HostName>other</HostName><Protocol>https</Protocol>"
                          "<ReplaceKeyWith>none.png</ReplaceKeyWith>"
                          "<HttpRedirectCode>302</HttpRedirectCode>")));
  ASSERT_TRUE(config);
  const RoutingRule* rule = find_routing_rule(*config, "docs/a b", std::nullopt);
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->redirect_code, 301);
  EXPECT_EQ(redirect_location(*rule, "docs/a b", "http", "b.web:8080"),
            "http://b.web:8080/new%20docs/a%20b");
  EXPECT_EQ(find_routing_rule(*config, "img/a", std::nullopt), nullptr);
  EXPECT_EQ(find_routing_rule(*config, "img/a", 403), nullptr);
  rule = find_routing_rule(*config, "img/a", 404);
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->redirect_code, 302);
  EXPECT_EQ(redirect_location(*rule, "img/a", "http", "b.web"), "https://other/none.png");
}

TEST(WebsiteConfig, IndexStandsForFolders) {
  WebsiteConfig config;
  config.index_suffix = "index.html";
  EXPECT_EQ(index_key(config, ""), "index.html");
  EXPECT_EQ(index_key(config, "a/"), "a/index.html");
  EXPECT_EQ(index_key(config, "a"), "a");
}

}  // namespace
}  // namespace cairn::s3
