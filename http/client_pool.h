// The connections of a client: idle ones by origin, a bound per origin, and the wait for a place.
//
// Internal to http/. On one reactor.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/client.h"
#include "io/scope.h"

namespace cairn::http {

class ClientPool {
 public:
  ClientPool(Connector& connector, const ClientOptions& options)
      : connector_(connector), options_(options) {}

  struct Lease {
    std::unique_ptr<io::Stream> stream;
    bool reused = false;
  };
  // A connection for `url` (through `proxy` when not null); waits for a place among
  // connections_per_host_max. `fresh` = not an idle one.
  io::Task<Result<Lease>> acquire(const Url& url, const Proxy* proxy, bool fresh, io::Until until,
                                  ClientCounters& counters);
  // Gives the connection and its place back; `reusable` keeps it for the next request.
  void release(const std::string& origin, std::unique_ptr<io::Stream> stream, bool reusable);
  // Closes what is idle and waits for all closing.
  io::Task<void> close();

  static std::string origin_of(const Url& url, const Proxy* proxy);

 private:
  struct Idle {
    std::unique_ptr<io::Stream> stream;
    Instant since;
  };
  struct Waiter;
  struct Origin {
    std::deque<Idle> idle;  // Oldest first.
    size_t places_used = 0;
    std::deque<Waiter*> waiters;
  };
  io::Task<Status> take_place(std::string origin, io::Until until);
  void give_place(const std::string& origin);
  std::unique_ptr<io::Stream> take_idle(Origin& origin);
  void drop_expired();
  void close_later(std::unique_ptr<io::Stream> stream);
  io::Task<Result<std::unique_ptr<io::Stream>>> connect(const Url& url, const Proxy* proxy,
                                                        io::Until until);
  io::Task<Status> open_tunnel(io::Stream& stream, const Url& url, const Proxy& proxy,
                               io::Until until);

  Connector& connector_;
  const ClientOptions& options_;
  std::unordered_map<std::string, Origin> origins_;
  size_t idle_count_ = 0;
  bool closed_ = false;
  io::Scope closing_;
};

}  // namespace cairn::http
