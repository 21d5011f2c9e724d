// A Stream over a connected socket of the operating system.
//
// Owns the descriptor. Used on the reactor that made it; close() before destruction, when neither
// direction has an operation outstanding.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "io/reactor.h"
#include "io/stream.h"
#include "io/unique_fd.h"

namespace cairn::io {

class OsStream final : public Stream {
 public:
  // Takes over a connected stream socket that was opened with the backend's socket_flags().
  static std::unique_ptr<OsStream> adopt(UniqueFd fd);
  ~OsStream() override;
  OsStream(const OsStream&) = delete;
  OsStream& operator=(const OsStream&) = delete;

  Task<Result<size_t>> receive(MutableBytes into, Until until) override;
  Task<Result<size_t>> receive_full(MutableBytes into, Until until) override;
  Task<Result<Buffer>> receive_some(Until until) override;
  Task<Status> send(std::span<const BytesView> pieces, Until until, bool more) override;
  Task<Status> end_sending() override;
  Task<void> close() override;

  const Endpoint& peer() const override;
  bool is_encrypted() const override { return false; }
  int fd() const { return fd_.get(); }

 private:
  explicit OsStream(UniqueFd fd) : fd_(std::move(fd)), backend_(Reactor::current().backend()) {}
  Task<Result<Buffer>> receive_when_memory_comes(Until until);

  UniqueFd fd_;
  Backend& backend_;
  // Whether a receive should be tried before waiting for readiness: true for a new connection,
  // whose first request is on its way; afterwards as the kernel hints.
  bool likely_ready_ = true;
  mutable std::optional<Endpoint> peer_;  // Asked for when first needed.
};

// Two streams connected to each other (a Unix socket pair), on the current reactor.
Result<std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>>> make_stream_pair();

}  // namespace cairn::io
