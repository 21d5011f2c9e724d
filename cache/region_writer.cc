#include "cache/region_writer.h"

#include <algorithm>
#include <utility>

namespace cairn::cache {

using Counters = DiskTierCounters;

namespace {

// Whole disk blocks; behind the data the buffer's memory is zeros.
BytesView padded(const SealedRun& run) {
  return {run.data.data(), round_up(run.data.size(), kDiskBlockBytes)};
}

}  // namespace

RegionWriter::RegionWriter(const Parts& parts, uint64_t next_sequence)
    : parts_(parts), next_sequence_(next_sequence) {}

void RegionWriter::start() {
  home_ = &io::Reactor::current();
  scope_.spawn(run());
}

io::Task<void> RegionWriter::close() {
  bool wake = false;
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
    wake = std::exchange(asleep_, false);
  }
  if (wake) wake_.set();
  co_await scope_.join();
}

void RegionWriter::enqueue(SealedRunPointer run, uint64_t drops_seen, bool by_chance,
                           const Hints& hints) {
  const uint64_t size_bytes = run->data.capacity();
  bool wake = false;
  {
    const std::lock_guard guard(mutex_);
    if (queued_bytes() + size_bytes > kWriteQueueBytesMax) {
      Counters::add(parts_.counters.refused_queue);
      return;
    }
    if (parts_.contents.drops_seen(run->key.chunk) != drops_seen) return;
    if (!waiting_.try_emplace(run->key, Waiting{run, hints.pin, hints.expires}).second) return;
    queued_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
    queue_.push_back(
        {std::move(run), drops_seen, by_chance ? DiskLog::kNew : DiskLog::kKept, hints});
    wake = std::exchange(asleep_, false);
  }
  if (wake) home_->post([this] { wake_.set(); });
}

SealedRunPointer RegionWriter::find(const ChunkId& chunk, FrameRange frames, bool pin) {
  if (queued_bytes() == 0) return nullptr;
  const uint32_t block_first = frames.first - frames.first % kBlockFrames;
  const std::lock_guard guard(mutex_);
  for (auto at = waiting_.lower_bound({chunk, block_first});
       at != waiting_.end() && at->first <= BlockKey{chunk, frames.first}; ++at) {
    if (!at->second.run->covers(frames)) continue;
    if (at->second.expires <= io::Reactor::current().now()) continue;
    at->second.pin = at->second.pin || pin;
    return at->second.run;
  }
  return nullptr;
}

void RegionWriter::drop_chunk(const ChunkId& chunk) {
  const std::lock_guard guard(mutex_);
  const auto end = waiting_.upper_bound({chunk, kChunkFramesMax});
  waiting_.erase(waiting_.lower_bound({chunk, 0}), end);
}

io::Task<void> RegionWriter::run() {
  while (true) {
    std::vector<Item> items = take_some();
    if (!items.empty()) {
      co_await write_items(std::move(items));
      continue;
    }
    {
      const std::lock_guard guard(mutex_);
      if (!queue_.empty()) continue;
      if (stopping_) break;
      wake_.reset();
      asleep_ = true;
    }
    co_await wake_.wait();
  }
  for (const DiskLog log : {DiskLog::kNew, DiskLog::kKept}) co_await seal(log);
}

