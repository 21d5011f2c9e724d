// SharedDirectory: the ChunkDirectory of the nodes of a cluster, in the catalog that they share.
//
// Each change is one commit whose preconditions are the protocol (docs/decisions/0018):
// - publish: the chunk has no row, the generation is not in the trash    -> row, hold
// - hold:    the chunk has a row                                        -> hold
// - drop:    the row is as it was read, no other session has a hold,
//            there is no reference edge, the fence is as it was written  -> row goes, trash row
// - condemn: the chunk's row is as it was read, and names another object -> trash row
// and, of every one of them, that this node's session is there. A lost answer is asked for; and
// since a drop, or a commit of the object layer, may arrive after its answer was given up, holds
// are set and cleared and chunks dropped only when no such commit can arrive any more (settle()).
// Thread rule: any reactor; keep_session() and end_session() on one.
#pragma once

#include <memory>
#include <set>

#include "catalog/catalog.h"
#include "object/chunk_rows.h"
#include "object/commit_group.h"
#include "object/directory_session.h"
#include "storage/chunk_directory.h"

namespace cairn::object {

class SharedDirectory final : public storage::ChunkDirectory {
 public:
  // Begins the node's session; others are ended when they were silent for `silence`. The catalog
  // outlives the directory. REQUIRES: no other process uses `node`.
  static io::Task<Result<std::unique_ptr<SharedDirectory>>> open(
      catalog::Catalog& catalog, RandomId store_id, RandomId node, Random& random,
      Duration silence = DirectorySession::kSilence);
  // What commits that refer to chunks have to go through.
  catalog::CommitFence& fence() { return session_->fence(); }
  // Whether a row says that something refers to a chunk: commits that put such rows are those.
  static bool is_reference(std::string_view row);

  Status check() const override { return session_->check(); }
  // Others have given this node up: it has to be started again.
  bool is_over() const { return session_->is_over(); }
  io::Task<Result<std::optional<storage::DirectoryRow>>> find(
      ChunkId id, storage::Freshness freshness) override;
  io::Task<Result<std::vector<storage::DirectoryEntry>>> list(std::optional<ChunkId> after,
                                                              size_t limit) override;
  io::Task<Result<bool>> publish(ChunkId id, storage::DirectoryRow row, uint64_t hold) override;
  io::Task<Result<bool>> hold(ChunkId id, uint64_t hold) override;
  io::Task<Status> clear(std::vector<storage::HoldRef> holds) override;
  io::Task<Result<storage::DropOutcome>> drop(ChunkId id) override;
  io::Task<Result<bool>> condemn(ChunkId id, RandomId generation) override;
  io::Task<Result<bool>> is_trash(RandomId generation) override;
  io::Task<Result<std::vector<storage::TrashEntry>>> trash(std::optional<RandomId> after,
                                                           size_t limit) override;
  io::Task<Status> forget(std::vector<RandomId> generations) override;
  io::Task<Result<storage::SessionReport>> keep_session() override;
  Duration beat() const override { return session_->beat(); }
  io::Task<void> end_session() override;

 private:
  struct Found {
    storage::DirectoryRow row;
    catalog::Version version = 0;
  };
  SharedDirectory(catalog::Catalog& catalog, ChunkRows rows,
                  std::unique_ptr<DirectorySession> session)
      : catalog_(catalog),
        rows_(std::move(rows)),
        session_(std::move(session)),
        group_(catalog, catalog::Precondition::present(session_->row())) {}

  io::Task<Result<std::optional<Found>>> look_up(ChunkId id, storage::Freshness freshness);
  io::Task<Status> settle() { return session_->fence().settle(catalog_); }
  // True when it was committed, false when it was refused though the session stands.
  io::Task<Result<bool>> commit(catalog::Batch batch);
  catalog::Batch batch_of_drop(const ChunkId& id, const Found& found) const;
  io::Task<Result<std::optional<storage::DropOutcome::Kind>>> why_refused(ChunkId id);
  io::Task<Result<bool>> clear_dead_holds(std::vector<catalog::Entry> holds);
  io::Task<Result<std::vector<ChunkId>>> clear_abandoned(std::set<ChunkSession> living);
  io::Task<Status> delete_rows(std::vector<std::string> keys);

  catalog::Catalog& catalog_;
  const ChunkRows rows_;
  const std::unique_ptr<DirectorySession> session_;
  CommitGroup group_;
};

}  // namespace cairn::object
