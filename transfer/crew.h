// The reactors that share one command's transfers, each with a client of its own.
//
// Member 0 is the reactor of whoever opened the crew ("home"); the others run on threads of their
// own. Parts of one file and files of one command spread over all members: hashing and TLS are what
// one core cannot keep up with. Stopping: request_stop() reaches the waits of every member.
// Thread rule: open(), close(), run_on_each() and request_stop() at home; client(i) and
// stop_token(i) on reactor(i).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "io/file.h"
#include "io/reactor.h"
#include "io/reactor_group.h"
#include "io/stop.h"
#include "transfer/s3_client.h"

namespace cairn::transfer {

struct CrewOptions {
  S3ClientOptions client = {};
  size_t members_count = 1;
  uint64_t pool_bytes = 256 * MiB;  // I/O memory of each member but the first.
  io::FileSystem* files = nullptr;  // Null = the system's; outlives the crew.
  io::Network* network = nullptr;   // Likewise.
};

// Cores that this process may use: what members_count is chosen by.
size_t usable_cores_count();

// REQUIRES: close() is awaited exactly once before destruction.
class Crew {
 public:
  static Result<std::unique_ptr<Crew>> open(CrewOptions options);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  io::Task<void> close();

  size_t size() const { return members_.size(); }
  io::Reactor& reactor(size_t member) { return *members_[member]->reactor; }
  S3Client& client(size_t member) { return *members_[member]->client; }
  S3Client& client() { return client(0); }
  io::FileSystem& files() { return files_; }
  io::StopToken stop_token(size_t member) { return members_[member]->stop.token(); }

  // Runs make(i) on every reactor and waits for all. `make` is called at home; the task it returns
  // must not run before it is awaited (every coroutine of ours is lazy).
  io::Task<void> run_on_each(std::function<io::Task<void>(size_t member)> make);
  void request_stop();
  bool stop_requested() const { return members_[0]->stop.requested(); }

 private:
  struct Member {
    io::Reactor* reactor = nullptr;
    std::unique_ptr<S3Client> client;
    io::StopSource stop;
  };
  explicit Crew(io::FileSystem& files) : files_(files) {}
  io::Task<void> close_member(size_t member);
  io::Task<void> run_member(size_t member, io::Task<void> task);

  io::FileSystem& files_;
  std::unique_ptr<io::ReactorGroup> group_;  // Null with one member.
  std::vector<std::unique_ptr<Member>> members_;
};

// Forwards a stop of the caller to the crew while it lives.
class ForwardedStop final : public io::StopCallback {
 public:
  ForwardedStop(Crew& crew, io::StopToken from) : crew_(crew) { from.add(*this); }
  void on_stop() noexcept override { crew_.request_stop(); }

 private:
  Crew& crew_;
};

}  // namespace cairn::transfer
