// How far a transfer is, as one line of text: bytes, rate, time left, and what did not have to be
// sent. Pure functions and a meter of the rate; nothing here writes.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/clock.h"
#include "transfer/progress.h"

namespace cairn::cli {

// Bytes per second over the last few seconds. Samples are bounded by their least distance.
class RateMeter {
 public:
  void add(Instant now, uint64_t bytes_done);
  double bytes_per_second() const;

 private:
  struct Sample {
    Instant at;
    uint64_t bytes = 0;
  };
  std::deque<Sample> samples_;
};

// At most `columns_count` columns of ASCII, e.g.
// "[#####-----]  50%  1.0 GiB/2.0 GiB  812.0 MB/s  eta 0:01  3/7 files  saved 512.0 MiB".
// Where there is less room, the last figures are left out.
std::string progress_line(const transfer::Progress& progress, double bytes_per_second,
                          size_t columns_count);

// "2.0 GiB in 0:02 (886.0 MB/s)" and what was saved: "; not sent: 1.0 GiB instant, 512.0 MiB
// resumed, 3.0 MiB deduplicated".
std::string progress_summary(const transfer::Progress& progress, double seconds);
// "1.0 GiB instant, ...", or empty when everything was sent.
std::string savings_text(const transfer::Progress& progress);

}  // namespace cairn::cli
