// Who is in the cluster, as one node sees it: the members that are registered, and those of them
// that caches are placed on.
//
// A view is a plain value: a change of the membership makes another one. Nodes may have different
// views for a while; then a chunk is read from the home once more than needed, and nothing else.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/placement.h"

namespace cairn::cluster {

inline constexpr size_t kMemberNameBytesMax = 128;
inline constexpr size_t kZoneBytesMax = 64;

struct Member {
  std::string name;     // Unique, and kept over restarts.
  std::string address;  // "host:port" where others ask it; empty: it has no cache for others.
  uint64_t capacity_bytes = 0;  // Of its cache: its share of the chunks. 0 = as the others' mean.
  std::string zone;
  std::string version;
  bool is_draining = false;  // No longer an owner; it goes on serving.
  int64_t started_ms = 0;    // Unix.
  friend bool operator==(const Member&, const Member&) = default;
};

// 1 to kMemberNameBytesMax letters, digits, '.', '-' and '_'.
bool is_member_name(std::string_view name);

class Membership {
 public:
  Membership() : Membership(std::vector<Member>()) {}
  // In any order. Of members beyond kNodesMax, and of a second one of a name, nothing is placed.
  explicit Membership(std::vector<Member> members);

  const std::vector<Member>& members() const { return members_; }  // By name.
  const Member* find(std::string_view name) const;
  // The members that own chunks; its nodes are in their order.
  const Placement& owners() const { return owners_; }
  // Position in members() of a node of owners().
  const Member& member_of(NodeIndex node) const { return members_[places_[node]]; }
  std::optional<NodeIndex> index_of(std::string_view name) const;

 private:
  std::vector<Member> members_;
  std::vector<size_t> places_;
  Placement owners_;
};

}  // namespace cairn::cluster
