// Which proxy a request goes through, by the environment variables that curl and others honour.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/url.h"

namespace cairn::http {

// A proxy reached by http://; `authorization` is the value of Proxy-Authorization or empty.
struct Proxy {
  std::string host;
  uint16_t port = 80;
  std::string authorization;
  // "http://[user:password@]host[:port]" or "host:port". Other schemes: kUnsupported.
  static Result<Proxy> parse(std::string_view text);
};

struct ProxySettings {
  std::optional<Proxy> http;   // For http:// URLs: absolute-form requests.
  std::optional<Proxy> https;  // For https:// URLs: CONNECT.
  // Hosts reached directly: "*", "host", ".domain" or "domain" (with its subdomains), "host:port",
  // IPv4 and IPv6 networks "10.0.0.0/8".
  std::vector<std::string> exceptions;

  // The proxy for `url`; null = direct.
  const Proxy* select(const Url& url) const;
};

// Reads http_proxy, HTTP_PROXY, https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, no_proxy, NO_PROXY
// (lower case first). HTTP_PROXY is ignored when REQUEST_METHOD is set, because in a CGI process it
// holds a request header ("httpoxy", CVE-2016-5385). `variable` returns nullopt for an unset name.
Result<ProxySettings> proxy_from(
    const std::function<std::optional<std::string>(std::string_view)>& variable);
// The same from the environment of the process.
Result<ProxySettings> proxy_from_environment();

}  // namespace cairn::http
