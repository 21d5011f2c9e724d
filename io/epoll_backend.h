// The epoll backend: sockets by edge-triggered readiness, files by a pool of threads.
//
// A socket is registered once for both directions; an operation is tried at once while the socket
// is believed ready, and parked otherwise. Owns the epoll descriptor and the table of sockets.
#pragma once

#include <cstddef>
#include <vector>

#include "io/backend.h"
#include "io/unique_fd.h"

namespace cairn::io {

class EpollBackend final : public Backend {
 public:
  static Result<std::unique_ptr<Backend>> create(const BackendParts& parts);
  ~EpollBackend() override;

  BackendKind kind() const override { return BackendKind::kEpoll; }
  void add_socket(int fd) override;
  void remove_socket(int fd) override;
  int socket_flags() const override { return SOCK_NONBLOCK; }
  bool start(Operation& operation) override;
  void cancel(Operation& operation) override;
  void turn(Duration wait) override;

 private:
  // One direction of a socket.
  struct Direction {
    Operation* parked = nullptr;
    bool maybe_ready = true;  // Until the kernel says EAGAIN.
  };
  struct Socket {
    Direction in;
    Direction out;
    // The peer ended or broke the connection: no further edge will come, so stay ready.
    bool hung_up = false;
    bool registered = false;
  };

  EpollBackend(const BackendParts& parts, UniqueFd epoll_fd);

  Socket& socket_of(int fd);
  Direction& direction_of(const Operation& operation);
  bool attempt(Operation& operation);
  bool attempt_receive(Operation& operation);
  bool attempt_receive_pooled(Operation& operation);
  bool attempt_accept(Operation& operation);
  bool attempt_connect(Operation& operation);
  bool attempt_send(Operation& operation);
  bool attempt_poll(Operation& operation);
  void note_drained(const Operation& operation, size_t got, size_t asked);
  void on_events(int fd, unsigned events);
  void retry_parked(Direction& direction);
  bool start_file(Operation& operation);

  BufferPool& pool_;
  Mailbox& mailbox_;
  UniqueFd epoll_fd_;
  std::vector<Socket> sockets_;  // By descriptor.
  size_t file_operations_count_ = 0;
};

}  // namespace cairn::io
