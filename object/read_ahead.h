// What the readers of a store share so that misses are done well: memory for windows, and convoys.
//
// Thread rule: any reactor.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "cache/ram_tier.h"
#include "object/limits.h"
#include "object/read_convoys.h"
#include "object/read_streams.h"
#include "object/read_window.h"

namespace cairn::object {

class ReadAhead {
 public:
  struct Counters {
    uint64_t window_bytes = 0;    // Of all windows, beyond the least that every reader has.
    uint64_t windows_grown = 0;   // Times that one was doubled,
    uint64_t windows_denied = 0;  // or that there was no memory for it.
    uint64_t ahead_ranges = 0;    // Read before they were asked for.
    ReadConvoys::Counters convoys;
  };

  // `tier` may be null.
  explicit ReadAhead(const cache::RamTier* tier)
      : window_bytes_max_(tier == nullptr ? ReadWindow::kMostBytes
                                          : std::clamp(tier->capacity_bytes() / 8,
                                                       kInFlightBytesMax, ReadWindow::kMostBytes)),
        convoys_(tier == nullptr ? ReadWindow::kMostBytes : tier->window_bytes() / 2) {}
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // Of one reader: what is read ahead has to fit the tier's window several times.
  uint64_t window_bytes_max() const { return window_bytes_max_; }
  // Memory for a window of `to_bytes` instead of `from_bytes`; false when there is none.
  bool resize(uint64_t from_bytes, uint64_t to_bytes) {
    if (to_bytes <= from_bytes) {
      window_bytes_.fetch_sub(from_bytes - to_bytes, std::memory_order_relaxed);
      return true;
    }
    const uint64_t more_bytes = to_bytes - from_bytes;
    if (window_bytes_.fetch_add(more_bytes, std::memory_order_relaxed) + more_bytes <=
        kReadAheadBytesMax) {
      windows_grown_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    window_bytes_.fetch_sub(more_bytes, std::memory_order_relaxed);
    windows_denied_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  ReadConvoys& convoys() { return convoys_; }
  ReadStreams& streams() { return streams_; }

  // How long a read of the store took: what is near need not be read before it is asked for.
  void note_store_read(Duration took) {
    const int64_t before = store_read_ns_.load(std::memory_order_relaxed);
    store_read_ns_.store(before + (took.nanoseconds - before) / 16, std::memory_order_relaxed);
  }
  bool store_is_slow() const {
    return store_read_ns_.load(std::memory_order_relaxed) >= kSlowStoreRead.nanoseconds;
  }
  // Leave to read so many bytes ahead of requests; to be given back.
  bool begin_ahead(uint64_t size_bytes) {
    if (ahead_bytes_.fetch_add(size_bytes, std::memory_order_relaxed) + size_bytes <=
        convoys_.lead_bytes()) {
      ahead_ranges_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    end_ahead(size_bytes);
    return false;
  }
  // Warming behind the scenes: so many objects wait, so many are read. False when there is no room.
  bool enqueue_warm() { return take_place(warms_waiting_, kWarmsWaitingMax); }
  void dequeue_warm() { warms_waiting_.fetch_sub(1); }
  bool begin_warm() { return take_place(warms_running_, kWarmsRunningMax); }
  void end_warm() { warms_running_.fetch_sub(1); }
  // The store closes: what nobody waits for ends.
  void stop() { stopping_.store(true); }
  bool stopping() const { return stopping_.load(); }

  void end_ahead(uint64_t size_bytes) {
    ahead_bytes_.fetch_sub(size_bytes, std::memory_order_relaxed);
  }

  Counters counters() const {
    return {.window_bytes = window_bytes_.load(std::memory_order_relaxed),
            .windows_grown = windows_grown_.load(std::memory_order_relaxed),
            .windows_denied = windows_denied_.load(std::memory_order_relaxed),
            .ahead_ranges = ahead_ranges_.load(std::memory_order_relaxed),
            .convoys = convoys_.counters()};
  }

 private:
  static bool take_place(std::atomic<size_t>& places, size_t max) {
    if (places.fetch_add(1) < max) return true;
    places.fetch_sub(1);
    return false;
  }

  const uint64_t window_bytes_max_;
  std::atomic<uint64_t> window_bytes_{0};
  std::atomic<uint64_t> windows_grown_{0};
  std::atomic<uint64_t> windows_denied_{0};
  std::atomic<int64_t> store_read_ns_{0};
  std::atomic<uint64_t> ahead_bytes_{0};
  std::atomic<uint64_t> ahead_ranges_{0};
  std::atomic<size_t> warms_waiting_{0};
  std::atomic<size_t> warms_running_{0};
  std::atomic<bool> stopping_{false};
  ReadConvoys convoys_;
  ReadStreams streams_;
};

}  // namespace cairn::object
