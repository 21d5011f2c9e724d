// Which removed chunks may still be read by somebody: epochs of readers.
//
// A reader pins the current epoch before it looks anything up. The collector, having listed what
// was removed, ends the epoch; once no reader of that epoch or an older one is left, the listed
// chunks can go. A reader older than kReaderAgeMax no longer counts: its next read may fail. Thread
// rule: pin and unpin on the core's reactor; the rest on any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace cairn::object {

class ReadEpochs {
 public:
  // The readers of one core.
  class Core {
   public:
    explicit Core(const ReadEpochs& owner) : owner_(owner) {}

   private:
    friend class ReadEpochs;

    struct Readers {
      size_t count = 0;
      Instant newest;
    };
    void publish();
    const ReadEpochs& owner_;
    std::map<uint64_t, Readers> readers_;  // By epoch; a handful.
    Instant last_pin_;
    // The oldest pinned epoch, kNone when there is none, and the time of the newest pin of any.
    std::atomic<uint64_t> oldest_{kNone};
    std::atomic<int64_t> newest_pin_ns_{0};
  };

  // Pins the epoch of its creation while it lives.
  class ReadPin {
   public:
    ReadPin() = default;
    ReadPin(Core& core, Instant now);
    ReadPin(ReadPin&& other) noexcept
        : core_(std::exchange(other.core_, nullptr)), epoch_(other.epoch_) {}
    ReadPin& operator=(ReadPin&& other) noexcept {
      std::swap(core_, other.core_);
      std::swap(epoch_, other.epoch_);
      return *this;
    }
    ~ReadPin() { release(); }
    void release();

   private:
    Core* core_ = nullptr;
    uint64_t epoch_ = 0;
  };

  // Ends the current epoch and returns it: readers that begin later have a greater one.
  uint64_t end_epoch() { return current_.fetch_add(1); }
  // True when no reader of `epoch` or an older one counts any more. `cores` are all that exist.
  static bool is_over(uint64_t epoch, Instant now, const std::vector<const Core*>& cores);

 private:
  static constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  std::atomic<uint64_t> current_{1};
};

}  // namespace cairn::object
