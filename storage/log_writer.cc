#include "storage/log_writer.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/log.h"
#include "io/reactor.h"
#include "storage/chunk_index.h"
#include "storage/limits.h"

namespace cairn::storage {
namespace {

// Suspends until everything that is ready on this reactor has run, so that appends that complete in
// the same turn share a flush.
struct EndOfTurn {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) const {
    io::Reactor::current().at_end_of_turn(
        [waiter] { io::Reactor::current().resume_later(waiter); });
  }
  void await_resume() const noexcept {}
};

}  // namespace

io::Task<Status> LogWriter::append(ChunkId id, SealedChunk& chunk) {
  const uint64_t payload_bytes = chunk.payload.size();
  const auto header_bytes = static_cast<uint32_t>(chunk.header.size());
  Result<Place> place = co_await reserve(record_bytes(payload_bytes));
  if (!place) co_return std::unexpected(place.error());
  const std::shared_ptr<ActiveLog> active = place->active;

  Status done = co_await write(*place, id, chunk);
  if (done) done = co_await flush(active);
  if (done) {
    volume_.note_success();
    StoreCounters::add(volume_.context().counters.puts_count);
    StoreCounters::add(volume_.context().counters.written_bytes, record_bytes(payload_bytes));
    volume_.context().index.publish(
        id, {active->log, place->offset_bytes, payload_bytes, header_bytes});
  }
  // The chunk is durable whether or not a footer could be written behind it.
  if (Status ended = co_await finish(active); !ended) {
    log::warning("storage.footer_not_written",
                 {{"file", active->log->path()}, {"error", ended.error().message}});
  }
  co_return done;
}

io::Task<Result<LogWriter::Place>> LogWriter::reserve(uint64_t size_bytes) {
  const io::MutexGuard guard = co_await mutex_.lock();
  while (true) {
    const std::shared_ptr<ActiveLog> chosen = co_await io::or_return(log_with_room(size_bytes));
    const uint64_t needed_bytes =
        chosen->end_bytes + size_bytes + footer_bytes(chosen->records_count + 1);
    // Counted before the wait: an append that fails meanwhile does not end the file under this one.
    ++chosen->appends_running;
    const Status ready = co_await preallocate(*chosen, needed_bytes);
    if (ready && !chosen->condemned) {
      Place place{chosen, chosen->end_bytes, chosen->records_count};
      chosen->end_bytes += size_bytes;
      ++chosen->records_count;
      co_return place;
    }
    (void)co_await finish(chosen);
    if (!ready) co_return std::unexpected(ready.error());
  }
}

// The file in use, or a new one where that has no room for so many bytes.
io::Task<Result<std::shared_ptr<LogWriter::ActiveLog>>> LogWriter::log_with_room(
    uint64_t size_bytes) {
  const auto fits = [size_bytes](const ActiveLog& active) {
    return !active.condemned &&
           active.end_bytes + size_bytes + footer_bytes(active.records_count + 1) <=
               active.capacity_bytes;
  };
  if (active_ != nullptr && !fits(*active_)) {
    const std::shared_ptr<ActiveLog> full = std::exchange(active_, nullptr);
    full->retired = true;
    ++full->appends_running;
    if (Status ended = co_await finish(full); !ended) {
      log::warning("storage.footer_not_written",
                   {{"file", full->log->path()}, {"error", ended.error().message}});
    }
  }
  if (active_ == nullptr) {
    auto active = std::make_shared<ActiveLog>();
    active->log = co_await io::or_return(volume_.create_log(&active->capacity_bytes));
    active->allocated_bytes = std::min(active->capacity_bytes, kPreallocationBytes);
    ASSERT(fits(*active));
    active_ = std::move(active);
  }
  co_return active_;
}

