// Deletes objects in batches of 1,000, several batches at a time. A server without DeleteObjects
// is asked key by key.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/session.h"
#include "io/scope.h"
#include "io/sync.h"

namespace cairn::cli {

inline constexpr size_t kDeleteBatchKeys = 1000;  // S3's most.
inline constexpr size_t kDeleteBatchesMax = 4;    // Under way at a time.

// REQUIRES: finish() is awaited before destruction.
class Remover {
 public:
  enum class Notes : unsigned char { kEachKey, kNone };
  Remover(Session& session, std::string bucket, Notes notes = Notes::kEachKey)
      : session_(session), bucket_(std::move(bucket)), notes_(notes) {}
  // May wait for earlier batches. What cannot be deleted is reported, not returned.
  io::Task<void> add(transfer::DeleteKey key);
  io::Task<void> finish();
  uint64_t removed_count() const { return removed_count_; }

 private:
  io::Task<void> flush();
  io::Task<void> run(std::vector<transfer::DeleteKey> keys);
  io::Task<void> run_one_by_one(std::vector<transfer::DeleteKey> keys);
  void note(const transfer::DeleteKey& key);

  Session& session_;
  const std::string bucket_;
  const Notes notes_;
  std::vector<transfer::DeleteKey> batch_;
  io::Semaphore slots_{kDeleteBatchesMax};
  io::Scope scope_;
  uint64_t removed_count_ = 0;
  bool has_no_batches_ = false;  // Of the server.
};

}  // namespace cairn::cli
