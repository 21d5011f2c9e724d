// One read of a disk tier: finds what the tier has, fetches what it has not, and puts the two
// together when they are of one sealing of the chunk.
//
// A piece of one block comes from one of three places: the device, memory (a run that waits to be
// written, or that somebody fetched), the home. Fetches are shared (single_flight.h) and of the
// frames that are needed, or of the whole block when most of it is. Memory of the reactor's pool is
// taken once, for the result: a read that waits for it holds none.
//
// Thread rule: on one reactor; the parts are the tier's, on any.
#pragma once

#include <atomic>
#include <optional>
#include <vector>

#include "cache/device_health.h"
#include "cache/disk_contents.h"
#include "cache/disk_metrics.h"
#include "cache/region_reader.h"
#include "cache/region_writer.h"
#include "cache/run.h"
#include "cache/single_flight.h"
#include "storage/chunk_store.h"

namespace cairn::cache {

struct FlightKey {
  ChunkId chunk;
  FrameRange frames;
  friend bool operator==(const FlightKey&, const FlightKey&) = default;
};
struct FlightKeyHash {
  size_t operator()(const FlightKey& key) const {
    return fingerprint_of({key.chunk, key.frames.first}) + key.frames.end;
  }
};
using RunFlights = SingleFlight<FlightKey, SealedRun, FlightKeyHash>;

struct DiskReadParts {
  storage::ChunkStore& home;
  DiskContents& contents;
  RegionReader& reader;
  RegionWriter& writer;
  RunFlights& flights;
  DeviceHealth& health;
  DiskTierCounters& counters;
  std::atomic<uint64_t>& shared_bytes;  // Of runs in memory that fetches made.
};

class DiskRead {
 public:
  // `range` is not empty and begins before kPayloadBytesMax.
  DiskRead(const DiskReadParts& parts, ChunkId id, ByteRange range, storage::ReadOptions options);
  DiskRead(const DiskRead&) = delete;
  DiskRead& operator=(const DiskRead&) = delete;

  // As ChunkStore::read(). Errors are the home's only.
  io::Task<Result<storage::SealedRead>> run();

 private:
  struct Piece {
    FrameRange frames;        // Inside one block.
    SealedRunPointer memory;  // Has all of the frames that the chunk has.
    std::optional<HeldRun> held;
    bool missing() const { return memory == nullptr && !held; }
  };
  // A piece that is ours to fetch, and one that somebody else fetches.
  struct Claim {
    Piece* piece;
    RunFlights::Lead lead;
  };
  struct Waiting {
    Piece* piece;
    RunFlights::Follower follower;
  };

  io::Task<void> wait_for_queue() const;
  // The pieces, from memory, from the device, or missing.
  void find(Piece& piece);
  io::Task<void> learn_length();
  void learn(const Bytes& header, uint64_t payload_bytes);

  // Brings what is missing into memory, or, when that is everything, into `direct`.
  io::Task<Status> fetch_missing(std::optional<storage::SealedRead>& direct);
  io::Task<Status> follow(std::vector<Waiting> waiting);
  // Claims that lie side by side are fetched in one go, the others at the same time.
  io::Task<Status> fetch(std::vector<Claim> claims);
  io::Task<void> fetch_run(std::vector<Claim> claims, std::optional<storage::SealedRead>* direct,
                           Status& first_error);
  void publish(Claim& claim, const storage::SealedRead& fetched, uint64_t fetched_from,
               uint64_t drops_seen, bool keep);
  SealedRunPointer make_run(const FrameRange& frames, const storage::SealedRead& fetched,
                            BytesView data);

  // The result out of pieces that are all in memory or on the device; none when one of them was not
  // what it should be.
  io::Task<Result<std::optional<storage::SealedRead>>> assemble();
  io::Task<Result<std::optional<storage::SealedRead>>> read_front(Piece& piece,
                                                                  uint64_t room_bytes);
  io::Task<void> read_held(const Piece& piece, MutableBytes room,
                           std::optional<EntryHeader>& header);
  bool of_one_sealing(const std::vector<std::optional<EntryHeader>>& headers);
  io::Task<Result<Buffer>> acquire(size_t size_bytes);
  storage::SealedRead cut(storage::SealedRead read, uint64_t from_bytes) const;
  uint64_t asked_bytes(const Piece& piece) const;
  void note_cached(const Piece& piece) const;
  void note_hit(const Piece& piece) const;

  const DiskReadParts parts_;
  const ChunkId id_;
  const ByteRange range_;
  const storage::ReadOptions options_;
  std::vector<Piece> pieces_;  // In order, without gaps; none lies behind the chunk's end once
                               // that is known.
  Bytes header_;
  std::optional<uint64_t> payload_bytes_;  // Of the chunk, with header_, once they are known.
  bool past_tier_ = false;  // The home has to be asked for the whole of it, by this read alone.
};

}  // namespace cairn::cache
