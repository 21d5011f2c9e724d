// Cooperative cancellation on one reactor.
#pragma once

#include <cstddef>

namespace cairn::io {

class StopSource;

// Something to run once when a stop is requested: an intrusive list node, so registering allocates
// nothing. Unlinks itself when destroyed. Used on the source's reactor only.
class StopCallback {
 public:
  StopCallback() = default;
  StopCallback(const StopCallback&) = delete;
  StopCallback& operator=(const StopCallback&) = delete;
  virtual ~StopCallback() { unlink(); }
  virtual void on_stop() noexcept = 0;
  void unlink() noexcept;
  bool linked() const { return next_ != nullptr; }

 private:
  friend class StopSource;
  friend class StopToken;
  StopCallback* next_ = nullptr;
  StopCallback* previous_ = nullptr;
};

// A cheap reference to a source, or to none. The source outlives every token's use.
class StopToken {
 public:
  StopToken() = default;
  explicit StopToken(StopSource* source) : source_(source) {}
  bool stop_requested() const noexcept;
  // Registers `callback`; runs it at once when the stop was already requested. No source: no
  // effect.
  void add(StopCallback& callback) const noexcept;

 private:
  StopSource* source_ = nullptr;
};

// Owner side. request() runs every registered callback, once, on the calling (owning) reactor.
class StopSource {
 public:
  StopSource();
  ~StopSource();
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;

  StopToken token() { return StopToken(this); }
  void request() noexcept;
  bool requested() const noexcept { return requested_; }

 private:
  friend class StopToken;
  class Anchor final : public StopCallback {
    void on_stop() noexcept override {}
  };
  Anchor anchor_;  // Head of the ring of callbacks.
  bool requested_ = false;
};

}  // namespace cairn::io
