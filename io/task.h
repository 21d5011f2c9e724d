// Task<T>: a lazily started coroutine with one awaiter and one owner.
//
// - Lazy: the body runs, on the caller's core, when the task is first awaited (or started by a
//   Scope).
// - Owned: the Task object owns the frame; destroying it destroys a suspended body and its locals.
// - Symmetric transfer: chains of any depth use constant stack.
// - Errors are values: an exception inside a body terminates the process.
// - `co_await or_return(x)` unwraps a Result<U> or Task<Result<U>>; on failure the awaiting
//   coroutine, which must return some Result<V>, completes with that error at once. Its frame stays
//   suspended and its locals die when its owner destroys it.
//
// Thread rule: a task and all that it awaits run on one reactor; io::run_on() moves work elsewhere.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "base/result.h"

namespace cairn::io {

template <typename T = void>
class Task;

namespace detail {

// Recycles coroutine frames per thread in size classes; a frame may die on another thread.
void* allocate_frame(size_t size_bytes);
void free_frame(void* frame, size_t size_bytes) noexcept;

struct PromiseBase {
  static void* operator new(size_t size_bytes) { return allocate_frame(size_bytes); }
  static void operator delete(void* frame, size_t size_bytes) noexcept {
    free_frame(frame, size_bytes);
  }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  // Who runs next when this coroutine completes.
  std::coroutine_handle<> continuation = std::noop_coroutine();
  // Set by or_return: moves a failed result into the outer promise and returns who runs next there;
  // a null handle means "the result is good, resume the continuation".
  std::coroutine_handle<> (*propagate)(PromiseBase& inner, PromiseBase& outer) = nullptr;
  PromiseBase* outer = nullptr;

  std::coroutine_handle<> complete() {
    if (propagate != nullptr) {
      const std::coroutine_handle<> next = propagate(*this, *outer);
      if (next) return next;
    }
    return continuation;
  }
};

struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
    return self.promise().complete();
  }
  void await_resume() const noexcept {}
};

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> result;

  Task<T> get_return_object();
  FinalAwaiter final_suspend() const noexcept { return {}; }
  template <typename U>
    requires std::is_constructible_v<T, U&&>
  void return_value(U&& value) {
    result.emplace(std::forward<U>(value));
  }
  bool is_complete() const { return result.has_value(); }
  T take() {
    ASSERT(result.has_value());
    return std::move(*result);
  }
};

template <>
struct Promise<void> : PromiseBase {
  bool returned = false;

  Task<void> get_return_object();
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void return_void() { returned = true; }
  bool is_complete() const { return returned; }
  void take() const { ASSERT(returned); }
};

template <typename T>
inline constexpr bool kIsResult = false;
template <typename T>
inline constexpr bool kIsResult<Result<T>> = true;

}  // namespace detail

template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;
  using value_type = T;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  explicit operator bool() const { return static_cast<bool>(handle_); }
  Handle handle() const { return handle_; }
  bool is_complete() const { return handle_ && handle_.promise().is_complete(); }
  // The result of a complete task. REQUIRES: is_complete().
  T take() { return handle_.promise().take(); }

  struct Awaiter {
    Handle inner;
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> outer) const noexcept {
      inner.promise().continuation = outer;
      return inner;
    }
    T await_resume() const { return inner.promise().take(); }
  };
  Awaiter operator co_await() const& noexcept { return Awaiter{handle_}; }
  Awaiter operator co_await() const&& noexcept { return Awaiter{handle_}; }

 private:
  Handle handle_ = nullptr;
};

namespace detail {

template <typename T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// Awaits a Task<Result<T>> and hands a failure to the outer coroutine.
template <typename T>
class OrReturnTask {
 public:
  explicit OrReturnTask(Task<Result<T>> task) : task_(std::move(task)) {}

  bool await_ready() const noexcept { return false; }
  template <typename OuterPromise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<OuterPromise> outer) noexcept {
    Promise<Result<T>>& inner = task_.handle().promise();
    inner.continuation = outer;
    inner.outer = &outer.promise();
    inner.propagate = [](PromiseBase& from, PromiseBase& to) -> std::coroutine_handle<> {
      auto& source = static_cast<Promise<Result<T>>&>(from);
      if (source.result->has_value()) return nullptr;
      auto& target = static_cast<OuterPromise&>(to);
      target.result.emplace(std::unexpected<Error>(std::move(source.result->error())));
      return target.complete();
    };
    return task_.handle();
  }
  T await_resume() {
    Result<T> result = task_.take();
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }

 private:
  Task<Result<T>> task_;
};

// Unwraps a Result<T> that is already there.
template <typename T>
class OrReturnValue {
 public:
  explicit OrReturnValue(Result<T> result) : result_(std::move(result)) {}

  bool await_ready() const noexcept { return result_.has_value(); }
  template <typename OuterPromise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<OuterPromise> outer) noexcept {
    outer.promise().result.emplace(std::unexpected<Error>(std::move(result_.error())));
    return outer.promise().complete();
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*result_);
  }

 private:
  Result<T> result_;
};

}  // namespace detail

// See the file head. Usage: `Buffer b = co_await or_return(file.read(...));`
template <typename T>
detail::OrReturnTask<T> or_return(Task<Result<T>> task) {
  return detail::OrReturnTask<T>(std::move(task));
}
template <typename T>
detail::OrReturnValue<T> or_return(Result<T> result) {
  return detail::OrReturnValue<T>(std::move(result));
}

}  // namespace cairn::io
