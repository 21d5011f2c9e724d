// Property: every errno class that callers tell apart maps to its own Code, and context is kept.
#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace cairn {
namespace {

TEST(Result, ErrnoMapsToTheCodeThatCallersDecideBy) {
  EXPECT_EQ(errno_error(ENOSPC, "write").code, Code::kNoSpace);
  EXPECT_EQ(errno_error(EIO, "write").code, Code::kIo);
  EXPECT_EQ(errno_error(ENOENT, "open").code, Code::kNotFound);
  EXPECT_EQ(errno_error(EMFILE, "open").code, Code::kResourceExhausted);
  EXPECT_EQ(errno_error(ECANCELED, "recv").code, Code::kCancelled);
}

TEST(Result, ContextStandsBeforeTheMessage) {
  const Error error = errno_error(EIO, "pwrite").with_context("volume /a");
  EXPECT_EQ(error.code, Code::kIo);
  EXPECT_EQ(error.message.substr(0, 18), "volume /a: pwrite:");
}

}  // namespace
}  // namespace cairn
