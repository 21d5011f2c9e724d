#include "http/url.h"

#include <algorithm>

#include "http/head_parser.h"
#include "http/scan.h"

namespace cairn::http {
namespace {

constexpr uint16_t kHttpPort = 80;
constexpr uint16_t kHttpsPort = 443;
constexpr size_t kHostBytesMax = 255;

bool is_host_byte(char c) {
  const bool alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  return alphanumeric || c == '.' || c == '-' || c == '_' || c == ':';
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  const auto refuse = [text](std::string_view why) {
    return fail(Code::kInvalidArgument,
                "URL \"" + std::string(text.substr(0, 200)) + "\" " + std::string(why));
  };
  Url url;
  const size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return refuse("has no scheme");
  const std::string_view scheme = text.substr(0, scheme_end);
  url.is_https = equals_ignoring_case(scheme, "https");
  if (!url.is_https && !equals_ignoring_case(scheme, "http")) return refuse("is not http or https");
  url.port = url.is_https ? kHttpsPort : kHttpPort;

  std::string_view rest = text.substr(scheme_end + 3);
  const size_t authority_size = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, authority_size);
  rest.remove_prefix(authority_size);
  if (authority.find('@') != std::string_view::npos) return refuse("has user information");
  std::string_view port;
  bool bracketed = false;
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return refuse("has a malformed host");
    url.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
    bracketed = true;
  } else {
    const size_t colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (url.host.empty() || url.host.size() > kHostBytesMax ||
      !std::ranges::all_of(url.host, is_host_byte) ||
      (!bracketed && url.host.find(':') != std::string::npos)) {
    return refuse("has a malformed host");
  }
  if (!port.empty()) {
    const auto number = port.starts_with(':') ? parse_decimal(port.substr(1), 65535) : std::nullopt;
    if (!number.has_value() || *number == 0) return refuse("has a malformed port");
    url.port = static_cast<uint16_t>(*number);
  }
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  const char* const end = url.target.data() + url.target.size();
  if (detail::find_not<detail::kTargetByte>(url.target.data(), end) != end ||
      url.target.size() > kTargetBytesMax) {
    return refuse("has a malformed path or query");
  }
  return url;
}

std::string Url::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (is_https ? kHttpsPort : kHttpPort)) text += ":" + std::to_string(port);
  return text;
}

}  // namespace cairn::http
