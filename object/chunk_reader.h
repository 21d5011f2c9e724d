// Reads runs of bytes that lie in sealed chunks: verified, decrypted, in order, with a window of
// reads ahead that suits the store (read_window.h); from the RAM tier where there is one and the
// bytes are the tenant's own to keep.
//
// Used on one reactor. The reads in flight are children of the core's scope and own what they need,
// so a ChunkReader may be destroyed at any time.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "cache/ram_tier.h"
#include "crypto/sse_keys.h"
#include "io/task.h"
#include "object/context.h"
#include "object/read_convoys.h"
#include "object/read_epochs.h"
#include "object/read_window.h"
#include "object/records.h"

namespace cairn::object {

class ChunkReader {
 public:
  // kStore: past all tiers, for who wants to know what is stored.
  enum class From : uint8_t { kNearest, kStore };
  // `pin` keeps the chunks from the collector for as long as a read may run; `key` is what they are
  // sealed under besides the tenant's keys: then no plaintext of theirs is kept.
  ChunkReader(Context& context, TenantId tenant, ReadEpochs::ReadPin pin,
              crypto::SseKeyPointer key = nullptr, From from = From::kNearest);
  ~ChunkReader();
  ChunkReader(const ChunkReader&) = delete;
  ChunkReader& operator=(const ChunkReader&) = delete;

  // Why something is read, as far as tiers and homes care.
  struct Purpose {
    bool ahead = false;       // Nobody has asked for it yet.
    bool warm = false;        // For the tiers to keep it, and
    bool pin = false;         // not to give it up.
    uint64_t body_bytes = 0;  // Of the whole body that the extents are a range of; 0: not known.
  };
  // Begins to read `extents` in order. What an earlier start() left unread is dropped.
  void start(std::vector<Extent> extents) { start(std::move(extents), Purpose()); }
  void start(std::vector<Extent> extents, Purpose purpose);
  // Since start(), of what was read: what a tier had.
  uint64_t cached_bytes() const;
  // The next bytes, up to kPieceBytes; empty at the end. kCorruption when a frame does not verify.
  io::Task<Result<Buffer>> next();

 private:
  struct State;
  struct Slot;
  void fill();
  void start_piece(Extent piece);
  bool has_room() const;
  // Where the convoy allows it.
  bool may_start(uint64_t size_bytes);
  Extent next_piece() const;
  void handed_over(size_t size_bytes, Duration waited);
  void resize_window(uint64_t wanted_bytes);

  const From from_;
  std::shared_ptr<State> state_;
  std::vector<Extent> extents_;
  size_t extent_index_ = 0;
  uint32_t extent_done_bytes_ = 0;
  std::deque<std::shared_ptr<Slot>> slots_;
  size_t in_flight_bytes_ = 0;  // Of the pieces of slots_.
  uint64_t started_bytes_ = 0;  // Of all pieces since start(),
  uint64_t handed_bytes_ = 0;   // and of those that next() gave out.
  ReadWindow window_;
  std::unique_ptr<ReadConvoys::Member> convoy_;
  cache::Hints hints_;
};

// All bytes of `extents`, at most `size_bytes_max`, under the tenant's own keys.
io::Task<Result<Bytes>> read_all(Context& context, TenantId tenant, ReadEpochs::ReadPin pin,
                                 std::vector<Extent> extents, uint64_t size_bytes_max);

}  // namespace cairn::object
