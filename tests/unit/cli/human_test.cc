// Sizes and times as people write them. Method: pairs of text and value, both ways.
#include "cli/human.h"

#include <gtest/gtest.h>

#include "base/units.h"

namespace cairn::cli {
namespace {

TEST(Human, SizesAreShownWithOneDecimal) {
  EXPECT_EQ(human_size(0), "0 B");
  EXPECT_EQ(human_size(1023), "1023 B");
  EXPECT_EQ(human_size(1536), "1.5 KiB");
  EXPECT_EQ(human_size(MiB - 1), "1.0 MiB");
  EXPECT_EQ(human_size(5 * GiB), "5.0 GiB");
  EXPECT_EQ(human_size(UINT64_MAX), "16.0 EiB");
}

TEST(Human, SizesAreRead) {
  EXPECT_EQ(parse_human_size("0").value(), 0U);
  EXPECT_EQ(parse_human_size("10K").value(), 10240U);
  EXPECT_EQ(parse_human_size("1.5GiB").value(), 3 * GiB / 2);
  EXPECT_EQ(parse_human_size("10MB").value(), 10'000'000U);
  EXPECT_EQ(parse_human_size("7 B").value(), 7U);
  for (const char* bad : {"", "x", "-1", "1X", "KiB", "1e400", "nan", "99999999TiB"}) {
    EXPECT_FALSE(parse_human_size(bad)) << bad;
  }
}

TEST(Human, TimesAreRead) {
  EXPECT_EQ(parse_human_duration_seconds("90").value(), 90U);
  EXPECT_EQ(parse_human_duration_seconds("2h").value(), 7200U);
  EXPECT_EQ(parse_human_duration_seconds("7d").value(), 604800U);
  EXPECT_FALSE(parse_human_duration_seconds("7y"));
}

TEST(Human, TimesAreShown) {
  EXPECT_EQ(human_duration(0), "0:00");
  EXPECT_EQ(human_duration(59.6), "1:00");
  EXPECT_EQ(human_duration(3723), "1:02:03");
  EXPECT_EQ(human_duration(-1), "-:--");
}

}  // namespace
}  // namespace cairn::cli
