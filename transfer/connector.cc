#include "transfer/connector.h"

namespace cairn::transfer {

Result<std::unique_ptr<SecureConnector>> SecureConnector::create(io::Network& network,
                                                                 const std::string& ca_path) {
  std::unique_ptr<SecureConnector> connector(new SecureConnector(network, ca_path));
  // A wrong path is told at once; the system's store waits until somebody asks for https.
  if (!ca_path.empty()) {
    if (Status loaded = connector->load_certificates(); !loaded) {
      return std::unexpected(loaded.error());
    }
  }
  return connector;
}

Status SecureConnector::load_certificates() {
  if (tls_ != nullptr) return {};
  Result<std::shared_ptr<const io::TlsContext>> tls = io::TlsContext::client({ca_path_});
  if (!tls) return std::unexpected(tls.error());
  tls_ = std::move(*tls);
  return {};
}

io::Task<Result<std::unique_ptr<io::Stream>>> SecureConnector::connect(io::Endpoint to,
                                                                       std::string tls_name,
                                                                       io::Until until) {
  std::unique_ptr<io::Stream> stream =
      co_await io::or_return(network_.connect(std::move(to), until));
  if (tls_name.empty()) co_return stream;
  Result<std::unique_ptr<io::Stream>> secured =
      co_await secure(std::move(stream), std::move(tls_name), until);
  co_return secured;
}

io::Task<Result<std::unique_ptr<io::Stream>>> SecureConnector::secure(
    std::unique_ptr<io::Stream> stream, std::string tls_name, io::Until until) {
  if (Status loaded = load_certificates(); !loaded) {
    co_await stream->close();
    co_return std::unexpected(loaded.error());
  }
  Result<std::unique_ptr<io::Stream>> secured =
      co_await io::tls_connect(std::move(stream), tls_, std::move(tls_name), until);
  co_return secured;
}

}  // namespace cairn::transfer
