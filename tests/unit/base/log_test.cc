// Property: whatever bytes are logged, a log line stays one line of valid JSON (RELIABILITY S35).
#include "base/log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/random.h"

namespace cairn {
namespace {

TEST(Log, HostileTextCannotBreakOutOfItsString) {
  SeededRandom random(11);
  for (int round = 0; round < 2000; ++round) {
    Bytes raw(random.below(24));
    random.fill(raw);
    std::string line = "\"";
    log::append_json_escaped(line, as_text(raw));
    line += '"';
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  }
}

TEST(Log, WellFormedTextStaysReadable) {
  std::string out;
  log::append_json_escaped(out, "caf\xC3\xA9 \"x\"\r\n");
  EXPECT_EQ(out, "caf\xC3\xA9 \\\"x\\\"\\u000d\\u000a");
}

}  // namespace
}  // namespace cairn
