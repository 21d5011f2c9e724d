#include "transfer/meter.h"

#include "io/reactor.h"

namespace cairn::transfer {
namespace {

constexpr Duration kTellEvery = milliseconds(100);

}  // namespace

Progress Meter::read() const {
  return {.bytes_total = bytes_total_,
          .bytes_done = bytes_done_,
          .bytes_sent = bytes_sent_,
          .bytes_instant = bytes_instant_,
          .bytes_resumed = bytes_resumed_,
          .bytes_deduplicated = bytes_deduplicated_,
          .files_total = files_total_,
          .files_done = files_done_};
}

void Meter::start() {
  if (observer_ != nullptr) teller_.spawn(tell());
}

io::Task<void> Meter::tell() {
  while (true) {
    const Status slept = co_await io::sleep_for(kTellEvery, teller_.stop_token());
    if (!slept) co_return;
    observer_->on_progress(read());
  }
}

io::Task<void> Meter::stop() {
  teller_.request_stop();
  co_await teller_.join();
  if (observer_ != nullptr) observer_->on_progress(read());
}

}  // namespace cairn::transfer
