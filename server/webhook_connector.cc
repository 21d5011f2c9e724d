#include "server/webhook_connector.h"

#include <netinet/in.h>

#include "io/address_rules.h"
#include "io/blocking.h"
#include "io/endpoint.h"

namespace cairn::server {
namespace {

bool is_usable_v4(uint32_t host_order) {
  const uint32_t first = host_order >> 24;
  const bool link_local = (host_order >> 16) == 0xA9FE;  // 169.254/16
  return first != 0 && first < 224 && !link_local;       // 0/8; 224/4 and above.
}

bool is_usable_v6(const in6_addr& address) {
  if (IN6_IS_ADDR_V4MAPPED(&address) || IN6_IS_ADDR_V4COMPAT(&address)) {
    const auto* at = address.s6_addr + 12;
    if (IN6_IS_ADDR_LOOPBACK(&address)) return true;
    return is_usable_v4(load_be<uint32_t>(at));
  }
  return !IN6_IS_ADDR_LINKLOCAL(&address) && !IN6_IS_ADDR_MULTICAST(&address) &&
         !IN6_IS_ADDR_UNSPECIFIED(&address);
}

}  // namespace

bool may_name_lead_to(const io::Endpoint& endpoint) {
  return io::literal_address_passes(endpoint, is_usable_v4, is_usable_v6);
}

Result<std::unique_ptr<WebhookConnector>> WebhookConnector::create(io::Network& network,
                                                                   const std::string& ca_path) {
  Result<std::shared_ptr<const io::TlsContext>> tls = io::TlsContext::client({ca_path});
  if (!tls) return std::unexpected(tls.error());
  return std::unique_ptr<WebhookConnector>(new WebhookConnector(network, std::move(*tls)));
}

io::Task<Result<std::unique_ptr<io::Stream>>> WebhookConnector::connect(io::Endpoint to,
                                                                        std::string tls_name,
                                                                        io::Until until) {
  io::Endpoint address = to;
  if (!io::literal_address(to)) {
    const auto look_up = [to] { return io::resolve_blocking(to); };
    const Result<std::vector<io::SocketAddress>> found =
        co_await io::or_return(io::blocking_pool().run_until(look_up, until));
    if (!found) co_return std::unexpected(found.error());
    address = io::endpoint_of(found->front());
    if (!may_name_lead_to(address)) {
      co_return fail(Code::kPermissionDenied,
                     to.host + " resolves to " + address.host + ", where no webhook may be");
    }
  }
  std::unique_ptr<io::Stream> stream =
      co_await io::or_return(network_.connect(std::move(address), until));
  if (tls_name.empty()) co_return stream;
  Result<std::unique_ptr<io::Stream>> secure =
      co_await io::tls_connect(std::move(stream), tls_, std::move(tls_name), until);
  co_return secure;
}

}  // namespace cairn::server