std::vector<RegionWriter::Item> RegionWriter::take_some() {
  std::vector<Item> items;
  uint64_t size_bytes = 0;
  const std::lock_guard guard(mutex_);
  while (!queue_.empty() && size_bytes < kWriteBytes) {
    size_bytes += queue_.front().run->data.size();
    items.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return items;
}

// They are written, or lost.
void RegionWriter::put_away(const std::vector<Item>& items) {
  const std::lock_guard guard(mutex_);
  for (const Item& item : items) {
    queued_bytes_.fetch_sub(item.run->data.capacity(), std::memory_order_relaxed);
    const auto at = waiting_.find(item.run->key);
    if (at != waiting_.end() && at->second.run == item.run) waiting_.erase(at);
  }
}

std::optional<DiskPlace> RegionWriter::place_for(uint64_t data_bytes, DiskLog log) {
  Filling& into = filling(log);
  if (!into.region || into.placed_count == parts_.file.geometry().footer_rows_max()) {
    return std::nullopt;
  }
  const std::optional<DiskPlace> place = parts_.contents.place(entry_blocks(data_bytes), log);
  if (place) ++into.placed_count;
  return place;
}

void RegionWriter::fill_header(const SealedRun& run, uint64_t sequence, MutableBytes block) const {
  encode(EntryHeader{.tier_id = parts_.file.tier_id(),
                     .sequence = sequence,
                     .key = run.key,
                     .chunk_payload_bytes = run.chunk_payload_bytes,
                     .data_bytes = static_cast<uint32_t>(run.data.size()),
                     .frame_xxh3 = checksums_of_frames(run.data.view()),
                     .sealed_header = run.header},
         block);
}

void RegionWriter::note_write(const Status& done) {
  if (done) {
    parts_.health.note_success();
    return;
  }
  Counters::add(parts_.counters.write_errors);
  parts_.health.note_error(done.error(), io::Reactor::current().now());
}

io::Task<void> RegionWriter::write_items(std::vector<Item> items) {
  std::array<Batch, 2> batches;  // By log.
  for (Item& item : items) {
    if (!parts_.health.usable(io::Reactor::current().now())) break;
    const uint64_t data_bytes = item.run->data.size();
    std::optional<DiskPlace> place = place_for(data_bytes, item.log);
    for (int turn = 0; !place && turn < kTurnOversMax; ++turn) {
      co_await write_batches(batches);
      co_await turn_over(item.log);
      place = place_for(data_bytes, item.log);
    }
    if (!place) break;  // What survives fills one region after the other.
    Batch& batch = batches[static_cast<size_t>(item.log)];
    add_to_batch(batch, std::move(item), *place);
  }
  co_await write_batches(batches);
  // Only those that were not taken into a batch are left.
  std::erase_if(items, [](const Item& item) { return item.run == nullptr; });
  put_away(items);
}

void RegionWriter::add_to_batch(Batch& batch, Item item, const DiskPlace& place) {
  Buffer header = Buffer::allocate(kDiskBlockBytes);
  header.resize(kDiskBlockBytes);
  fill_header(*item.run, filling(item.log).sequence, header.span());
  batch.pieces.push_back(header.view());
  batch.pieces.push_back(padded(*item.run));
  batch.size_bytes += place.size_units * kDiskBlockBytes;
  batch.headers.push_back(std::move(header));
  batch.places.push_back(place);
  batch.items.push_back(std::move(item));
}

io::Task<void> RegionWriter::write_batches(std::array<Batch, 2>& batches) {
  for (size_t log = 0; log < batches.size(); ++log) {
    co_await write_batch(std::exchange(batches[log], Batch()), fillings_[log]);
  }
}

bool RegionWriter::pin_wanted(const Item& item) {
  const std::lock_guard guard(mutex_);
  const auto at = waiting_.find(item.run->key);
  return at != waiting_.end() && at->second.pin;
}

io::Task<void> RegionWriter::write_batch(Batch batch, Filling& filled) {
  if (batch.items.empty()) co_return;
  const DiskPlace first = batch.places.front();
  const Status done = co_await parts_.file.write(std::move(batch.pieces), first.region,
                                                 first.offset_units * kDiskBlockBytes);
  note_write(done);
  const Instant now = io::Reactor::current().now();
  parts_.contents.wrote(batch.size_bytes, now);
  Counters::add(parts_.counters.written_bytes, batch.size_bytes);
  for (size_t i = 0; done && i < batch.items.size(); ++i) {
    const Item& item = batch.items[i];
    const DiskPlace& place = batch.places[i];
    Hints hints = item.hints;
    hints.pin = pin_wanted(item);
    if (!parts_.contents.commit(item.run->key, place, item.drops_seen, item.log == DiskLog::kNew,
                                hints, now)) {
      continue;
    }
    note_row(filled, fingerprint_of(item.run->key), place, hints.expires);
    Counters::add(parts_.counters.written_entries);
    Counters::add(parts_.counters.payload_bytes, item.run->data.size());
  }
  put_away(batch.items);
}

void RegionWriter::note_row(Filling& filling, uint64_t fingerprint, const DiskPlace& place,
                            Instant expires) {
  filling.rows.push_back(
      {fingerprint, place.offset_units, static_cast<uint16_t>(place.size_units), 0});
  filling.expiries.push_back(expires);
}

// What of the region's last filling is still there is found again after a start.
void RegionWriter::add_left_rows(DiskLog log, Filling& filled) const {
  const size_t rows_max = parts_.file.geometry().footer_rows_max();
  for (const DiskContents::LeftRun& left : parts_.contents.left_in(log)) {
    if (filled.rows.size() == rows_max) return;
    note_row(filled, left.item.fingerprint, left.item.place, left.expires);
  }
}

io::Task<void> RegionWriter::seal(DiskLog log) {
  Filling& filled = filling(log);
  if (!filled.region) co_return;
  add_left_rows(log, filled);
  const Clock& clock = io::Reactor::current().clock();
  RegionFooter footer{.tier_id = parts_.file.tier_id(),
                      .sequence = filled.sequence,
                      .region = *filled.region,
                      .written = clock.wall_now(),
                      .rows = std::exchange(filled.rows, {})};
  const std::vector<Instant> expiries = std::exchange(filled.expiries, {});
  for (size_t i = 0; i < footer.rows.size(); ++i) {
    footer.rows[i].minutes_left = minutes_left_until(expiries[i], clock.now());
  }
  filled.region.reset();
  if (footer.rows.empty()) co_return;
  Status done = co_await parts_.file.sync();
  if (done) done = co_await parts_.file.write_footer(footer);
  if (done) done = co_await parts_.file.sync();
  note_write(done);
  if (!done) co_return;
  const uint64_t footer_bytes =
      round_up(kFooterHeadBytes + footer.rows.size() * kFooterRowBytes, kDiskBlockBytes);
  Counters::add(parts_.counters.written_bytes, footer_bytes);
  Counters::add(parts_.counters.regions_sealed);
}

io::Task<void> RegionWriter::turn_over(DiskLog log) {
  Filling& next = filling(log);
  co_await seal(log);
  const RegionId region = parts_.contents.next_region(log);
  // Without a footer nothing is known to be there; what the index still has of the region is
  // overwritten, and found so when it is read.
  const Result<RegionFooter> footer = co_await parts_.file.read_footer(region);
  std::vector<DiskItem> survivors;
  if (footer) {
    survivors = parts_.contents.reclaim(region, footer->rows, io::Reactor::current().now());
  }
  // What survives goes to the log of what was asked for again: before its old place is used, or,
  // in that very region, each to its old place or before it and so before the old place of the
  // next.
  if (log != DiskLog::kKept) co_await keep_survivors(std::exchange(survivors, {}));
  parts_.contents.open_region(region, log);
  next.region = region;
  next.sequence = next_sequence_++;
  next.placed_count = 0;
  co_await keep_survivors(std::move(survivors));
}

io::Task<void> RegionWriter::keep_survivors(std::vector<DiskItem> survivors) {
  for (const DiskItem& survivor : survivors) co_await keep(survivor);
}

io::Task<void> RegionWriter::keep(DiskItem survivor) {
  // Which chunk it is of stands in the entry itself.
  Result<SealedRunPointer> run = co_await parts_.reader.read_item(survivor);
  std::optional<DiskPlace> place;
  for (int turn = 0; run && !place && turn < kTurnOversMax; ++turn) {
    place = place_for((*run)->data.size(), DiskLog::kKept);
    // Survivors of the other log only: those of a region of this one always fit into it.
    if (!place) co_await turn_over(DiskLog::kKept);
  }
  if (!run || !place) {
    parts_.contents.drop(survivor);
    co_return;
  }
  Buffer header = Buffer::allocate(kDiskBlockBytes);
  header.resize(kDiskBlockBytes);
  Filling& into = filling(DiskLog::kKept);
  fill_header(**run, into.sequence, header.span());
  std::vector<BytesView> pieces{header.view(), padded(**run)};
  const Status done = co_await parts_.file.write(std::move(pieces), place->region,
                                                 place->offset_units * kDiskBlockBytes);
  note_write(done);
  const uint64_t size_bytes = place->size_units * kDiskBlockBytes;
  parts_.contents.wrote(size_bytes, io::Reactor::current().now());
  Counters::add(parts_.counters.written_bytes, size_bytes);
  if (!done) {
    parts_.contents.drop(survivor);
    co_return;
  }
  const std::optional<Instant> expires = parts_.contents.move(survivor, *place);
  if (!expires) co_return;
  note_row(into, survivor.fingerprint, *place, *expires);
  Counters::add(parts_.counters.reinserted_entries);
  Counters::add(parts_.counters.reinserted_bytes, size_bytes);
}

}  // namespace cairn::cache
