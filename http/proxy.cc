#include "http/proxy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/encoding.h"
#include "http/head_parser.h"

namespace cairn::http {
namespace {

constexpr size_t kExceptionsMax = 1024;

std::string lower_case(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return lowered;
}

struct Address {
  std::array<uint8_t, 16> bytes{};
  size_t bits_count = 0;  // 32 or 128.
};

std::optional<Address> parse_address(const std::string& text) {
  Address address;
  if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) {
    address.bits_count = 32;
    return address;
  }
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) {
    address.bits_count = 128;
    return address;
  }
  return std::nullopt;
}

bool in_network(const std::string& host, std::string_view network, std::string_view prefix) {
  const std::optional<Address> address = parse_address(host);
  const std::optional<Address> base = parse_address(std::string(network));
  if (!address || !base || address->bits_count != base->bits_count) return false;
  const std::optional<uint64_t> bits = parse_decimal(prefix, base->bits_count);
  if (!bits.has_value()) return false;
  for (size_t bit = 0; bit < *bits; ++bit) {
    const auto mask = static_cast<uint8_t>(0x80U >> (bit % 8));
    if ((address->bytes[bit / 8] & mask) != (base->bytes[bit / 8] & mask)) return false;
  }
  return true;
}

bool matches(std::string_view exception, const std::string& host, uint16_t port) {
  if (exception == "*") return true;
  if (const size_t slash = exception.find('/'); slash != std::string_view::npos) {
    return in_network(host, exception.substr(0, slash), exception.substr(slash + 1));
  }
  if (parse_address(std::string(exception)).has_value()) return exception == host;
  if (const size_t colon = exception.rfind(':'); colon != std::string_view::npos) {
    if (parse_decimal(exception.substr(colon + 1), 65535) != port) return false;
    exception = exception.substr(0, colon);
  }
  if (exception.starts_with("*.")) exception.remove_prefix(1);
  if (exception.starts_with('.')) exception.remove_prefix(1);
  if (exception.empty() || !host.ends_with(exception)) return false;
  return host.size() == exception.size() || host[host.size() - exception.size() - 1] == '.';
}

// RFC 3986 percent-decoding of user information; a bad escape stays as it is.
std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::optional<Bytes> byte =
        text[i] == '%' && i + 2 < text.size() ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
    decoded.push_back(byte.has_value() ? static_cast<char>(byte->front()) : text[i]);
    if (byte.has_value()) i += 2;
  }
  return decoded;
}

}  // namespace

Result<Proxy> Proxy::parse(std::string_view text) {
  std::string_view rest = text;
  if (const size_t scheme_end = rest.find("://"); scheme_end != std::string_view::npos) {
    if (!equals_ignoring_case(rest.substr(0, scheme_end), "http")) {
      return fail(Code::kUnsupported, "only http:// proxies can be used");
    }
    rest.remove_prefix(scheme_end + 3);
  }
  Proxy proxy;
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string user = percent_decoded(rest.substr(0, at));
    proxy.authorization = "Basic " + to_base64(as_bytes(user));
    rest.remove_prefix(at + 1);
  }
  Result<Url> url = Url::parse("http://" + std::string(rest));
  // The text may hold a password, so it is not repeated.
  if (!url.has_value()) return fail(Code::kInvalidArgument, "malformed proxy address");
  proxy.host = url->host;
  proxy.port = url->port;
  return proxy;
}

const Proxy* ProxySettings::select(const Url& url) const {
  const std::optional<Proxy>& proxy = url.is_https ? https : http;
  if (!proxy.has_value()) return nullptr;
  const std::string host = lower_case(url.host);
  for (const std::string& exception : exceptions) {
    if (matches(exception, host, url.port)) return nullptr;
  }
  return &*proxy;
}

Result<ProxySettings> proxy_from(
    const std::function<std::optional<std::string>(std::string_view)>& variable) {
  const auto first_of = [&variable](std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      std::optional<std::string> value = variable(name);
      if (value.has_value() && !value->empty()) return value;
    }
    return std::optional<std::string>();
  };
  const bool is_cgi = variable("REQUEST_METHOD").has_value();
  ProxySettings settings;
  std::optional<std::string> http =
      is_cgi ? first_of({"http_proxy"}) : first_of({"http_proxy", "HTTP_PROXY"});
  std::optional<std::string> https = first_of({"https_proxy", "HTTPS_PROXY"});
  const std::optional<std::string> all = first_of({"all_proxy", "ALL_PROXY"});
  if (!http.has_value()) http = all;
  if (!https.has_value()) https = all;
  for (const auto& [text, proxy] : {std::pair(&http, &settings.http), {&https, &settings.https}}) {
    if (!text->has_value()) continue;
    Result<Proxy> parsed = Proxy::parse(**text);
    if (!parsed.has_value()) return std::unexpected(parsed.error());
    *proxy = std::move(*parsed);
  }
  const std::string exceptions = lower_case(first_of({"no_proxy", "NO_PROXY"}).value_or(""));
  for (size_t begin = 0; begin < exceptions.size();) {
    const size_t end = std::min(exceptions.find_first_of(", \t", begin), exceptions.size());
    if (end > begin) settings.exceptions.push_back(exceptions.substr(begin, end - begin));
    if (settings.exceptions.size() > kExceptionsMax) {
      return fail(Code::kInvalidArgument, "no_proxy has too many entries");
    }
    begin = end + 1;
  }
  return settings;
}

Result<ProxySettings> proxy_from_environment() {
  return proxy_from([](std::string_view name) -> std::optional<std::string> {
    const char* const value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

}  // namespace cairn::http
