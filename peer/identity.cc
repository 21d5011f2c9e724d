#include "peer/identity.h"

#include <utility>

#include "peer/record_stream.h"

namespace cairn::peer {

Result<Identity> Identity::load(const IdentityFiles& files) {
  Result<std::shared_ptr<const io::TlsContext>> server =
      io::TlsContext::server({.certificate_chain_path = files.certificate,
                              .private_key_path = files.key,
                              .client_ca_path = files.ca,
                              .takeover = record_takeover()});
  if (!server) return std::unexpected(server.error());
  Result<std::shared_ptr<const io::TlsContext>> client =
      io::TlsContext::client({.ca_path = files.ca,
                              .certificate_chain_path = files.certificate,
                              .private_key_path = files.key,
                              .takeover = record_takeover()});
  if (!client) return std::unexpected(client.error());
  return Identity{std::move(*server), std::move(*client)};
}

io::Task<Result<std::unique_ptr<io::Stream>>> Connector::connect(io::Endpoint to,
                                                                 std::string tls_name,
                                                                 io::Until until) {
  if (tls_name.empty()) {
    co_return fail(Code::kInvalidArgument, "nodes of a cluster are asked over TLS only");
  }
  std::unique_ptr<io::Stream> stream =
      co_await io::or_return(network_.connect(std::move(to), until));
  Result<std::unique_ptr<io::Stream>> secured =
      co_await io::tls_connect(std::move(stream), tls_, std::move(tls_name), until);
  co_return secured;
}

}  // namespace cairn::peer
