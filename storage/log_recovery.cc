#include "storage/log_recovery.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/log.h"
#include "io/reactor.h"
#include "storage/limits.h"

namespace cairn::storage {
namespace {

// Footer of a sealed file, punched records included. kCorruption or kNotFound when there is none.
io::Task<Result<RecoveredLog>> read_footer(LogFile& log, uint64_t size_bytes) {
  if (size_bytes < 2 * kBlockBytes || size_bytes % kBlockBytes != 0) {
    co_return fail(Code::kNotFound, "no footer");
  }
  Buffer block = Buffer::allocate(kBlockBytes);
  block.resize(kBlockBytes);
  co_await io::or_return(log.file().read_exact(block.span(), size_bytes - kBlockBytes));
  const FooterTrailer trailer = co_await io::or_return(decode_footer_trailer(block.view()));
  const uint64_t table_bytes = footer_bytes(trailer.entries_count) - kBlockBytes;
  if (trailer.log_id != log.header().log_id ||
      trailer.entries_offset_bytes + table_bytes + kBlockBytes != size_bytes) {
    co_return fail(Code::kCorruption, "the footer belongs to another log file");
  }
  Buffer table = Buffer::allocate(table_bytes);
  table.resize(table_bytes);
  co_await io::or_return(read_pieces(log.file(), table.span(), trailer.entries_offset_bytes));
  RecoveredLog recovered;
  recovered.records = co_await io::or_return(decode_footer_entries(trailer, table.view()));
  recovered.sealed = true;
  recovered.end_bytes = trailer.entries_offset_bytes;
  co_return recovered;
}

io::Task<Result<bool>> is_hole(io::File& file, uint64_t offset_bytes) {
  const Result<uint64_t> found = co_await file.next_data(offset_bytes);
  if (!found && found.error().code == Code::kNotFound) co_return true;
  if (!found) co_return std::unexpected(found.error());
  co_return *found >= offset_bytes + kBlockBytes;
}

io::Task<Result<bool>> is_zeroed(io::File& file, uint64_t offset_bytes) {
  Buffer block = Buffer::allocate(kBlockBytes);
  block.resize(kBlockBytes);
  co_await io::or_return(file.read_exact(block.span(), offset_bytes));
  co_return std::ranges::all_of(block.view(), [](uint8_t byte) { return byte == 0; });
}

// Removes the records that were dropped after the file was sealed. A crash may have come between
// the two holes of a record, or in the midst of one, so both ends of the payload are asked for as
// well: what is partly a hole was dropped, and becomes one as a whole.
io::Task<Status> remove_punched(LogFile& log, Holes holes, std::vector<FooterEntry>& records) {
  std::vector<FooterEntry> live;
  for (const FooterEntry& record : records) {
    const uint64_t size = record_bytes(record.payload_bytes);
    const std::array<uint64_t, 3> asked = {0, kBlockBytes, size - kBlockBytes};
    size_t holes_count = 0;
    for (const uint64_t at : asked) {
      const bool hole = co_await io::or_return(is_hole(log.file(), record.offset_bytes + at));
      if (hole) ++holes_count;
    }
    bool is_dropped = holes_count != 0;
    if (!is_dropped && holes == Holes::kCoarse) {
      is_dropped = co_await io::or_return(is_zeroed(log.file(), record.offset_bytes));
    }
    if (!is_dropped) {
      live.push_back(record);
    } else if (holes_count != asked.size()) {
      co_await io::or_return(log.file().punch_hole(record.offset_bytes, size));
    }
  }
  records = std::move(live);
  co_return Status{};
}

// One pass over an unsealed file.
class Scan {
 public:
  Scan(LogFile& log, uint64_t size_bytes, StoreCounters& counters)
      : log_(log), size_bytes_(round_down(size_bytes, kBlockBytes)), counters_(counters) {}

  io::Task<Result<RecoveredLog>> run() {
    window_ = co_await io::or_return(
        io::Reactor::current().buffers().acquire(kReadBytesMax, io::Until{}));
    window_.resize(kReadBytesMax);
    scratch_ = co_await io::or_return(
        io::Reactor::current().buffers().acquire(kReadBytesMax, io::Until{}));
    scratch_.resize(kReadBytesMax);
    for (uint64_t at = kBlockBytes; at < size_bytes_;) {
      const Result<uint64_t> data = co_await log_.file().next_data(at);
      if (!data && data.error().code == Code::kNotFound) break;
      if (!data) co_return std::unexpected(data.error());
      at = std::max(at, round_down(*data, kBlockBytes));
      if (at >= size_bytes_) break;
      at = co_await io::or_return(step(at));
    }
    co_return std::move(recovered_);
  }

