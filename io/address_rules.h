// Which addresses a connection may go to: one rule for each family.
#pragma once

#include <netinet/in.h>

#include <optional>

#include "io/endpoint.h"

namespace cairn::io {

// False for what is no literal address. `v4` takes an address in host byte order, `v6` an in6_addr.
template <typename V4, typename V6>
bool literal_address_passes(const Endpoint& endpoint, V4 v4, V6 v6) {
  const std::optional<SocketAddress> address = literal_address(endpoint);
  if (!address) return false;
  if (address->family() == AF_INET) {
    return v4(ntohl(reinterpret_cast<const sockaddr_in*>(address->get())->sin_addr.s_addr));
  }
  if (address->family() == AF_INET6) {
    return v6(reinterpret_cast<const sockaddr_in6*>(address->get())->sin6_addr);
  }
  return false;
}

}  // namespace cairn::io
