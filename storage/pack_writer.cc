#include "storage/pack_writer.h"

#include "io/reactor.h"
#include "storage/pack_snapshot.h"

namespace cairn::storage {

LogHeader new_pack_header(PackContext& context) {
  // Time orders the names; nothing depends on it, because of two copies of a chunk either is good.
  const int64_t now_ms = io::Reactor::current().clock().wall_now().unix_ms;
  LogHeader header{.log_id = {},
                   .store_id = context.store_id,
                   .creation_sequence = static_cast<uint64_t>(now_ms)};
  context.random.fill(header.log_id);
  return header;
}

io::Task<Result<std::shared_ptr<Pack>>> store_pack(PackContext& context, Upstream& upstream,
                                                   PackDraft& draft) {
  draft.seal();
  Result<std::string> etag = co_await upstream.put(draft);
  if (!etag) {
    context.packs.doubt(log_file_name(draft.header()), io::Reactor::current().now());
    co_return std::unexpected(etag.error());
  }
  StoreCounters::add(context.counters.flush_groups);
  StoreCounters::add(context.counters.log_files_created);
  StoreCounters::add(context.counters.written_bytes, draft.pack_bytes());
  auto pack = std::make_shared<Pack>(draft.header(), draft.pack_bytes(), draft.records_bytes(),
                                     usable_etag(std::move(*etag)));
  context.packs.add(pack);
  co_return pack;
}

void PackWriter::close_group() {
  const std::shared_ptr<Group> group = std::exchange(collecting_, nullptr);
  group->hurry.request();
}

io::Task<Status> PackWriter::append(ChunkId id, SealedChunk chunk) {
  co_await io::or_return(upstream_.check_available());
  if (collecting_ != nullptr && !collecting_->draft.fits(chunk.payload.size())) close_group();
  const bool leads = collecting_ == nullptr;
  if (leads) {
    collecting_ = std::make_shared<Group>(new_pack_header(context_), context_.pack_bytes_max,
                                          upstream_.wants_sha256());
  }
  const std::shared_ptr<Group> group = collecting_;
  group->draft.add(id, std::move(chunk));
  // Not even a chunk of middling size would fit any more.
  if (group->draft.pack_bytes() + kPayloadBytesMax / 2 > context_.pack_bytes_max) close_group();
  if (leads) {
    co_await lead(group);
  } else {
    co_await group->done.wait();
  }
  co_return group->result;
}

io::Task<void> PackWriter::lead(std::shared_ptr<Group> group) {
  (void)co_await io::sleep_for(context_.gather_delay, group->hurry.token());
  co_await slots_.acquire();
  if (collecting_ == group) collecting_ = nullptr;
  Result<std::shared_ptr<Pack>> pack = co_await store_pack(context_, upstream_, group->draft);
  slots_.release();
  if (pack) {
    for (const FooterEntry& entry : group->draft.entries()) {
      context_.index.publish(entry.chunk,
                             {*pack, entry.offset_bytes, entry.payload_bytes, entry.header_bytes});
      StoreCounters::add(context_.counters.puts_count);
    }
    context_.packs.settle(*pack);
  } else {
    group->result = std::unexpected(pack.error());
  }
  group->done.set();
}

}  // namespace cairn::storage
