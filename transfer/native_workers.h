// Hashes, offers and fills the chunks of one file: several workers on every member of a crew take
// them from a ChunkSupply. See transfer/native_upload.h.
// Thread rule: run() at home; workers on their reactors; results under a lock.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "transfer/chunk_supply.h"
#include "transfer/crew.h"
#include "transfer/meter.h"
#include "transfer/native_session.h"

namespace cairn::transfer {

struct NativeCounts {
  uint64_t sent_bytes = 0;          // Bodies of fills.
  uint64_t resumed_bytes = 0;       // Held by this session before.
  uint64_t deduplicated_bytes = 0;  // Found at the server.
};

class NativeWorkers {
 public:
  // All of it outlives the workers. `held`: what the session had when this run began.
  NativeWorkers(Crew& crew, ChunkSupply& supply, const NativeSession& session, Meter& meter,
                std::set<PieceName> held);

  // What so many members keep busy.
  static size_t chunks_in_memory(size_t members_count);

  // Until every chunk is at the server, or the supply failed.
  io::Task<void> run();
  // The file's chunks in order. REQUIRES: run() completed and the supply did not fail.
  std::vector<PieceName> names() const;
  NativeCounts counts() const;

 private:
  struct Group;
  io::Task<void> run_member(size_t member);
  io::Task<void> work(size_t member);
  void hash(Group& group);
  io::Task<S3Status> send(S3Client& client, Group& group, io::Until until);
  io::Task<S3Status> prove_some(S3Client& client, Group& group, const OfferAnswer& answer,
                                std::vector<bool>& is_missing, io::Until until);
  io::Task<S3Status> fill_some(S3Client& client, Group& group, const std::vector<bool>& is_missing,
                               io::Until until);
  io::Task<S3Status> fill_one(S3Client& client, const FileChunk& chunk,
                              const std::vector<PieceName>& segments, std::vector<bool> is_sent,
                              io::Until until);
  void keep(const Group& group, const std::vector<bool>& is_missing);

  Crew& crew_;
  ChunkSupply& supply_;
  const NativeSession& session_;
  Meter& meter_;
  const std::set<PieceName> held_;
  // Chunks in a row of which the server had no segment at all: then it is asked less often.
  std::atomic<size_t> strangers_count_{0};

  mutable std::mutex mutex_;  // Guards what follows.
  std::map<size_t, PieceName> names_;
  NativeCounts counts_;
};

}  // namespace cairn::transfer
