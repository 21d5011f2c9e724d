// Catalog rows of a bucket that the nodes of a cluster share (shared_directory.h). Grammar in
// docs/format.md, "Catalog keys and values". <store>: the first 8 bytes of the store's id.
//
// Pure functions; input of any form is safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "storage/chunk_directory.h"

namespace cairn::object {

using storage::ChunkId;
using storage::RandomId;

// A run of one node: 8 bytes of the node's id, 8 random ones.
using ChunkSession = RandomId;

class ChunkRows {
 public:
  explicit ChunkRows(const RandomId& store_id);

  // sc/<store 8><chunk 32>: generation, lengths.
  std::string chunk(const ChunkId& id) const;
  std::string chunks() const { return prefix("sc/"); }
  // sh/<store 8><chunk 32><session 16><number 8>: empty.
  std::string hold(const ChunkId& id, const ChunkSession& session, uint64_t number) const;
  std::string holds(const ChunkId& id) const;                               // Prefix.
  std::string holds(const ChunkId& id, const ChunkSession& session) const;  // Prefix.
  std::string all_holds() const { return prefix("sh/"); }
  // ss/<store 8><session 16>: the beat, 8 bytes.
  std::string session(const ChunkSession& session) const;
  std::string sessions() const { return prefix("ss/"); }
  std::string sessions_of_node(const RandomId& node) const;  // Prefix.
  // sf/<store 8><session 16>: empty; demanded by what the session commits, see commit_fence.h.
  std::string fence(const ChunkSession& session) const;
  // st/<store 8><generation 16>: the chunk that the object was of.
  std::string trash(const RandomId& generation) const;
  std::string all_trash() const { return prefix("st/"); }

  std::optional<ChunkId> parse_chunk(std::string_view key) const;
  struct Hold {
    ChunkId id;
    ChunkSession session{};
  };
  std::optional<Hold> parse_hold(std::string_view key) const;
  std::optional<ChunkSession> parse_session(std::string_view key) const;
  std::optional<RandomId> parse_trash(std::string_view key) const;

 private:
  std::string prefix(std::string_view kind) const { return std::string(kind) + store_; }
  const std::string store_;
};

std::string encode_directory_row(const storage::DirectoryRow& row);
// kCorruption for values of another form or with impossible lengths.
Result<storage::DirectoryRow> parse_directory_row(std::string_view value);
std::string encode_trash_value(const ChunkId& id);
Result<ChunkId> parse_trash_value(std::string_view value);

}  // namespace cairn::object
