// What one core serves: its reactor, its listener, its S3 door and its counters.
//
// Thread rule: made and destroyed on the main thread; everything else on the core's own reactor,
// but for post_stop() and metrics(), which any thread may call.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "http/server.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/stream.h"
#include "io/sync.h"
#include "io/tls.h"
#include "native/guest.h"
#include "s3/auth.h"
#include "s3/door.h"
#include "server/access_log.h"
#include "server/account_credentials.h"
#include "server/account_directory.h"
#include "server/background.h"
#include "server/config.h"
#include "server/credentials.h"
#include "server/freshness.h"
#include "server/front_door.h"
#include "server/metrics_page.h"
#include "server/request_metrics.h"
#include "server/stores.h"

namespace cairn::server {

class CoreServer final : private s3::RequestObserver {
 public:
  // What all cores share; outlives them.
  struct Shared {
    const Config* config = nullptr;
    AccessLog* log = nullptr;                   // Null = none.
    std::shared_ptr<const io::TlsContext> tls;  // Null = plain http.
    native::Guest::Options native = {};
  };
  static Result<std::unique_ptr<CoreServer>> create(const Shared& shared, size_t index,
                                                    uint64_t pool_bytes);
  ~CoreServer() override;  // REQUIRES: stop_thread() when a thread was started.

  io::Reactor& reactor() { return *reactor_; }
  // Starts the core's thread; the first core runs on the main thread instead.
  void start_thread();
  void stop_thread();

  // What is served; outlives the server.
  struct Served {
    Stores& stores;
    const RootCredentials& root;
    Background& beside;
    Freshness* freshness = nullptr;  // Null where the catalog is this process's alone.
  };
  // Listens and begins to serve; the answer is the address with the real port.
  io::Task<Result<io::Endpoint>> listen(io::Endpoint at, Served served);
  void set_ready(bool ready);
  // Graceful end; the task completes when the last connection is closed.
  io::Task<void> drain(Duration grace);
  void stop_now();
  io::Task<CoreReading> read();

  const RequestMetrics& metrics() const { return metrics_; }

 private:
  Status open_accounts_door(Stores& stores, Freshness* freshness);
  CoreServer(const Shared& shared, size_t index, std::unique_ptr<io::Reactor> reactor);
  bool wants_text(const s3::RequestRecord& record) const override;
  bool has_room() const override { return audit_ == nullptr || audit_->has_room(); }
  void on_finished(const s3::RequestRecord& record) override;
  static io::Task<void> wait_for_exit(io::Event& exit);

  const Shared shared_;
  const size_t index_;
  RequestMetrics metrics_;
  std::unique_ptr<io::Reactor> reactor_;
  Audit* audit_ = nullptr;
  BucketLogs* bucket_logs_ = nullptr;
  std::unique_ptr<AccountCredentials> credentials_;
  std::unique_ptr<AccountDirectory> directory_;
  std::unique_ptr<native::Guest> native_;
  std::unique_ptr<s3::Door> door_;
  std::unique_ptr<query::IssuerKeys> issuers_;
  std::unique_ptr<query::Door> accounts_door_;
  std::unique_ptr<FrontDoor> front_;
  std::unique_ptr<http::Server> server_;
  io::Scope running_;  // The server's run().

  // The worker thread runs until exit_ is set, on its reactor.
  io::Event exit_;
  std::thread thread_;
};

}  // namespace cairn::server
