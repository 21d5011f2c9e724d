// PackSet: the packs of a store, those to be removed, and names whose PUT got no answer.
//
// Thread rule: any thread; one lock, never held across a wait.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "storage/limits.h"
#include "storage/pack.h"

namespace cairn::storage {

class PackSet {
 public:
  // A pack whose records are about to be published; it counts one record of no bytes as live until
  // settle(), which follows the last of them.
  void add(std::shared_ptr<Pack> pack);
  void settle(const std::shared_ptr<Pack>& pack);
  // Ends a record's claim on its pack; the last one ends the pack.
  void drop_live(const std::shared_ptr<Pack>& pack, uint64_t bytes);
  // The object may be there or may still come: its name is removed after a while.
  void doubt(std::string name, Instant now);

  std::vector<std::shared_ptr<Pack>> packs() const;
  uint64_t stored_bytes() const;
  // Ascends with every change: whether a snapshot would differ.
  uint64_t changes_count() const;

  // What can be removed upstream now. What could not be is handed in again.
  struct Removable {
    std::vector<std::shared_ptr<Pack>> packs;
    std::vector<std::string> names;
  };
  Removable take_removable(Instant now);
  void put_back(std::shared_ptr<Pack> pack);

 private:
  struct Doubtful {
    std::string name;
    Instant since;
  };

  mutable std::mutex mutex_;
  std::map<const Pack*, std::shared_ptr<Pack>> packs_;
  std::vector<std::shared_ptr<Pack>> ended_;
  std::vector<Doubtful> doubtful_;
  uint64_t stored_bytes_ = 0;  // Of both kinds of packs.
  uint64_t changes_count_ = 0;
};

}  // namespace cairn::storage
