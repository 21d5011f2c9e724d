// Keys and values about nodes in etcd, decoded: whatever stands there. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/etcd/layout.h"
#include "cluster/membership.h"

namespace cairn::catalog::etcd {

inline constexpr size_t kMemberBytesMax = 4096;

struct MemberRecord {
  std::string node;  // Of whose directory it is.
  cluster::Member member;
  friend bool operator==(const MemberRecord&, const MemberRecord&) = default;
};

std::string encode_member(const MemberRecord& record);
// nullopt for what no node has written; `name` is of the key.
std::optional<MemberRecord> decode_member(std::string_view name, std::string_view value);

// Whose key it is; nullopt for another kind and for names that no node has.
std::optional<std::string_view> member_of_key(const Layout& layout, std::string_view key);
std::optional<std::string_view> draining_of_key(const Layout& layout, std::string_view key);

}  // namespace cairn::catalog::etcd
