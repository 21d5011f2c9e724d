// `cairn admin sync`: which buckets go where, and how far they are.
//
//   sync-add     bucket, to (http[s]://HOST/BUCKET), access-key, secret-key; region, prefix, ca,
//                bandwidth (bytes per second, or 100MiB), kms-key, markers=no, removals=yes
//   sync-list    every rule and where it stands
//   sync-failed  id: changes that were put aside, with the reason
//   sync-pause, sync-resume, sync-retry, sync-compare, sync-remove   id
//   sync-bandwidth  id, bandwidth
// Parameters come as a form. Thread rule: the reactor of the sync job.
#pragma once

#include <string>

#include "io/task.h"
#include "object/objects.h"
#include "server/sync_worker.h"

namespace cairn::server {

class SyncAdmin {
 public:
  // Both outlive it.
  SyncAdmin(object::Objects& objects, const SyncWorker& worker)
      : objects_(objects), worker_(worker) {}

  // JSON. kInvalidArgument says which parameter is wrong; kUnavailable when the other site does not
  // answer; kNotFound.
  io::Task<Result<std::string>> run(std::string command, std::string form);

 private:
  io::Task<Result<std::string>> add(std::string form);
  io::Task<Result<std::string>> failed(object::SyncRule rule);
  std::string list() const;

  object::Objects& objects_;
  const SyncWorker& worker_;
};

}  // namespace cairn::server
