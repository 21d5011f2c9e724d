// Connections to webhooks: resolve, look at the address, connect to that very address.
//
// A target's address is the operator's choice, so loopback and private networks are fine. A *name*
// that resolves to an address where no webhook can be, but where clouds keep their secrets
// (link-local), or to a multicast or unspecified address, is refused: the name's owner may not be
// the operator. No redirect is followed (http/client.h). TLS is verified against the system's
// certificates or `ca_path`.
// Thread rule: one reactor.
#pragma once

#include <memory>

#include "http/client.h"
#include "io/tls.h"

namespace cairn::server {

class WebhookConnector final : public http::Connector {
 public:
  // `network` outlives it. kInvalidArgument when `ca_path` does not load.
  static Result<std::unique_ptr<WebhookConnector>> create(io::Network& network,
                                                          const std::string& ca_path);

  io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Endpoint to, std::string tls_name,
                                                        io::Until until) override;

 private:
  WebhookConnector(io::Network& network, std::shared_ptr<const io::TlsContext> tls)
      : network_(network), tls_(std::move(tls)) {}

  io::Network& network_;
  const std::shared_ptr<const io::TlsContext> tls_;
};

// Whether a name may lead to this literal address.
bool may_name_lead_to(const io::Endpoint& address);

}  // namespace cairn::server
