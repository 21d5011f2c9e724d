// ASSERT documents and enforces our own invariants; it is on in every build. Anything that a disk,
// a peer, a user or a clock can cause is an Error instead.
#pragma once

namespace cairn::detail {
[[noreturn]] void assert_failed(const char* expression, const char* file, int line);
}  // namespace cairn::detail

#define ASSERT(expression)        \
  (static_cast<bool>(expression)) \
      ? static_cast<void>(0)      \
      : ::cairn::detail::assert_failed(#expression, __FILE__, __LINE__)
