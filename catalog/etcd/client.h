// Questions and commits to an etcd cluster: which member to ask, how long, and what a failure
// means.
//
// One member is asked as long as it answers; after a failure the next one is. A call that changes
// nothing is repeated until it is answered or its deadline passes. A call that changes something is
// sent once: a lost answer leaves its outcome unknown, and who made it finds out (committer.h).
// Thread rule: calls on a reactor, unless said otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/etcd/metrics.h"
#include "catalog/etcd/question_line.h"
#include "catalog/etcd/transport.h"
#include "io/task.h"

namespace google::protobuf {
class MessageLite;
}

namespace cairn::catalog::etcd {

using Revision = int64_t;  // etcd's; grows by one with every change anywhere in the store.

// A method and how its answer is to be read; client.cc has them.
struct Method {
  const char* path;
};
inline constexpr Method kRange{"/etcdserverpb.KV/Range"};
inline constexpr Method kPut{"/etcdserverpb.KV/Put"};
inline constexpr Method kTxn{"/etcdserverpb.KV/Txn"};
inline constexpr Method kDeleteRange{"/etcdserverpb.KV/DeleteRange"};
inline constexpr Method kLeaseGrant{"/etcdserverpb.Lease/LeaseGrant"};
inline constexpr Method kLeaseRevoke{"/etcdserverpb.Lease/LeaseRevoke"};
inline constexpr Method kLeaseKeepAlive{"/etcdserverpb.Lease/LeaseKeepAlive"};
inline constexpr Method kStatus{"/etcdserverpb.Maintenance/Status"};
inline constexpr Method kAuthenticate{kAuthenticatePath};

// Why a call that was sent once brought no answer.
struct CallFailure {
  enum class Outcome : unsigned char {
    kRefused,   // The cluster said no; nothing was changed and asking again will not help.
    kNotTaken,  // Nothing was changed; another try may succeed.
    kUnknown,   // It may have been applied, or may yet be.
  };
  Outcome outcome = Outcome::kUnknown;
  Error error;
};

struct ClusterVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  friend constexpr auto operator<=>(ClusterVersion, ClusterVersion) = default;
};

// nullopt for what is no version.
std::optional<ClusterVersion> parse_version(std::string_view text);
// Why that version should be replaced; empty when nothing is known against it.
std::string_view known_defects(ClusterVersion version);
// From this version on the answer to a progress request stands behind the events it speaks of.
bool orders_progress(ClusterVersion version);

class Client {
 public:
  // `metrics` outlives the client.
  static Result<std::unique_ptr<Client>> create(Access access, EtcdMetrics& metrics);
  // Over a transport of the caller's making, which has the endpoints of `access`.
  static std::unique_ptr<Client> over(std::unique_ptr<Transport> transport, Access access,
                                      EtcdMetrics& metrics);

  // Asks until `deadline`; `into` is set on success. REQUIRES: the call changes nothing, or the
  // same thing however often it is made.
  io::Task<Status> ask(Method method, const google::protobuf::MessageLite& request,
                       google::protobuf::MessageLite& into, Instant deadline);
  // ask() by the short way (question_line.h) where that is possible, with a
  // serialized request. REQUIRES: open_lines().
  io::Task<Status> ask_often(Method method, std::string request,
                             google::protobuf::MessageLite& into, Instant deadline);
  // Sends once, to one member.
  io::Task<std::expected<void, CallFailure>> send_once(Method method,
                                                       const google::protobuf::MessageLite& request,
                                                       google::protobuf::MessageLite& into,
                                                       Instant deadline);
  // ask() for a thread that may block.
  Status ask_blocking(Method method, const google::protobuf::MessageLite& request,
                      google::protobuf::MessageLite& into, Instant deadline);

  // Where the short way cannot be had, the log tells why and ask_often() is ask().
  void open_lines();
  // REQUIRES: no ask_often() is under way, and every reactor that called it still runs.
  io::Task<void> close_lines();

  // [any thread] The member that is asked now, and a member that disappointed.
  size_t member() const { return member_.load(std::memory_order_relaxed) % members_count(); }
  size_t members_count() const { return transport_->endpoints_count(); }
  void suspect(size_t member);
  const std::string& endpoint(size_t member) const { return access_.endpoints[member]; }

  // [any thread, blocking] The version that one member runs.
  Result<ClusterVersion> version_of(size_t member, Duration timeout);
  std::unique_ptr<WatchStream> watch(const google::protobuf::MessageLite& create_request,
                                     size_t member);
  // A stream of `method` that is no watch.
  std::unique_ptr<WatchStream> open_stream(Method method,
                                           const google::protobuf::MessageLite& first,
                                           size_t member);
  // [any thread] Sends and forgets; who cares for the outcome sees it in the watch.
  void send_blindly(Method method, const google::protobuf::MessageLite& request, Duration timeout);
  // [any thread, blocking] No effect without a user.
  Status log_in_blocking(Instant deadline);

 private:
  Client(Access access, EtcdMetrics& metrics, std::unique_ptr<Transport> transport)
      : access_(std::move(access)), metrics_(metrics), transport_(std::move(transport)) {}
  Duration attempt_timeout(Instant deadline) const;
  io::Task<Status> log_in(Instant deadline);
  std::string login_request() const;
  Status take_token(const RpcReply& reply);
  enum class Way : unsigned char { kCommon, kShort };
  io::Task<Status> ask_by(Way way, Method method, std::string request,
                          google::protobuf::MessageLite& into, Instant deadline);
  io::Task<RpcReply> attempt(Way way, size_t member, Method method, std::string request,
                             Instant deadline);
  // What to do after a failed attempt of ask().
  enum class Next : unsigned char { kGiveUp, kAnotherMember, kLogIn };
  Next judge(const RpcReply& reply, size_t member);

  const Access access_;
  EtcdMetrics& metrics_;
  const std::unique_ptr<Transport> transport_;
  std::unique_ptr<QuestionLines> lines_;  // Null: none.
  std::atomic<size_t> member_{0};
};

}  // namespace cairn::catalog::etcd
