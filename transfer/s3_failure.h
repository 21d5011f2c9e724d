// What an S3 server (or the way to it) answered instead of success.
//
// `Failure` is an Error with the facts that clients decide by; `S3Result<T>` carries it, and
// `co_await or_fail(...)` hands it up: into a coroutine that returns an S3Result or a Result.
#pragma once

#include <coroutine>
#include <expected>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/task.h"

namespace cairn::transfer {

struct [[nodiscard]] Failure {
  Error error;            // The class, and a sentence for people.
  int status = 0;         // Of HTTP; 0 = no answer was received.
  std::string code = {};  // S3's code, "NoSuchKey"; made up from the status when there is no
                          // body (HEAD).
  std::string request_id = {};
  std::string region = {};  // Where the bucket is, when the server says so.
  // Of an answer to S3Client::forward(): Retry-After and x-amz-*, as they came.
  std::vector<std::pair<std::string, std::string>> headers = {};
  // Further elements of the error document, as ErrorReply::details.
  std::vector<std::pair<std::string, std::string>> details = {};
  bool is_retryable = false;  // The same request may succeed later.

  Failure() = default;
  // A failure on the way: no answer.
  Failure(Error from);  // NOLINT(google-explicit-constructor): propagates like an Error.
  Failure(Error from, int http_status, std::string s3_code);
};

template <typename T>
using S3Result = std::expected<T, Failure>;
using S3Status = S3Result<void>;

// The failure that an answer means. `code` and `message` may be empty.
Failure failure_of(int status, std::string code, std::string message, std::string request_id);

namespace detail {

// One failure type as another.
template <typename To, typename From>
To convert_failure(From&& from) {
  if constexpr (std::is_same_v<std::remove_cvref_t<From>, Failure> && std::is_same_v<To, Error>) {
    return std::forward<From>(from).error;
  } else {
    return To(std::forward<From>(from));
  }
}

template <typename OuterPromise, typename E>
std::coroutine_handle<> hand_up(OuterPromise& outer, E&& error) {
  using Outer = typename std::remove_cvref_t<decltype(outer.result)>::value_type;
  using Wanted = typename Outer::error_type;
  outer.result.emplace(std::unexpected<Wanted>(convert_failure<Wanted>(std::forward<E>(error))));
  return outer.complete();
}

template <typename T, typename E>
class OrFailTask {
 public:
  explicit OrFailTask(io::Task<std::expected<T, E>> task) : task_(std::move(task)) {}

  bool await_ready() const noexcept { return false; }
  template <typename OuterPromise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<OuterPromise> outer) noexcept {
    auto& inner = task_.handle().promise();
    inner.continuation = outer;
    inner.outer = &outer.promise();
    inner.propagate = [](io::detail::PromiseBase& from,
                         io::detail::PromiseBase& to) -> std::coroutine_handle<> {
      auto& source = static_cast<io::detail::Promise<std::expected<T, E>>&>(from);
      if (source.result->has_value()) return nullptr;
      return hand_up(static_cast<OuterPromise&>(to), std::move(source.result->error()));
    };
    return task_.handle();
  }
  T await_resume() {
    std::expected<T, E> result = task_.take();
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }

 private:
  io::Task<std::expected<T, E>> task_;
};

template <typename T, typename E>
class OrFailValue {
 public:
  explicit OrFailValue(std::expected<T, E> result) : result_(std::move(result)) {}

  bool await_ready() const noexcept { return result_.has_value(); }
  template <typename OuterPromise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<OuterPromise> outer) noexcept {
    return hand_up(outer.promise(), std::move(result_.error()));
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*result_);
  }

 private:
  std::expected<T, E> result_;
};

}  // namespace detail

// The sibling of io::or_return that knows both kinds of failure.
template <typename T, typename E>
detail::OrFailTask<T, E> or_fail(io::Task<std::expected<T, E>> task) {
  return detail::OrFailTask<T, E>(std::move(task));
}
template <typename T, typename E>
detail::OrFailValue<T, E> or_fail(std::expected<T, E> result) {
  return detail::OrFailValue<T, E>(std::move(result));
}

}  // namespace cairn::transfer
