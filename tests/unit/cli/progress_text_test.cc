// The line of progress fits its terminal and tells what was saved. Method: examples, and every
// width.
#include "cli/progress_text.h"

#include <gtest/gtest.h>

#include "base/units.h"

namespace cairn::cli {
namespace {

transfer::Progress half_done() {
  transfer::Progress progress;
  progress.bytes_total = 2 * GiB;
  progress.bytes_done = GiB;
  progress.bytes_sent = GiB / 2;
  progress.bytes_instant = GiB / 4;
  progress.bytes_resumed = GiB / 4;
  progress.files_total = 7;
  progress.files_done = 3;
  return progress;
}

TEST(ProgressText, TellsBytesRateTimeAndSavings) {
  const std::string line = progress_line(half_done(), 512.0 * MiB, 120);
  EXPECT_EQ(line,
            "[############------------]  50%  1.0 GiB/2.0 GiB  536.9 MB/s  eta 0:02  3/7 files  "
            "saved 512.0 MiB");
}

TEST(ProgressText, FitsEveryWidth) {
  for (size_t width = 0; width < 140; ++width) {
    EXPECT_LE(progress_line(half_done(), 1e6, width).size(), width);
  }
}

TEST(ProgressText, TheSummaryNamesEachKindOfSaving) {
  transfer::Progress progress = half_done();
  progress.bytes_deduplicated = MiB;
  EXPECT_EQ(progress_summary(progress, 2),
            "1.0 GiB in 2.00 s (536.9 MB/s); not sent: 256.0 MiB instant, 256.0 MiB resumed, 1.0 "
            "MiB deduplicated");
  EXPECT_EQ(savings_text({}), "");
}

TEST(ProgressText, TheRateIsThatOfTheLastSeconds) {
  RateMeter meter;
  EXPECT_EQ(meter.bytes_per_second(), 0);
  for (int64_t tenth = 0; tenth <= 200; ++tenth) {
    const uint64_t bytes = tenth < 100 ? 0 : static_cast<uint64_t>(tenth - 100) * 100;
    meter.add({tenth * 100'000'000}, bytes);
  }
  EXPECT_NEAR(meter.bytes_per_second(), 1000, 30);
}

}  // namespace
}  // namespace cairn::cli
