#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace cairn::detail {

void assert_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "cairn: ASSERT(%s) failed at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace cairn::detail
