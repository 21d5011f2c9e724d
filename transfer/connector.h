// Connections of a client: TCP, and TLS that is verified against the system's certificates or a CA
// file, directly or through a proxy's tunnel. Thread rule: one reactor.
#pragma once

#include <memory>
#include <string>

#include "http/client.h"
#include "io/tls.h"

namespace cairn::transfer {

class SecureConnector final : public http::Connector {
 public:
  // `network` outlives it. kInvalidArgument when `ca_path` does not load.
  static Result<std::unique_ptr<SecureConnector>> create(io::Network& network,
                                                         const std::string& ca_path);

  io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Endpoint to, std::string tls_name,
                                                        io::Until until) override;
  io::Task<Result<std::unique_ptr<io::Stream>>> secure(std::unique_ptr<io::Stream> stream,
                                                       std::string tls_name,
                                                       io::Until until) override;

 private:
  SecureConnector(io::Network& network, std::string ca_path)
      : network_(network), ca_path_(std::move(ca_path)) {}
  Status load_certificates();

  io::Network& network_;
  const std::string ca_path_;
  std::shared_ptr<const io::TlsContext> tls_;  // Made when first needed: loading takes long.
};

}  // namespace cairn::transfer
