#include "storage/pack_janitor.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/encoding.h"
#include "base/log.h"
#include "io/reactor.h"
#include "storage/pack_recovery.h"

namespace cairn::storage {
namespace {

constexpr std::string_view kEndedFolder = "ended/";

double live_share(const Pack& pack) {
  return static_cast<double>(pack.live_bytes()) / static_cast<double>(pack.records_bytes());
}

// Small packs of one class differ at most by a factor of eight, so that a chunk is joined once per
// class and not with every newcomer.
size_t class_of(const Pack& pack) {
  return static_cast<size_t>(std::bit_width(pack.size_bytes())) / 3;
}
constexpr size_t kClasses = 64 / 3 + 1;

// The first ones whose live bytes fill a pack.
std::vector<std::shared_ptr<Pack>> first_filling(std::vector<std::shared_ptr<Pack>> packs,
                                                 uint64_t pack_bytes_max) {
  uint64_t sum_bytes = 0;
  size_t count = 0;
  while (count < packs.size() && sum_bytes < pack_bytes_max) {
    sum_bytes += packs[count++]->live_bytes();
  }
  packs.resize(count);
  return packs;
}

}  // namespace

std::vector<std::shared_ptr<Pack>> choose_sources(std::vector<std::shared_ptr<Pack>> packs,
                                                  uint64_t pack_bytes_max) {
  std::erase_if(packs, [](const auto& pack) {
    return !pack->is_settled() || pack->is_damaged() || pack->live_bytes() == 0;
  });
  std::vector<std::shared_ptr<Pack>> sparse;
  std::array<std::vector<std::shared_ptr<Pack>>, kClasses> small;
  for (const std::shared_ptr<Pack>& pack : packs) {
    if (live_share(*pack) < kPackLiveShareMin) {
      sparse.push_back(pack);
    } else if (pack->size_bytes() < pack_bytes_max / 4) {
      small[class_of(*pack)].push_back(pack);
    }
  }
  if (!sparse.empty()) {
    std::ranges::sort(sparse, {}, [](const auto& pack) { return live_share(*pack); });
    return first_filling(std::move(sparse), pack_bytes_max);
  }
  for (std::vector<std::shared_ptr<Pack>>& group : small) {
    if (group.size() >= kPacksJoinedMin) return first_filling(std::move(group), pack_bytes_max);
  }
  return {};
}

io::Task<Result<bool>> PackJanitor::pass() {
  co_await io::or_return(remove_ended());
  std::vector<std::shared_ptr<Pack>> sources =
      choose_sources(context_.packs.packs(), context_.pack_bytes_max);
  if (sources.empty()) co_return false;
  co_await io::or_return(rewrite(std::move(sources)));
  co_await io::or_return(remove_ended());
  co_return true;
}

std::string ended_name(const std::string& pack) {
  return std::string(kEndedFolder) + pack;
}

std::optional<std::string> parse_ended_name(std::string_view name) {
  if (!name.starts_with(kEndedFolder)) return std::nullopt;
  name.remove_prefix(kEndedFolder.size());
  if (!is_log_file_name(name)) return std::nullopt;
  return std::string(name);
}

io::Task<Status> PackJanitor::remove(std::string name) {
  co_await io::or_return(upstream_.check_available());
  const std::string ended = ended_name(name);
  const transfer::S3Status told = co_await upstream_.put_small(ended, as_bytes("ended\n"), false);
  // Where not even this has room the removal is what makes some.
  if (!told && told.error().error.code != Code::kNoSpace) {
    co_return std::unexpected(told.error().error);
  }
  co_await io::or_return(upstream_.remove(std::move(name)));
  // It harms nobody if it stays: the next start removes it.
  (void)co_await upstream_.remove(ended);
  co_return Status{};
}

io::Task<Status> PackJanitor::remove_ended() {
  PackSet::Removable removable = context_.packs.take_removable(io::Reactor::current().now());
  Status first;
  for (const std::string& name : removable.names) {
    // A failure leaves an object that the next start finds.
    (void)co_await remove(name);
  }
  for (const std::shared_ptr<Pack>& pack : removable.packs) {
    Status removed = first;
    if (first) removed = co_await remove(pack->name());
    if (removed) {
      StoreCounters::add(context_.counters.log_files_removed);
      continue;
    }
    if (first) first = removed;
    context_.packs.put_back(pack);
  }
  co_return first;
}

io::Task<Result<bool>> PackJanitor::gather(std::shared_ptr<Pack> source,
                                           std::vector<FooterEntry> entries, PackDraft& draft,
                                           std::vector<PackPlace>& from) {
  for (const FooterEntry& entry : entries) {
    if (!draft.fits(entry.payload_bytes)) co_return false;
    const PackPlace place{source, entry.offset_bytes, entry.payload_bytes, entry.header_bytes};
    Result<SealedChunk> chunk = co_await read_whole(context_, upstream_, entry.chunk, place);
    if (!chunk && chunk.error().code == Code::kCorruption) {
      StoreCounters::add(context_.counters.checksum_failures);
      log::error("storage.record_damaged", {{"chunk", std::string_view(to_hex(entry.chunk.bytes))},
                                            {"pack", std::string_view(source->name())},
                                            {"message", std::string_view(chunk.error().message)}});
      source->set_damaged();
      co_return true;
    }
    if (!chunk) co_return std::unexpected(chunk.error());
    // A draft of background work must not hold the pool's memory while it waits for more of it.
    chunk->payload = Buffer::copy_of(chunk->payload.view());
    draft.add(entry.chunk, std::move(*chunk));
    from.push_back(place);
  }
  co_return true;
}

io::Task<Status> PackJanitor::rewrite(std::vector<std::shared_ptr<Pack>> sources) {
  PackDraft draft(new_pack_header(context_), context_.pack_bytes_max, upstream_.wants_sha256());
  std::vector<PackPlace> from;
  PackIndex::EntriesByContainer entries = co_await live_entries(context_, sources);
  for (const std::shared_ptr<Pack>& source : sources) {
    // A use keeps the pack upstream while it is read, whatever is dropped meanwhile.
    source->acquire();
    const Result<bool> all = co_await gather(source, std::move(entries[source.get()]), draft, from);
    source->release();
    if (!all) co_return std::unexpected(all.error());
    if (!*all) break;
  }
  if (from.empty()) co_return Status{};
  std::shared_ptr<Pack> pack = co_await io::or_return(store_pack(context_, upstream_, draft));
  for (size_t i = 0; i < from.size(); ++i) {
    const FooterEntry& entry = draft.entries()[i];
    const PackPlace to{pack, entry.offset_bytes, entry.payload_bytes, entry.header_bytes};
    if (!context_.index.relocate(entry.chunk, from[i], to)) continue;
    context_.packs.drop_live(from[i].pack, from[i].stored_bytes());
  }
  context_.packs.settle(pack);
  log::info("storage.packs_rewritten", {{"packs", uint64_t{sources.size()}},
                                        {"chunks", uint64_t{from.size()}},
                                        {"bytes", pack->size_bytes()}});
  co_return Status{};
}

}  // namespace cairn::storage