io::Task<Status> LogWriter::preallocate(ActiveLog& active, uint64_t end_bytes) {
  if (end_bytes <= active.allocated_bytes) co_return Status{};
  const uint64_t target = std::min(active.capacity_bytes, round_up(end_bytes, kPreallocationBytes));
  Status extended = co_await volume_.extend_log(*active.log, active.allocated_bytes,
                                                target - active.allocated_bytes);
  if (extended) active.allocated_bytes = target;
  co_return extended;
}

io::Task<Status> LogWriter::write(const Place& place, const ChunkId& id, SealedChunk& chunk) {
  ActiveLog& active = *place.active;
  const uint64_t payload_bytes = chunk.payload.size();
  RecordHeader header{.log_id = active.log->header().log_id,
                      .sequence = place.sequence,
                      .chunk = id,
                      .payload_bytes = payload_bytes,
                      .payload_xxh3 = checksum_of(chunk.payload.view()),
                      .sealed_header = std::move(chunk.header)};
  // Never waits for the pool: its memory is in the hands of puts like this one.
  Result<Buffer> block = io::Reactor::current().buffers().try_acquire(kBlockBytes);
  if (!block) block = Buffer::allocate(kBlockBytes);
  block->resize(kBlockBytes);
  encode(header, block->span());
  // Whoever appends it elsewhere after a failure here needs it whole.
  chunk.header = std::move(header.sealed_header);

  const MutableBytes tail = chunk.payload.spare();
  const uint64_t padding = round_up(payload_bytes, kBlockBytes) - payload_bytes;
  std::fill_n(tail.begin(), padding, uint8_t{0});
  std::vector<BytesView> pieces = {block->view(), {chunk.payload.data(), payload_bytes + padding}};
  Status written = co_await active.log->file().write_all(std::move(pieces), place.offset_bytes);
  if (!written) condemn(active, written.error());
  co_return written;
}

io::Task<Status> LogWriter::flush(std::shared_ptr<ActiveLog> active) {
  if (active->collecting != nullptr) {
    const std::shared_ptr<FlushGroup> group = active->collecting;
    co_await group->done.wait();
    co_return group->result;
  }
  // This append leads the next group: those that complete until its flush begins join it.
  const auto group = std::make_shared<FlushGroup>();
  active->collecting = group;
  if (active->flushing != nullptr) {
    const std::shared_ptr<FlushGroup> running = active->flushing;
    co_await running->done.wait();
  } else {
    co_await EndOfTurn{};
  }
  active->collecting = nullptr;
  active->flushing = group;
  if (active->condemned) {
    group->result = fail(Code::kIo, "the log file failed before this record was flushed");
  } else {
    group->result = co_await active->log->file().sync_data();
    StoreCounters::add(volume_.context().counters.flush_groups);
    if (!group->result) condemn(*active, group->result.error());
  }
  active->flushing = nullptr;
  group->done.set();
  co_return group->result;
}

void LogWriter::condemn(ActiveLog& active, const Error& error) {
  if (active.condemned) return;
  active.condemned = true;
  if (active_.get() == &active) {
    active_->retired = true;
    active_ = nullptr;
  }
  StoreCounters::add(volume_.context().counters.log_files_condemned);
  log::error("storage.log_file_condemned",
             {{"file", active.log->path()}, {"error", error.message}});
  volume_.note_failure(error);
}

io::Task<Status> LogWriter::finish(std::shared_ptr<ActiveLog> active) {
  --active->appends_running;
  if (!active->retired || active->appends_running != 0) co_return Status{};
  if (!active->condemned) {
    Status sealed = co_await volume_.seal(active->log, active->end_bytes);
    co_return sealed;
  }
  if (active->log->remove_live()) co_await volume_.give_up(active->log);
  co_return Status{};
}

io::Task<Status> LogWriter::close() {
  if (active_ == nullptr) co_return Status{};
  const std::shared_ptr<ActiveLog> last = std::exchange(active_, nullptr);
  ASSERT(last->appends_running == 0);
  last->retired = true;
  ++last->appends_running;
  Status ended = co_await finish(last);
  co_return ended;
}

}  // namespace cairn::storage
