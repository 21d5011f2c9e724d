// Propagation of S3Result in coroutines, the sibling of io::or_return.
#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

#include "s3/errors.h"

namespace cairn::s3 {

// Unwraps an S3Result; on failure the awaiting coroutine, which returns an S3Result too, completes
// with that error. Usage: `const Query query = co_await or_fail(parse_query(text));`
template <typename T>
class OrFail {
 public:
  explicit OrFail(S3Result<T> result) : result_(std::move(result)) {}

  bool await_ready() const noexcept { return result_.has_value(); }
  template <typename OuterPromise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<OuterPromise> outer) noexcept {
    outer.promise().result.emplace(std::unexpected<S3Error>(std::move(result_.error())));
    return outer.promise().complete();
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*result_);
  }

 private:
  S3Result<T> result_;
};

template <typename T>
OrFail<T> or_fail(S3Result<T> result) {
  return OrFail<T>(std::move(result));
}

}  // namespace cairn::s3
