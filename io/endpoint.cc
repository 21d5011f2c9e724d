#include "io/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>

namespace cairn::io {
namespace {

constexpr size_t kHostBytesMax = 253;  // RFC 1035 section 2.3.4, without the final dot.
constexpr size_t kAddressesMax = 16;   // Tried by one connect.

std::unexpected<Error> malformed(std::string_view text) {
  return fail(Code::kInvalidArgument,
              "'" + std::string(text) + "' is no endpoint; write HOST:PORT, [IPV6]:PORT or :PORT");
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stopped_at != end) return std::nullopt;
  return port;
}

template <typename Address>
SocketAddress make_address(const Address& address) {
  SocketAddress made;
  std::memcpy(&made.storage, &address, sizeof(address));
  made.size_bytes = sizeof(address);
  return made;
}

}  // namespace

std::string Endpoint::to_string() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed(text);
  const std::optional<uint16_t> port = parse_port(text.substr(colon + 1));
  if (!port) return malformed(text);
  std::string_view host = text.substr(0, colon);
  if (host.empty()) return Endpoint{.host = "0.0.0.0", .port = *port};
  if (host.front() == '[') {
    if (host.size() < 2 || host.back() != ']') return malformed(text);
    Endpoint endpoint{.host = std::string(host.substr(1, host.size() - 2)), .port = *port};
    in6_addr ignored{};
    if (::inet_pton(AF_INET6, endpoint.host.c_str(), &ignored) != 1) return malformed(text);
    return endpoint;
  }
  if (host.size() > kHostBytesMax || !std::all_of(host.begin(), host.end(), is_host_character)) {
    return malformed(text);
  }
  return Endpoint{.host = std::string(host), .port = *port};
}

std::optional<SocketAddress> literal_address(const Endpoint& endpoint) {
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, endpoint.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    return make_address(v4);
  }
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET6, endpoint.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    return make_address(v6);
  }
  return std::nullopt;
}

Result<std::vector<SocketAddress>> resolve_blocking(const Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (error != 0) {
    const Code code = error == EAI_NONAME ? Code::kNotFound : Code::kUnavailable;
    return fail(code, "cannot resolve " + endpoint.host + ": " + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* at = found; at != nullptr && addresses.size() < kAddressesMax;
       at = at->ai_next) {
    SocketAddress address;
    if (at->ai_addrlen > sizeof(address.storage)) continue;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.size_bytes = at->ai_addrlen;
    addresses.push_back(address);
  }
  if (addresses.empty()) return fail(Code::kNotFound, endpoint.host + " has no address");
  return addresses;
}

Endpoint endpoint_of(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof(v4));
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {.host = text.data(), .port = ntohs(v4.sin_port)};
  }
  if (address.family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address.storage, sizeof(v6));
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return {.host = text.data(), .port = ntohs(v6.sin6_port)};
  }
  return {};
}

}  // namespace cairn::io
