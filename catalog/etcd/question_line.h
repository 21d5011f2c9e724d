// The short way to etcd for questions that are asked all the time: a connection of each reactor,
// which sends, waits and reads there. No other thread wakes and no lock is taken on the way, so a
// question costs about a tenth of what it does through gRPC's library (docs/decisions/0022).
//
// It has no opinion about failures: where it cannot reach a member or does not understand it, it
// says so and the caller asks in the common way (transport.h). A connection that was found dead is
// replaced and the question asked again, once: only what changes nothing may be asked here.
// Thread rule: on a reactor; QuestionLines on any of them.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/etcd/rpc_session.h"
#include "catalog/etcd/transport.h"
#include "io/reactor.h"
#include "io/stream.h"
#include "io/task.h"
#include "io/tls.h"

namespace cairn::catalog::etcd {

// For this long a reactor does not try again to connect to a member that could not be reached.
inline constexpr Duration kLineRest = seconds(2);

struct Question {
  size_t endpoint = 0;
  const char* method = "";  // "/package.Service/Method".
  std::string token = {};   // Empty = none.
  std::string message = {};
};

class QuestionLine {
 public:
  // `access` outlives the line; `tls` is null for plain connections.
  QuestionLine(const Access& access, std::shared_ptr<const io::TlsContext> tls)
      : access_(access), tls_(std::move(tls)), rested_until_(access.endpoints.size()) {}

  // The answer, or the member's refusal, or kDeadlineExceeded; nullopt: not possible this way, or
  // another question is under way.
  io::Task<std::optional<RpcReply>> ask(Question question, Duration timeout);
  io::Task<void> close();

 private:
  bool is_open_to(size_t endpoint) const {
    return session_ && open_to_ == endpoint && session_->can_start();
  }
  io::Task<std::optional<RpcReply>> ask_alone(Question question, Instant deadline);
  io::Task<Status> connect(size_t endpoint, io::Until until);
  io::Task<Result<RpcReply>> exchange(const Question& question, io::Until until);
  io::Task<Status> flush(io::Until until);

  const Access& access_;
  const std::shared_ptr<const io::TlsContext> tls_;
  std::vector<Instant> rested_until_;  // By endpoint.
  bool is_busy_ = false;
  size_t open_to_ = 0;
  std::unique_ptr<io::Stream> stream_;
  std::unique_ptr<RpcSession> session_;
  std::string output_;
};

class QuestionLines {
 public:
  // `access` outlives them. kInvalidArgument when its files cannot be used.
  static Result<std::unique_ptr<QuestionLines>> create(const Access& access);
  ~QuestionLines();
  QuestionLines(const QuestionLines&) = delete;
  QuestionLines& operator=(const QuestionLines&) = delete;

  // As QuestionLine's, over the line of the calling reactor.
  io::Task<std::optional<RpcReply>> ask(Question question, Duration timeout);
  // REQUIRES: nobody asks any more, and every reactor that asked still runs.
  io::Task<void> close();

 private:
  struct Place {
    io::Reactor* reactor = nullptr;
    std::unique_ptr<QuestionLine> line;
  };
  QuestionLines(const Access& access, std::shared_ptr<const io::TlsContext> tls)
      : access_(access), tls_(std::move(tls)) {}
  QuestionLine& line_here();

  const Access& access_;
  const std::shared_ptr<const io::TlsContext> tls_;
  std::mutex mutex_;           // Guards the rest.
  std::vector<Place> places_;  // By the reactor's index.
};

}  // namespace cairn::catalog::etcd
