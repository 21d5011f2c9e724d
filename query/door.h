// The door of AWS's query protocol: IAM and STS on the port where S3 is served.
//
// Order, for every request: form -> action -> signature over the whole body -> right -> handler.
// Default is refusal, as at the S3 door: an action is served only through a row of routes().
// Session credentials are held to STS's rules: those of GetSessionToken call no IAM action, those
// of GetFederationToken nothing but GetCallerIdentity.
// Used on one reactor; what the options point to outlives it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "http/server.h"
#include "iam/resolver.h"
#include "iam/store.h"
#include "query/issuer_keys.h"
#include "s3/auth.h"
#include "s3/observer.h"

namespace cairn::query {

struct DoorOptions {
  iam::Store* store = nullptr;
  const s3::CredentialSource* credentials = nullptr;
  // The same credentials with what accounts know about them.
  iam::CredentialCache* accounts = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;                 // Null = system_random().
  IssuerKeys* issuers = nullptr;            // Null = web identities are refused.
  s3::RequestObserver* observer = nullptr;  // May be null.
  bool allow_http_issuers = false;
  // As s3::DoorOptions::catch_up.
  std::function<io::Task<Status>()> catch_up;
};

class Door final : public http::Handler {
 public:
  explicit Door(DoorOptions options);
  ~Door() override;
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  // Whether a request is for this door: POST / of a form without query, or GET /?Action=...
  static bool wants(const http::RequestHead& head);

  io::Task<void> handle(http::Exchange& exchange) override;
  void on_exchange_end(const http::ExchangeSummary& summary) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::query
