// MemberList: this node's registration in the cluster, and everybody else's, as etcd has them.
//
// The registration is a key under a lease that is kept alive: a node that dies is gone when its
// lease ends. Who is in the cluster is listed once and then watched. While etcd does not answer,
// the last list stands; a registration that was lost is made again. Nothing here is needed for
// correctness of what is stored.
//
// A name is one node's. A node that comes back from the same directory takes its name at once; one
// from another directory has to wait until the lease of the first has ended.
//
// One thread of its own. Thread rule: any thread; what is marked [blocking] not on a reactor.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catalog/etcd/client.h"
#include "catalog/etcd/layout.h"
#include "catalog/etcd/member_record.h"

namespace cairn::proto::etcd {
class Event;
class KeyValue;
}  // namespace cairn::proto::etcd

namespace cairn::catalog::etcd {

inline constexpr Duration kMemberTtl = seconds(10);

class MemberList {
 public:
  struct Options {
    Access access;
    std::string prefix;
    std::string node;  // Of this node's directory (node_directory.h).
    cluster::Member self;
    Duration ttl = kMemberTtl;  // Whole seconds.
    // Called on the list's thread with every list that is new. Must be quick.
    std::function<void(std::vector<cluster::Member>)> on_change;
  };
  struct Reading {
    bool is_registered = false;
    uint64_t registrations_count = 0;  // More than one: it was lost.
    uint64_t interruptions_count = 0;  // Of the watch or the lease.
    std::string last_error;            // Empty while all is well.
    std::vector<cluster::Member> members;
  };

  // [blocking] Registers and lists. kAlreadyExists when another node has the name and goes on
  // living; kUnavailable when etcd does not answer.
  static Result<std::unique_ptr<MemberList>> join(Options options);
  // [blocking] Leaves: others know at once.
  ~MemberList();
  MemberList(const MemberList&) = delete;
  MemberList& operator=(const MemberList&) = delete;

  Reading reading() const;
  // [blocking] A draining member owns no chunks; it stays so over restarts. kNotFound when there is
  // no such member, unless it is to drain no more.
  Status set_draining(const std::string& name, bool draining);

 private:
  MemberList(Options options, std::unique_ptr<EtcdMetrics> metrics, std::unique_ptr<Client> client);
  Status register_self();
  Result<int64_t> grant_lease();
  Status take_name(int64_t lease);
  void revoke(int64_t lease);
  Status list();
  void run();
  // Until a stream breaks.
  Status follow();
  Status keep_lease(WatchStream& lease_stream);
  Status take_in(const std::string& message);
  void apply(const proto::etcd::KeyValue& row, bool is_delete);
  void publish();
  void pause(Duration wait);
  bool stopping() const;
  void note(const Status& status);

  const Options options_;
  const Layout layout_;
  const std::unique_ptr<EtcdMetrics> metrics_;
  const std::unique_ptr<Client> client_;

  // The thread's, once it runs.
  int64_t lease_ = 0;
  bool lost_ = false;  // The key went although the lease lives.
  int64_t revision_ = 0;
  Instant register_at_;  // Not tried again before.
  Instant asked_at_;     // For the lease, and its last answer.
  Instant answered_at_;
  std::map<std::string, MemberRecord, std::less<>> records_;
  std::set<std::string, std::less<>> draining_;

  mutable std::mutex mutex_;  // Guards the rest.
  std::condition_variable wake_;
  bool stopping_ = false;
  Reading reading_;
  std::thread thread_;
};

}  // namespace cairn::catalog::etcd
