// Pack: one immutable object of an upstream bucket with the records of many chunks, shared by the
// index entries that point into it and by readers.
//
// A pack is a sealed log file (log_format.h, docs/format.md): header block, records, footer; its
// name is a log file's name behind the store's prefix. Lifetime: it starts with one use, which ends
// when nothing live is left in it; every read holds a further use. The object is deleted upstream
// only when no use is left, so no reader loses what it reads. Thread rule: any thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "storage/chunk_index.h"
#include "storage/log_format.h"

namespace cairn::storage {

class Pack {
 public:
  // `records_bytes`: of all records that were written into it, dead or not.
  Pack(LogHeader header, uint64_t size_bytes, uint64_t records_bytes, std::string etag)
      : header_(header),
        size_bytes_(size_bytes),
        records_bytes_(records_bytes),
        etag_(std::move(etag)) {}
  Pack(const Pack&) = delete;
  Pack& operator=(const Pack&) = delete;

  const LogHeader& header() const { return header_; }
  std::string name() const { return log_file_name(header_); }
  uint64_t size_bytes() const { return size_bytes_; }
  uint64_t records_bytes() const { return records_bytes_; }
  const std::string& etag() const { return etag_; }  // As the upstream told it; may be empty.

  void acquire() { uses_.fetch_add(1, std::memory_order_relaxed); }
  void release() { uses_.fetch_sub(1, std::memory_order_acq_rel); }
  bool in_use() const { return uses_.load(std::memory_order_acquire) != 0; }

  // Live records. Whoever publishes records counts as one, so that a pack whose first chunks are
  // dropped meanwhile is not given up before its last one is published.
  void add_live(uint64_t bytes) {
    live_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    live_count_.fetch_add(1, std::memory_order_relaxed);
  }
  // True when none is left: the caller gives the pack up.
  bool remove_live(uint64_t bytes) {
    live_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    return live_count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  uint64_t live_bytes() const { return live_bytes_.load(std::memory_order_relaxed); }

  // All records that are stored in it have been published: what the index lists for it from now on
  // is everything that is live in it.
  void set_settled() { settled_.store(true, std::memory_order_release); }
  bool is_settled() const { return settled_.load(std::memory_order_acquire); }

  // A record in it did not verify: it is not rewritten, so that nothing of it is given up.
  void set_damaged() { damaged_.store(true, std::memory_order_relaxed); }
  bool is_damaged() const { return damaged_.load(std::memory_order_relaxed); }

 private:
  const LogHeader header_;
  const uint64_t size_bytes_;
  const uint64_t records_bytes_;
  const std::string etag_;
  std::atomic<uint32_t> uses_{1};
  std::atomic<uint64_t> live_count_{0};
  std::atomic<uint64_t> live_bytes_{0};
  std::atomic<bool> settled_{false};
  std::atomic<bool> damaged_{false};
};

// Where a chunk's record is.
struct PackPlace {
  std::shared_ptr<Pack> pack;
  uint64_t offset_bytes = 0;
  uint64_t payload_bytes = 0;
  uint32_t header_bytes = 0;

  bool same_place(const PackPlace& other) const {
    return pack == other.pack && offset_bytes == other.offset_bytes;
  }
  const void* container() const { return pack.get(); }
  uint64_t stored_bytes() const { return record_bytes(payload_bytes); }
  void add_live() const { pack->add_live(stored_bytes()); }
  void acquire() const { pack->acquire(); }
};

// The index of packs.
class PackIndex final : public BasicChunkIndex<PackPlace> {};

}  // namespace cairn::storage
