// A reactor for tests, once per backend: every test of a suite that uses it runs on both.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/units.h"
#include "io/probe.h"
#include "io/reactor.h"
#include "io/stream.h"

namespace cairn::io {

// A limit that a passing test never meets and that ends a hanging one.
inline Until soon() {
  return {.deadline = Reactor::current().clock().now() + seconds(20)};
}

class IoTest : public testing::TestWithParam<BackendKind> {
 protected:
  static ReactorOptions options() {
    ReactorOptions made;
    made.backend = GetParam();
    made.pool_bytes = pool_bytes_of_tests();
    return made;
  }
  static constexpr uint64_t pool_bytes_of_tests() { return 64 * MiB; }

  void SetUp() override {
    if (GetParam() == BackendKind::kIoUring && !probe_uring()) {
      GTEST_SKIP() << "this kernel refuses io_uring: " << probe_uring().error().message;
    }
    make_reactor(options());
  }
  void make_reactor(ReactorOptions with) {
    reactor_.reset();
    Result<std::unique_ptr<Reactor>> made = Reactor::create(std::move(with));
    ASSERT_TRUE(made) << made.error().message;
    reactor_ = std::move(*made);
  }
  template <typename T>
  T run(Task<T> task) {
    return reactor_->run(std::move(task));
  }

  std::unique_ptr<Reactor> reactor_;
};

inline std::string backend_name(const testing::TestParamInfo<BackendKind>& info) {
  return info.param == BackendKind::kEpoll ? "Epoll" : "IoUring";
}

}  // namespace cairn::io

// The macro that gtest wants in each file.
#define INSTANTIATE_ON_BOTH_BACKENDS(suite)                                                  \
  INSTANTIATE_TEST_SUITE_P(                                                                  \
      Backends, suite,                                                                       \
      testing::Values(::cairn::io::BackendKind::kIoUring, ::cairn::io::BackendKind::kEpoll), \
      ::cairn::io::backend_name)
