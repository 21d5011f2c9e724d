#include "server/tenure.h"

#include <utility>

#include "base/log.h"
#include "io/reactor.h"

namespace cairn::server {

using catalog::Precondition;

Tenure::Tenure(catalog::Catalog& catalog, std::string row, Random& random)
    : catalog_(catalog), row_(std::move(row)), name_(std::to_string(random.next_u64())) {}

bool Tenure::holds() const {
  return io::Reactor::current().now() < Instant{until_ns_.load(std::memory_order_acquire)};
}

io::Task<Status> Tenure::write(Precondition precondition) {
  const Instant begun = io::Reactor::current().now();
  catalog::Batch batch;
  batch.preconditions.push_back(std::move(precondition));
  batch.puts.push_back({row_, name_ + " " + std::to_string(++beats_count_)});
  own_ = co_await io::or_return(catalog_.commit(std::move(batch)));
  until_ns_ = (begun + Duration{kExpiry.nanoseconds / 2}).nanoseconds;
  co_return Status();
}

// A lost answer leaves it open which version the row has: it is looked for.
io::Task<Status> Tenure::renew() {
  Status renewed = co_await write(Precondition::version_is(row_, own_));
  if (renewed) co_return Status();
  const std::optional<catalog::Entry> row = co_await io::or_return(catalog_.get(row_));
  if (row && row->value.starts_with(name_ + " ")) {
    own_ = row->version;
    co_return renewed;
  }
  own_ = 0;
  until_ns_ = 0;
  log::warning("tenure-lost", {{"row", std::string_view(row_)}});
  co_return Status();
}

io::Task<Status> Tenure::beat() {
  if (own_ != 0) co_return co_await renew();
  const std::optional<catalog::Entry> row = co_await io::or_return(catalog_.get(row_));
  const Instant now = io::Reactor::current().now();
  if (row && row->version != seen_) {
    seen_ = row->version;
    seen_since_ = now;
    co_return Status();
  }
  if (row && now - seen_since_ < kExpiry) co_return Status();
  const Status won = co_await write(row ? Precondition::version_is(row_, row->version)
                                        : Precondition::absent(row_));
  if (won) log::info("tenure-begun", {{"row", std::string_view(row_)}});
  if (!won && won.error().code != Code::kFailedPrecondition) co_return won;
  co_return Status();
}

io::Task<void> Tenure::run(io::StopToken stop) {
  while (!stop.stop_requested()) {
    // What fails now is tried again at the next beat; holds() ends by itself meanwhile.
    static_cast<void>(co_await beat());
    static_cast<void>(co_await io::sleep_for(kBeat, stop));
  }
  until_ns_ = 0;
  if (own_ == 0) co_return;
  catalog::Batch batch;
  batch.preconditions.push_back(Precondition::version_is(row_, std::exchange(own_, 0)));
  batch.deletes.push_back(row_);
  static_cast<void>(co_await catalog_.commit(std::move(batch)));
}

}  // namespace cairn::server
