// Sends changes of one bucket to a bucket of another site, as a sync rule says.
//
// Small bodies go with the request that describes them; larger ones by names of chunks, so that
// only what the other site lacks travels. A change is sent as often as it takes: the other site
// knows versions by their ids. Memory: a few chunks per object (transfer/native_stream.h).
// Thread rule: one reactor. REQUIRES: close() is awaited before destruction.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "object/objects.h"
#include "object/site_sync.h"
#include "transfer/bandwidth.h"
#include "transfer/native_session.h"
#include "transfer/native_stream.h"
#include "transfer/s3_client.h"

namespace cairn::server {

struct SyncCounters {
  transfer::StreamCounts bytes;
  uint64_t applied = 0;   // Changes that the other site took, or had.
  uint64_t skipped = 0;   // Under keys of customers: nobody here can read them.
  uint64_t failures = 0;  // Attempts.
};

// What became of a change.
enum class SendOutcome : uint8_t {
  kDone,
  kRefused,      // By the other site, or unreadable here: this change alone.
  kUnavailable,  // The other site, or the way to it: to be tried again.
};
struct Sent {
  SendOutcome outcome = SendOutcome::kDone;
  std::string reason;
};

class SyncSender {
 public:
  // All outlive it. kInvalidArgument names what is wrong with the rule's endpoint.
  static Result<std::unique_ptr<SyncSender>> create(object::Objects& objects,
                                                    const object::SyncRule& rule,
                                                    std::string secret, SyncCounters& counters);
  io::Task<void> close() { return client_->close(); }
  void set_bandwidth(uint64_t bytes_per_second) { bandwidth_.set(bytes_per_second); }

  io::Task<Sent> send(object::BucketInfo bucket, object::SyncChange change, io::StopToken stop);
  // Which of the versions the other site needs; an empty question asks who it is.
  io::Task<transfer::S3Result<object::CompareAnswer>> compare(
      std::vector<object::Compared> versions, io::StopToken stop);
  // Who answered last; empty before the first answer.
  const std::string& peer() const { return peer_; }

 private:
  SyncSender(object::Objects& objects, object::SyncRule rule, SyncCounters& counters,
             std::unique_ptr<transfer::S3Client> client);
  io::Task<transfer::S3Status> send_change(object::BucketInfo bucket, object::SyncChange change,
                                           io::Until until);
  io::Task<transfer::S3Status> send_version(object::BucketInfo bucket,
                                            object::ReplicaMessage message, std::string version_id,
                                            io::Until until);
  io::Task<transfer::S3Result<bool>> needs_body(const object::ReplicaMessage& message,
                                                std::string version_id, io::Until until);
  io::Task<transfer::S3Status> send_chunks(object::ObjectReader& reader,
                                           object::ReplicaMessage message, io::Until until);
  io::Task<transfer::S3Result<object::ReplicaOutcome>> tell(object::ReplicaMessage message,
                                                            io::Until until);
  std::vector<transfer::HeaderPair> encryption_of(const object::ObjectInfo& info) const;

  object::Objects& objects_;
  const object::SyncRule rule_;
  SyncCounters& counters_;
  const std::unique_ptr<transfer::S3Client> client_;
  transfer::Bandwidth bandwidth_;
  std::string peer_;
};

}  // namespace cairn::server
