// The signing keys of OpenID Connect issuers, fetched when a token needs them and kept for a while
// (OpenID Connect Discovery 1.0, section 4: ISSUER/.well-known/openid-configuration names the
// JWKS).
//
// S28: only issuers that an account registered are asked. A name is resolved first, the addresses
// are looked at, and the connection goes to that very address; loopback, private, link-local and
// multicast addresses are refused, but for issuers that the operator lists. No redirect is
// followed, replies are bounded in size and time.
// Used on one reactor.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "http/client.h"
#include "iam/jwt.h"
#include "io/stream.h"
#include "io/sync.h"
#include "io/task.h"
#include "io/tls.h"

namespace cairn::query {

inline constexpr Duration kIssuerKeysFresh = seconds(3600);
inline constexpr Duration kIssuerKeysPause = seconds(10);  // Between fetches for unknown key ids.
inline constexpr Duration kIssuerTimeout = seconds(10);
inline constexpr size_t kIssuersMax = 1000;
inline constexpr size_t kDiscoveryBytesMax = 64 * KiB;

struct IssuerOptions {
  io::Network* network = nullptr;  // Null = system_network().
  const Clock* clock = nullptr;    // Null = system_clock().
  Random* random = nullptr;        // Null = system_random().
  std::string ca_path;             // PEM; empty = the system's store.
  // "HOST" or "HOST:PORT" of issuers that may be at private addresses and speak plain http.
  std::vector<std::string> private_hosts;
};

class IssuerKeys {
 public:
  // kInvalidArgument when `ca_path` does not load.
  static Result<std::unique_ptr<IssuerKeys>> create(IssuerOptions options);
  ~IssuerKeys();
  IssuerKeys(const IssuerKeys&) = delete;
  IssuerKeys& operator=(const IssuerKeys&) = delete;

  // Verifies the signature with the issuer's keys; a key id that is not among the known ones makes
  // one fetch. Failures begin with a reason of iam/errors.h.
  io::Task<Status> verify(iam::Jwt token);

 private:
  struct Issuer {
    io::Mutex fetching;
    std::shared_ptr<const iam::KeySet> keys;
    Instant fetched{};
    bool was_tried = false;
  };
  explicit IssuerKeys(IssuerOptions options);
  io::Task<Result<std::shared_ptr<const iam::KeySet>>> fetch(std::string issuer);
  io::Task<Result<std::string>> get(http::Client& client, std::string url, size_t bytes_max);

  const IssuerOptions options_;
  std::shared_ptr<const io::TlsContext> tls_;
  std::map<std::string, std::shared_ptr<Issuer>> issuers_;
};

// Whether an issuer's name may lead to this literal address.
bool is_public_address(const io::Endpoint& address);

}  // namespace cairn::query
