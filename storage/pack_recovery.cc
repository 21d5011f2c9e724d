#include "storage/pack_recovery.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <set>

#include "base/log.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "storage/pack_janitor.h"

namespace cairn::storage {
namespace {

// A pack as it is listed, and what is in it once that is known.
struct ListedPack {
  UpstreamObject object;
  std::vector<FooterEntry> entries;
  uint64_t records_bytes = 0;
  bool known = false;
  bool damaged = false;
};

// What is behind a store's prefix.
struct Listing {
  std::vector<ListedPack> packs;  // By name, each once.
  std::set<std::string> ended;    // Packs whose removal was begun.
};

io::Task<Result<Listing>> list_packs(Upstream& upstream) {
  Listing listing;
  std::vector<ListedPack>& packs = listing.packs;
  std::string token;
  do {
    transfer::ListPage page = co_await io::or_return(upstream.list(token));
    for (transfer::ObjectEntry& object : page.objects) {
      if (std::optional<std::string> ended = parse_ended_name(object.key)) {
        listing.ended.insert(std::move(*ended));
        continue;
      }
      if (!is_log_file_name(object.key)) continue;
      if (object.size_bytes < 2 * kBlockBytes || object.size_bytes > kPackObjectBytesMax) {
        log::warning("storage.not_a_pack",
                     {{"object", std::string_view(object.key)}, {"bytes", object.size_bytes}});
        continue;
      }
      packs.push_back({{std::move(object.key), object.size_bytes, usable_etag(object.etag)}, {}});
    }
    token = std::move(page.next_token);
  } while (!token.empty());
  const auto name_of = [](const ListedPack& pack) { return std::string_view(pack.object.name); };
  std::ranges::sort(packs, {}, name_of);
  // A listing may name an object twice. Taken for two packs, the one would seem to make the other
  // superfluous, and the object would be removed.
  const auto again = std::ranges::unique(packs, {}, name_of);
  packs.erase(again.begin(), again.end());
  std::erase_if(packs,
                [&](const ListedPack& pack) { return listing.ended.contains(pack.object.name); });
  co_return listing;
}

void adopt_snapshot(std::vector<ListedPack>& listed, Snapshot snapshot) {
  std::map<std::string_view, SnapshotPack*> by_name;
  for (SnapshotPack& pack : snapshot.packs) by_name.emplace(pack.name, &pack);
  for (ListedPack& pack : listed) {
    const auto found = by_name.find(pack.object.name);
    if (found == by_name.end()) continue;
    SnapshotPack& known = *found->second;
    if (known.size_bytes != pack.object.size_bytes || known.etag != pack.object.etag) continue;
    pack.entries = std::move(known.entries);
    pack.records_bytes = known.records_bytes;
    pack.known = true;
  }
}

io::Task<Status> read_tail(Upstream& upstream, UpstreamObject object, MutableBytes tail) {
  std::vector<MutableBytes> pieces = {tail};
  const uint64_t offset_bytes = object.size_bytes - tail.size();
  Status read = co_await upstream.read(std::move(object), offset_bytes, std::move(pieces));
  co_return read;
}

io::Task<Result<std::vector<FooterEntry>>> read_footer(Upstream& upstream, UpstreamObject object) {
  const LogHeader header = header_of_log_file_name(object.name);
  Bytes tail(std::min(object.size_bytes, kFooterReadBytes));
  co_await io::or_return(read_tail(upstream, object, tail));
  const FooterTrailer trailer =
      co_await io::or_return(decode_footer_trailer(BytesView(tail).last(kBlockBytes)));
  const uint64_t size_bytes = footer_bytes(trailer.entries_count);
  if (trailer.log_id != header.log_id ||
      trailer.entries_offset_bytes + size_bytes != object.size_bytes) {
    co_return fail(Code::kCorruption, "the footer belongs to another pack");
  }
  if (size_bytes > tail.size()) {
    tail.resize(size_bytes);
    co_await io::or_return(read_tail(upstream, object, tail));
  }
  co_return decode_footer_entries(trailer, BytesView(tail).last(size_bytes));
}

// The records of a pack whose footer is damaged, up to the first that does not verify.
io::Task<Result<std::vector<FooterEntry>>> walk_records(Upstream& upstream, UpstreamObject object) {
  const LogHeader header = header_of_log_file_name(object.name);
  std::vector<FooterEntry> entries;
  Bytes block(kBlockBytes);
  for (uint64_t at = kBlockBytes; at + kBlockBytes <= object.size_bytes;) {
    std::vector<MutableBytes> pieces = {MutableBytes(block)};
    co_await io::or_return(upstream.read(object, at, std::move(pieces)));
    const Result<RecordHeader> record = decode_record_header(block);
    if (!record || record->log_id != header.log_id ||
        record_bytes(record->payload_bytes) > object.size_bytes - at) {
      break;
    }
    entries.push_back({record->chunk, at, record->payload_bytes,
                       static_cast<uint32_t>(record->sealed_header.size())});
    at += record_bytes(record->payload_bytes);
  }
  co_return entries;
}

io::Task<Status> learn(Upstream& upstream, ListedPack& pack) {
  Result<std::vector<FooterEntry>> entries = co_await read_footer(upstream, pack.object);
  if (!entries && entries.error().code == Code::kCorruption) {
    log::error("storage.pack_damaged", {{"pack", std::string_view(pack.object.name)},
                                        {"message", std::string_view(entries.error().message)}});
    pack.damaged = true;
    entries = co_await walk_records(upstream, pack.object);
  }
  if (!entries && entries.error().code != Code::kNotFound) {
    co_return std::unexpected(entries.error());
  }
  // Listed and gone: nothing of it can be offered, and nothing of it is removed.
  if (!entries) {
    pack.damaged = true;
    co_return Status{};
  }
  pack.entries = std::move(*entries);
  for (const FooterEntry& entry : pack.entries) {
    pack.records_bytes += record_bytes(entry.payload_bytes);
  }
  co_return Status{};
}

// Takes one pack after the other that is not known yet.
struct FooterQueue {
  std::vector<ListedPack>& packs;
  size_t next = 0;
  Status failed;
};
io::Task<void> learn_all(Upstream& upstream, FooterQueue& queue) {
  while (queue.failed && queue.next < queue.packs.size()) {
    ListedPack& pack = queue.packs[queue.next++];
    if (pack.known) continue;
    Status learnt = co_await learn(upstream, pack);
    if (!learnt) queue.failed = std::move(learnt);
  }
}

void adopt(PackContext& context, ListedPack& listed) {
  auto pack =
      std::make_shared<Pack>(header_of_log_file_name(listed.object.name), listed.object.size_bytes,
                             listed.records_bytes, listed.object.etag);
  // What is in a damaged pack behind the damage may be all that is left of a chunk.
  if (listed.damaged) {
    pack->set_damaged();
    pack->add_live(0);  // For ever: it is never removed.
  }
  context.packs.add(pack);
  for (const FooterEntry& entry : listed.entries) {
    const PackPlace place{pack, entry.offset_bytes, entry.payload_bytes, entry.header_bytes};
    if (context.index.insert_recovered(entry.chunk, place)) continue;
    const PackPlace older = context.index.exchange(entry.chunk, place);
    context.packs.drop_live(older.pack, older.stored_bytes());
  }
  context.packs.settle(pack);
}

}  // namespace

io::Task<Result<PackRecovery>> recover_packs(PackContext& context, Upstream& upstream,
                                             Snapshot snapshot) {
  Listing listing = co_await io::or_return(list_packs(upstream));
  std::vector<ListedPack>& packs = listing.packs;
  const Instant long_ago = io::Reactor::current().now() + (Duration{} - kDoubtfulPause);
  for (const std::string& name : listing.ended) context.packs.doubt(name, long_ago);
  if (snapshot.store_id == context.store_id) adopt_snapshot(packs, std::move(snapshot));
  FooterQueue queue{.packs = packs, .next = 0, .failed = {}};
  io::Scope scope;
  for (size_t i = 0; i < kFootersInFlight; ++i) scope.spawn(learn_all(upstream, queue));
  co_await scope.join();
  if (!queue.failed) co_return std::unexpected(queue.failed.error());
  PackRecovery recovery{.packs_count = packs.size()};
  for (ListedPack& pack : packs) {
    recovery.from_snapshot_count += pack.known ? 1 : 0;
    adopt(context, pack);
  }
  log::info("storage.packs_found", {{"packs", recovery.packs_count},
                                    {"from_snapshot", recovery.from_snapshot_count},
                                    {"chunks", context.index.chunks_count()}});
  co_return recovery;
}

io::Task<PackIndex::EntriesByContainer> live_entries(
    PackContext& context, const std::vector<std::shared_ptr<Pack>>& packs) {
  PackIndex::EntriesByContainer entries;
  for (const std::shared_ptr<Pack>& pack : packs) entries[pack.get()];
  for (size_t shard = 0; shard < kIndexShards; ++shard) {
    context.index.add_entries_of_shard(shard, entries);
    co_await io::yield();
  }
  for (auto& [pack, rows] : entries) std::ranges::sort(rows, {}, &FooterEntry::offset_bytes);
  co_return entries;
}

io::Task<Snapshot> take_snapshot(PackContext& context) {
  Snapshot snapshot{.store_id = context.store_id, .packs = {}};
  // Settled packs before entries: a chunk that is published or moves in between stands in no pack
  // of the snapshot, and its pack, which was not settled, is read by its footer.
  std::vector<std::shared_ptr<Pack>> packs = context.packs.packs();
  std::erase_if(packs, [](const auto& pack) { return !pack->is_settled() || pack->is_damaged(); });
  PackIndex::EntriesByContainer entries = co_await live_entries(context, packs);
  for (const std::shared_ptr<Pack>& pack : packs) {
    std::vector<FooterEntry>& rows = entries[pack.get()];
    if (rows.empty()) continue;
    snapshot.packs.push_back(
        {pack->name(), pack->size_bytes(), pack->records_bytes(), pack->etag(), std::move(rows)});
  }
  co_return snapshot;
}

}  // namespace cairn::storage
