#include "cluster/membership.h"

#include <algorithm>
#include <utility>

namespace cairn::cluster {
namespace {

bool is_owner(const Member& member) {
  return !member.is_draining && !member.address.empty();
}

// Capacities as weights; who does not tell one gets the mean of those who do.
std::vector<Node> nodes_of(const std::vector<Member>& members) {
  double told_bytes = 0;
  size_t told_count = 0;
  for (const Member& member : members) {
    if (!is_owner(member) || member.capacity_bytes == 0) continue;
    told_bytes += static_cast<double>(member.capacity_bytes);
    ++told_count;
  }
  const double mean = told_count == 0 ? 1 : told_bytes / static_cast<double>(told_count);
  std::vector<Node> nodes;
  for (const Member& member : members) {
    if (!is_owner(member) || nodes.size() == kNodesMax) continue;
    const bool tells = member.capacity_bytes != 0;
    nodes.push_back({member.name, tells ? static_cast<double>(member.capacity_bytes) : mean});
  }
  return nodes;
}

std::vector<Member> in_order(std::vector<Member> members) {
  std::ranges::sort(members, {}, &Member::name);
  const auto same_name = [](const Member& a, const Member& b) { return a.name == b.name; };
  members.erase(std::ranges::unique(members, same_name).begin(), members.end());
  return members;
}

}  // namespace

bool is_member_name(std::string_view name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  };
  return !name.empty() && name.size() <= kMemberNameBytesMax && std::ranges::all_of(name, is_plain);
}

Membership::Membership(std::vector<Member> members)
    : members_(in_order(std::move(members))), owners_(nodes_of(members_)) {
  for (size_t i = 0; i < members_.size() && places_.size() < owners_.size(); ++i) {
    if (is_owner(members_[i])) places_.push_back(i);
  }
}

const Member* Membership::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(members_, name, {}, &Member::name);
  return found != members_.end() && found->name == name ? &*found : nullptr;
}

std::optional<NodeIndex> Membership::index_of(std::string_view name) const {
  const auto name_of = [](const Node& node) -> std::string_view { return node.name; };
  const std::vector<Node>& nodes = owners_.nodes();
  const auto found = std::ranges::lower_bound(nodes, name, {}, name_of);
  if (found == nodes.end() || found->name != name) return std::nullopt;
  return static_cast<NodeIndex>(found - nodes.begin());
}

}  // namespace cairn::cluster
