// The S3 door of one reactor: turns HTTP exchanges into handler calls.
//
// Order, for every request: target and route -> signature -> bucket exists -> right (s3/access.h)
// -> (handler) conditions -> body. Whatever fails before the body is answered before `100
// Continue`, so a refused upload is never sent. Default is refusal: a request reaches a handler
// only through a row of routes() whose kinds of authentication include the one that was verified.
// Thread rule: used on one reactor; `objects`, `credentials`, `clock` and `observer` outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "http/server.h"
#include "iam/values.h"
#include "object/event_queue.h"
#include "object/objects.h"
#include "s3/accounts.h"
#include "s3/auth.h"
#include "s3/bucket_rules.h"
#include "s3/elsewhere.h"
#include "s3/guest.h"
#include "s3/lifecycle_rules.h"
#include "s3/observer.h"
#include "s3/rate_limiter.h"

namespace cairn::s3 {

struct DoorOptions {
  object::Objects* objects = nullptr;
  const CredentialSource* credentials = nullptr;
  const Clock* clock = nullptr;
  RequestObserver* observer = nullptr;                 // May be null.
  RateLimiter* rates = nullptr;                        // Shared by all doors; null = no limits.
  object::EventQueue* events = nullptr;                // Null = buckets tell nobody.
  const std::vector<std::string>* webhooks = nullptr;  // Names that rules may name.
  Random* random = nullptr;                            // Null = system_random(); seeds request ids.
  AuthConfig auth;
  // Customers' keys are taken from requests over plain HTTP too: for tests, and where TLS ends at a
  // proxy that is not trusted otherwise.
  bool allow_ssec_over_http = false;
  std::vector<std::string> base_domains;     // Lower-case, without port.
  std::vector<std::string> website_domains;  // Hosts whose sub-domains are sites; likewise.
  int64_t lifecycle_day_ms = kLifecycleDayMs;
  const Accounts* accounts = nullptr;  // Null = every well-formed canonical id is taken.
  // Of buckets that say nothing of it themselves (s3/bucket_rules.h).
  Ownership object_ownership = Ownership::kBucketOwnerEnforced;
  // Peers whose X-Forwarded-For and X-Forwarded-Proto are believed.
  std::vector<iam::IpNetwork> trusted_proxies;
  const Guest* guest = nullptr;    // Another protocol on this port; null = none.
  Elsewhere* elsewhere = nullptr;  // Serves buckets of other servers; null = there are none.
  // Awaited before anything is looked up for a request, where other processes write too; null =
  // there are none.
  std::function<io::Task<Status>()> catch_up;
  // Awaited instead of it for reads that may be stale; set where catch_up is.
  std::function<io::Task<Status>()> refresh;
};

class Door final : public http::Handler {
 public:
  explicit Door(DoorOptions options);
  ~Door() override;
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  io::Task<void> handle(http::Exchange& exchange) override;
  void render_error(std::string_view reason, http::ResponseHead& head, std::string& body) override;
  void on_exchange_end(const http::ExchangeSummary& summary) override;

  // GET /healthz and /readyz on this port answer 200 and 200/503, but only without credentials: the
  // names are legal buckets, and a signed request reaches the bucket. Default: not ready.
  void set_ready(bool ready);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::s3
