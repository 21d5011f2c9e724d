// PackJanitor: gives upstream space back. Removes packs in which nothing is live, and rewrites what
// is left of packs that are mostly dead or small.
//
// A rewritten chunk has its new pack durable before its old one is removed, so that a crash at any
// point leaves at least one copy; of two the next start keeps the newer. One pack is written per
// pass, which bounds the pace.
//
// A removal whose answer does not come may be carried out long after, when the server has started
// again: what the start found in the pack, and acknowledged since by what it found, would go with
// it. So an object says that a pack ends before its removal is asked for, and a start takes nothing
// from a pack of which this is said. Thread rule: one reactor.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/pack_reader.h"

namespace cairn::storage {

class PackJanitor {
 public:
  PackJanitor(PackContext& context, Upstream& upstream) : context_(context), upstream_(upstream) {}

  // True when there may be more to do at once.
  io::Task<Result<bool>> pass();

 private:
  io::Task<Status> remove_ended();
  io::Task<Status> remove(std::string name);
  io::Task<Status> rewrite(std::vector<std::shared_ptr<Pack>> sources);
  // Copies what is live in `source` into the draft. False when not all of it fitted.
  io::Task<Result<bool>> gather(std::shared_ptr<Pack> source, std::vector<FooterEntry> entries,
                                PackDraft& draft, std::vector<PackPlace>& from);

  PackContext& context_;
  Upstream& upstream_;
};

// The object, behind the store's prefix, that says of a pack that it ends.
std::string ended_name(const std::string& pack);
// The pack of which an object says so; nullopt for other objects.
std::optional<std::string> parse_ended_name(std::string_view name);

// The packs to rewrite into one: those with too little that is live, else so many small ones of
// about one size that joining them pays. Empty when all is well. Pure.
std::vector<std::shared_ptr<Pack>> choose_sources(std::vector<std::shared_ptr<Pack>> packs,
                                                  uint64_t pack_bytes_max);

}  // namespace cairn::storage
