#include "object/read_epochs.h"

#include "base/assert.h"
#include "object/limits.h"

namespace cairn::object {

void ReadEpochs::Core::publish() {
  // Readers beyond the age limit must not hide younger ones behind them.
  for (const auto& [epoch, readers] : readers_) {
    if (last_pin_ - readers.newest >= kReaderAgeMax) continue;
    // Not the oldest epoch's: it may grow too old before anything is published again.
    newest_pin_ns_.store(readers_.rbegin()->second.newest.nanoseconds);
    oldest_.store(epoch);
    return;
  }
  oldest_.store(kNone);
}

ReadEpochs::ReadPin::ReadPin(Core& core, Instant now)
    : core_(&core), epoch_(core.owner_.current_.load()) {
  Core::Readers& readers = core.readers_[epoch_];
  ++readers.count;
  readers.newest = now;
  core.last_pin_ = now;
  core.publish();
}

void ReadEpochs::ReadPin::release() {
  if (core_ == nullptr) return;
  const auto at = core_->readers_.find(epoch_);
  ASSERT(at != core_->readers_.end());
  if (--at->second.count == 0) core_->readers_.erase(at);
  core_->publish();
  core_ = nullptr;
}

bool ReadEpochs::is_over(uint64_t epoch, Instant now, const std::vector<const Core*>& cores) {
  for (const Core* core : cores) {
    if (core->oldest_.load() > epoch) continue;
    const Duration age = now - Instant{core->newest_pin_ns_.load()};
    if (age < kReaderAgeMax) return false;
  }
  return true;
}

}  // namespace cairn::object
