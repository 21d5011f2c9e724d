#include <algorithm>

#include "catalog/etcd/etcd_catalog.h"

namespace cairn::catalog {
namespace {

inline constexpr size_t kUrlBytesMax = 4096;
inline constexpr std::string_view kPlain = "etcd://";
inline constexpr std::string_view kTls = "etcds://";

std::unexpected<Error> malformed(std::string_view why) {
  return fail(Code::kInvalidArgument,
              "a catalog on etcd is etcd://HOST:PORT[,HOST:PORT...]/PREFIX (etcds:// for TLS): " +
                  std::string(why));
}

bool is_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view port = text.substr(colon + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_plain = [](char c) { return c > ' ' && c != '@' && c != '"' && c < 127; };
  return !port.empty() && port.size() <= 5 && std::ranges::all_of(port, is_digit) &&
         std::ranges::all_of(text, is_plain);
}

}  // namespace

Result<EtcdOptions> parse_etcd_url(std::string_view url) {
  EtcdOptions options;
  if (url.size() > kUrlBytesMax) return malformed("it is too long");
  options.use_tls = url.starts_with(kTls);
  if (!options.use_tls && !url.starts_with(kPlain)) return malformed("the scheme is another");
  // What stands before it may be a password, which no message repeats.
  if (url.find('@') != std::string_view::npos) {
    return malformed("user and password are given by --catalog-user and --catalog-password-file");
  }
  url.remove_prefix(options.use_tls ? kTls.size() : kPlain.size());
  const size_t slash = std::min(url.find('/'), url.size());
  std::string_view hosts = url.substr(0, slash);
  std::string_view prefix = url.substr(std::min(slash + 1, url.size()));
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (!prefix.empty()) options.prefix = prefix;
  while (true) {
    const size_t comma = std::min(hosts.find(','), hosts.size());
    const std::string_view host = hosts.substr(0, comma);
    if (!is_endpoint(host)) return malformed("'" + std::string(host) + "' is not HOST:PORT");
    options.endpoints.emplace_back(host);
    if (comma == hosts.size()) break;
    hosts.remove_prefix(comma + 1);
  }
  return options;
}

}  // namespace cairn::catalog
