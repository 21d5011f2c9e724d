// Endpoints as the kernel's socket addresses.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <vector>

#include "base/result.h"
#include "io/stream.h"

namespace cairn::io {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size_bytes = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// Of a literal IPv4 or IPv6 address; nullopt for a name.
std::optional<SocketAddress> literal_address(const Endpoint& endpoint);
// Blocks: getaddrinfo(3). At least one address; kNotFound when the name has none, kUnavailable when
// the name service does not answer.
Result<std::vector<SocketAddress>> resolve_blocking(const Endpoint& endpoint);
// An empty host for other families (Unix sockets).
Endpoint endpoint_of(const SocketAddress& address);

}  // namespace cairn::io
