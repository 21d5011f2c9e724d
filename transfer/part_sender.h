// Reads, hashes and sends the open parts of a file: one producer and several senders on every
// member of the crew. See transfer/upload.h. Thread rule: run() at home; everything in a Lane on
// its reactor; results under a lock.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/buffer.h"
#include "crypto/digest.h"
#include "io/file.h"
#include "transfer/retry_budget.h"
#include "transfer/upload_journal.h"

namespace cairn::transfer {

class PartSender {
 public:
  // All of it outlives the sender; `journal` may be null.
  struct Parts {
    Crew& crew;
    const UploadJob& job;
    const UploadOptions& options;
    io::File& file;
    RangePlan& plan;
    Meter& meter;
    UploadJournal* journal;
  };
  PartSender(Parts parts, std::string upload_id, uint64_t part_bytes);
  ~PartSender();

  // Until every part is sent, one has failed for good, or the crew was stopped.
  io::Task<void> run();
  std::vector<SentPart> take_sent();
  uint64_t instant_bytes() const { return instant_bytes_; }

 private:
  struct Lane;
  struct ReadyPart;

  io::Task<void> run_lane(size_t member);
  io::Task<void> produce(Lane& lane);
  io::Task<S3Status> prepare(Lane& lane, std::vector<ReadyPart>& group);
  io::Task<S3Status> prepare_large(ReadyPart& part);
  io::Task<void> send_parts(Lane& lane, size_t number);
  io::Task<S3Result<PutResult>> send(Lane& lane, const ReadyPart& part);
  io::Task<void> keep(const ReadyPart& part, PutResult result);
  bool is_over(Lane& lane) const;

  const Parts parts_;
  const std::string upload_id_;
  const uint64_t part_bytes_;
  const size_t senders_max_;
  Pace pace_;
  RetryBudget budget_;
  std::vector<std::unique_ptr<Lane>> lanes_;

  std::mutex mutex_;  // Guards what follows.
  std::vector<SentPart> sent_;
  uint64_t instant_bytes_ = 0;
};

}  // namespace cairn::transfer