 private:
  // Looks for a record in the window at `at`; returns where to go on.
  io::Task<Result<uint64_t>> step(uint64_t at) {
    const uint64_t size = std::min<uint64_t>(kReadBytesMax, size_bytes_ - at);
    const MutableBytes window = window_.span().first(size);
    co_await io::or_return(log_.file().read_exact(window, at));
    for (uint64_t offset = 0; offset < size; offset += kBlockBytes) {
      const BytesView block = window.subspan(offset, kBlockBytes);
      if (!has_record_magic(block)) continue;
      const Result<RecordHeader> header = decode_record_header(block);
      if (!header || header->log_id != log_.header().log_id) continue;
      const bool whole = co_await io::or_return(is_whole(*header, at + offset));
      if (!whole) {
        StoreCounters::add(counters_.checksum_failures);
        log::warning("storage.record_torn",
                     {{"file", log_.path()}, {"offset", uint64_t{at + offset}}});
        continue;
      }
      recovered_.records.push_back({header->chunk, at + offset, header->payload_bytes,
                                    static_cast<uint32_t>(header->sealed_header.size())});
      recovered_.end_bytes = at + offset + record_bytes(header->payload_bytes);
      co_return recovered_.end_bytes;
    }
    co_return at + size;
  }

  io::Task<Result<bool>> is_whole(const RecordHeader& header, uint64_t offset) {
    if (offset + record_bytes(header.payload_bytes) > size_bytes_) co_return false;
    const uint64_t checksum = co_await io::or_return(
        checksum_on_disk(log_.file(), offset + kBlockBytes, header.payload_bytes, scratch_.span()));
    co_return checksum == header.payload_xxh3;
  }

  LogFile& log_;
  const uint64_t size_bytes_;
  StoreCounters& counters_;
  Buffer window_;
  Buffer scratch_;
  RecoveredLog recovered_;
};

}  // namespace

io::Task<Status> read_pieces(io::File& file, MutableBytes into, uint64_t offset_bytes) {
  while (!into.empty()) {
    const size_t size = std::min<size_t>(into.size(), kReadBytesMax);
    co_await io::or_return(file.read_exact(into.first(size), offset_bytes));
    into = into.subspan(size);
    offset_bytes += size;
  }
  co_return Status{};
}

io::Task<Result<uint64_t>> checksum_on_disk(io::File& file, uint64_t offset_bytes,
                                            uint64_t size_bytes, MutableBytes scratch) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  if (state == nullptr) co_return fail(Code::kResourceExhausted, "no memory for a checksum");
  XXH3_64bits_reset(state.get());
  while (size_bytes != 0) {
    const uint64_t size = std::min<uint64_t>(size_bytes, scratch.size());
    co_await io::or_return(
        file.read_exact(scratch.first(round_up(size, kBlockBytes)), offset_bytes));
    XXH3_64bits_update(state.get(), scratch.data(), size);
    offset_bytes += size;
    size_bytes -= size;
  }
  co_return XXH3_64bits_digest(state.get());
}

io::Task<Holes> probe_holes(io::File& file) {
  constexpr uint64_t kBlocks = 3;
  Buffer blocks = Buffer::allocate(kBlocks * kBlockBytes);
  blocks.resize(kBlocks * kBlockBytes);
  std::ranges::fill(blocks.span(), uint8_t{1});
  Status done = co_await file.write_all(blocks.view(), 0);
  if (done) done = co_await file.sync_data();
  if (done) done = co_await file.punch_hole(kBlockBytes, kBlockBytes);
  if (!done) co_return Holes::kCoarse;
  const Result<uint64_t> data = co_await file.next_data(kBlockBytes);
  co_return data && *data == 2 * kBlockBytes ? Holes::kExact : Holes::kCoarse;
}

io::Task<Result<RecoveredLog>> recover_log(LogFile& log, Holes holes, StoreCounters& counters) {
  const uint64_t size_bytes = co_await io::or_return(log.file().size());
  Result<RecoveredLog> sealed = co_await read_footer(log, size_bytes);
  if (sealed) {
    co_await io::or_return(remove_punched(log, holes, sealed->records));
    co_return sealed;
  }
  const Code code = sealed.error().code;
  if (code != Code::kCorruption && code != Code::kNotFound) co_return sealed;
  Scan scan(log, size_bytes, counters);
  Result<RecoveredLog> scanned = co_await scan.run();
  co_return scanned;
}

}  // namespace cairn::storage
