// One request, repeated while it fails for reasons that pass.
#pragma once

#include <concepts>
#include <utility>

#include "io/reactor.h"
#include "transfer/retry_budget.h"
#include "transfer/s3_failure.h"

namespace cairn::transfer {

inline constexpr unsigned kRequestRepeatsMax = 5;

// Awaits make() until it succeeds, fails for good, has been repeated kRequestRepeatsMax times, or
// `stop` is requested. `make` is a plain function that returns a task, and everything it refers to
// outlives the call. This is on top of what http::Client repeats: its budget is shared by
// everything in flight, and a burst of refusals empties it.
template <typename Make>
auto with_repeats(io::StopToken stop, Make make) -> decltype(make()) {
  for (unsigned repeats = 1;; ++repeats) {
    auto result = co_await make();
    const bool again = !result && result.error().is_retryable && repeats <= kRequestRepeatsMax &&
                       !stop.stop_requested();
    if (!again) co_return result;
    const Status slept = co_await io::sleep_for(RetryBudget::pause(repeats, system_random()), stop);
    if (!slept) co_return result;
  }
}

}  // namespace cairn::transfer
