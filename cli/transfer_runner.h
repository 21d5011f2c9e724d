// Runs a list of transfers that all go the same way, over all cores when there is much to do, and
// tells the console of each: uploads and downloads by transfer/many.h, copies by the server.
//
// Journals of unfinished uploads are in $XDG_STATE_HOME/cairn or ~/.local/state/cairn; those of
// downloads beside their targets.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/object_flags.h"
#include "cli/server_copy.h"
#include "cli/session.h"
#include "cli/transfer_item.h"
#include "io/sync.h"
#include "transfer/many.h"

namespace cairn::cli {

inline constexpr size_t kCopiesAtOnce = 32;

struct RunOptions {
  ObjectFlags object;
  bool removes_sources = false;  // mv.
  bool keeps_times = true;       // Of downloads: the object's time becomes the file's.
  bool verifies_reads = true;    // Of downloads, where an MD5 is all there is to compare with.
  CopyLimits copy;
  // What the caller found to be there already; part of the figures that are shown.
  uint64_t instant_bytes = 0;
  uint64_t resumed_bytes = 0;
};

// Called at home for each item that is where it belongs.
struct ItemDone {
  const TransferItem& item;
  std::string etag = {};
  std::string version_id = {};
  uint64_t instant_bytes = 0;
  uint64_t resumed_bytes = 0;
  uint64_t deduplicated_bytes = 0;
};

class TransferRunner {
 public:
  TransferRunner(Session& session, RunOptions options)
      : session_(session), options_(std::move(options)) {}
  void set_on_done(std::function<void(const ItemDone&)> callback) {
    on_done_ = std::move(callback);
  }

  // Failures are reported through the session. Returns how many items failed.
  io::Task<size_t> run(std::vector<TransferItem> items);

 private:
  class Uploads;
  class Downloads;

  io::Task<Status> run_with_crew(const std::vector<TransferItem>& items, transfer::Meter& meter);
  // Asks by a request that every S3 server knows: one that is not Cairn never sees another.
  io::Task<bool> may_use_native(const std::vector<TransferItem>& items);
  io::Task<void> run_copies(const std::vector<TransferItem>& items, transfer::Meter& meter);
  io::Task<void> run_copy(const TransferItem& item, transfer::Meter& meter);
  io::Task<void> remove_sources();
  void succeed(const TransferItem& item, ItemDone done);
  void fail_item(const TransferItem& item, const transfer::Failure& failure);

  Session& session_;
  const RunOptions options_;
  std::function<void(const ItemDone&)> on_done_;
  std::vector<const TransferItem*> moved_;
  size_t failed_count_ = 0;
  io::Semaphore copy_slots_{kCopiesAtOnce};
};

// "upload", "download", "copy" or "move".
std::string_view verb_of(const TransferItem& item, bool removes_source);
// "(dryrun) upload: a to s3://b/a".
void show_dry_run(Session& session, const TransferItem& item, bool removes_source);

}  // namespace cairn::cli
