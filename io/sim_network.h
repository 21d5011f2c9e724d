// The simulated twin of Network: connections in memory with delay, short reads and broken links.
//
// Bytes of one direction arrive in order; each send becomes visible to the receiver after a seeded
// delay. A link holds at most kSimWindowBytes in each direction, so that a slow reader stops the
// writer. cut() breaks every connection (both ends see kIo), refuse() makes connecting fail.
// Used on one reactor, simulated or real.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "io/stream.h"

namespace cairn::io {

inline constexpr size_t kSimWindowBytes = 64 * 1024;

struct SimNetworkOptions {
  uint64_t seed = 1;
  Duration delay_min = microseconds(20);
  Duration delay_max = microseconds(500);
  // One in this many receives is short; 0 = none.
  uint64_t short_receive_one_in = 4;
  // One in this many sends breaks its connection instead; 0 = none.
  uint64_t reset_one_in = 0;
};

class SimNetwork final : public Network {
 public:
  explicit SimNetwork(SimNetworkOptions options);
  ~SimNetwork() override;

  Task<Result<std::unique_ptr<Listener>>> listen(Endpoint at, ListenOptions options) override;
  Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, Until until) override;

  // Breaks every connection that is open.
  void cut();
  // While set, new connections are refused.
  void refuse(bool refused);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace cairn::io
