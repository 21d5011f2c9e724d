// Who this node is towards others, and whom it believes: a certificate, its key and the authority
// that signed the certificates of all nodes.
//
// Both ends of every connection show a certificate: what a node serves and what it asks goes to
// nodes of the cluster only. The certificate must be valid for the host of the advertised address.
// Thread rule: immutable once made; any.
#pragma once

#include <memory>
#include <string>

#include "http/client.h"
#include "io/tls.h"

namespace cairn::peer {

struct IdentityFiles {
  std::string ca;           // PEM: who signed the nodes' certificates.
  std::string certificate;  // PEM, leaf first; for both ends of a connection.
  std::string key;          // PEM.
};

struct Identity {
  std::shared_ptr<const io::TlsContext> server;
  std::shared_ptr<const io::TlsContext> client;

  // kInvalidArgument names the file that does not load.
  static Result<Identity> load(const IdentityFiles& files);
};

class Connector final : public http::Connector {
 public:
  // `network` outlives it.
  Connector(io::Network& network, std::shared_ptr<const io::TlsContext> tls)
      : network_(network), tls_(std::move(tls)) {}
  io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Endpoint to, std::string tls_name,
                                                        io::Until until) override;

 private:
  io::Network& network_;
  const std::shared_ptr<const io::TlsContext> tls_;
};

}  // namespace cairn::peer
