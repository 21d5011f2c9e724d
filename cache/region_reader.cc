#include "cache/region_reader.h"

#include <algorithm>

#include "base/assert.h"
#include "io/reactor.h"
#include "io/scope.h"

namespace cairn::cache {

using Counters = DiskTierCounters;

size_t RegionReader::room_bytes(const HeldRun& run, FrameRange frames) {
  const uint64_t skipped_bytes = (frames.first - run.key.first_frame) * crypto::kFrameBytes;
  const uint64_t data_bytes = (run.place.size_units - 1) * kDiskBlockBytes;
  return std::min(frames.size_bytes(), data_bytes - skipped_bytes);
}

std::unexpected<Error> RegionReader::rotten(const HeldRun& run) {
  if (contents_.forget(run)) Counters::add(counters_.rotten_entries);
  return fail(Code::kNotFound, "the cached run is not whole");
}

io::Task<void> RegionReader::read_blocks(MutableBytes into, DiskPlace place, uint64_t skipped_bytes,
                                         Status& done) {
  const uint64_t offset_bytes = place.offset_units * kDiskBlockBytes + skipped_bytes;
  done = co_await file_.read(into, place.region, offset_bytes);
  if (done) Counters::add(counters_.device_read_bytes, into.size());
}

// What was read as the entry's header, compared with what the index says.
Result<EntryHeader> RegionReader::check(const HeldRun& run, const Status& read, BytesView block) {
  if (!read) {
    Counters::add(counters_.read_errors);
    health_.note_error(read.error(), io::Reactor::current().now());
    // The place may be bad for good; the run can be fetched again.
    static_cast<void>(contents_.forget(run));
    return std::unexpected(read.error());
  }
  health_.note_success();
  Result<EntryHeader> header = decode_entry_header(block);
  if (!header || header->tier_id != file_.tier_id() || header->key != run.key ||
      entry_blocks(header->data_bytes) != run.place.size_units) {
    return rotten(run);
  }
  return header;
}

io::Task<Result<EntryHeader>> RegionReader::read(HeldRun run, FrameRange frames,
                                                 MutableBytes room) {
  ASSERT(frames.first >= run.key.first_frame && room.size() == room_bytes(run, frames));
  const uint64_t skipped_frames = frames.first - run.key.first_frame;
  Buffer block = Buffer::allocate(kDiskBlockBytes);
  block.resize(kDiskBlockBytes);
  Status header_read;
  Status data_read;
  io::Scope both;
  both.spawn(read_blocks(block.span(), run.place, 0, header_read));
  both.spawn(read_blocks(room, run.place, kDiskBlockBytes + skipped_frames * crypto::kFrameBytes,
                         data_read));
  co_await both.join();
  const Status& worse = header_read ? data_read : header_read;
  EntryHeader header = co_await io::or_return(check(run, worse, block.view()));
  if (!frames_right(header, skipped_frames, room)) co_return rotten(run);
  co_return header;
}

io::Task<Result<EntryHeader>> RegionReader::read_front(HeldRun run, MutableBytes room) {
  Status done;
  co_await read_blocks(room, run.place, 0, done);
  EntryHeader header = co_await io::or_return(check(run, done, room.first(kDiskBlockBytes)));
  if (!frames_right(header, 0, room.subspan(kDiskBlockBytes))) co_return rotten(run);
  co_return header;
}

bool RegionReader::frames_right(const EntryHeader& header, size_t skipped_frames, BytesView room) {
  const uint64_t data_bytes = header.data_bytes - skipped_frames * crypto::kFrameBytes;
  BytesView data = room.first(std::min<uint64_t>(room.size(), data_bytes));
  for (size_t frame = skipped_frames; !data.empty(); ++frame) {
    const BytesView bytes = data.first(std::min(data.size(), crypto::kFrameBytes));
    if (frame_checksum(bytes) != header.frame_xxh3[frame]) return false;
    data = data.subspan(bytes.size());
  }
  return true;
}

io::Task<Result<EntryHeader>> RegionReader::read_header(HeldRun run) {
  Buffer block = Buffer::allocate(kDiskBlockBytes);
  block.resize(kDiskBlockBytes);
  Status done;
  co_await read_blocks(block.span(), run.place, 0, done);
  co_return check(run, done, block.view());
}

io::Task<Result<SealedRunPointer>> RegionReader::read_item(DiskItem item) {
  Buffer entry = Buffer::allocate(item.place.size_units * kDiskBlockBytes);
  entry.resize(item.place.size_units * kDiskBlockBytes);
  Status done;
  co_await read_blocks(entry.span(), item.place, 0, done);
  Result<EntryHeader> named = decode_entry_header(entry.view(0, kDiskBlockBytes));
  if (!done || !named ||
      DiskIndex::short_fingerprint(fingerprint_of(named->key)) !=
          DiskIndex::short_fingerprint(item.fingerprint)) {
    co_return fail(Code::kNotFound, "the cached run is not whole");
  }
  const HeldRun run{named->key, item.place};
  EntryHeader header = co_await io::or_return(check(run, done, entry.view(0, kDiskBlockBytes)));
  auto whole = std::make_shared<SealedRun>();
  whole->data = Buffer::without_front(std::move(entry), kDiskBlockBytes);
  whole->data.resize(header.data_bytes);
  if (checksums_of_frames(whole->data.view()) != header.frame_xxh3) co_return rotten(run);
  whole->key = header.key;
  whole->header = std::move(header.sealed_header);
  whole->chunk_payload_bytes = header.chunk_payload_bytes;
  co_return SealedRunPointer(std::move(whole));
}

}  // namespace cairn::cache
