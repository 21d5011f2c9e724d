// Where things lie in etcd, under the prefix that the operator gave:
//
//   <prefix>/k<key>            an entry of the catalog; its version is the key's mod revision
//   <prefix>/m/<node>/<slot>   the mark of the last commit in a slot (committer.h)
//   <prefix>/x/<node>/...      plans of large commits (large_commit.h)
//   <prefix>/nodes/<name>      who is in the cluster, under a lease (member_list.h)
//   <prefix>/nodes-draining/<name>   who shall own no chunks any more
//   <prefix>/p                 the pulse: written to see a revision come by in the watch
//
// Pure functions. Thread rule: any.
#pragma once

#include <string>
#include <string_view>

#include "catalog/catalog.h"

namespace cairn::catalog::etcd {

class Layout {
 public:
  explicit Layout(std::string_view prefix) : root_(std::string(prefix) + "/") {}

  // Everything of ours lies in [root, root_end).
  const std::string& root() const { return root_; }
  std::string root_end() const { return prefix_end(root_); }
  std::string entry(std::string_view key) const { return root_ + "k" + std::string(key); }
  std::string entries_end() const { return root_ + "l"; }
  std::string marks(std::string_view node) const { return root_ + "m/" + std::string(node) + "/"; }
  std::string plans(std::string_view node) const { return root_ + "x/" + std::string(node) + "/"; }
  std::string pulse() const { return root_ + "p"; }

  // Both kinds of keys about nodes lie in [nodes, nodes_end).
  std::string nodes() const { return root_ + "nodes"; }
  std::string nodes_end() const { return root_ + "nodet"; }
  std::string member(std::string_view name) const { return nodes() + "/" + std::string(name); }
  std::string draining(std::string_view name) const {
    return nodes() + "-draining/" + std::string(name);
  }

  bool is_entry(std::string_view etcd_key) const { return is_kind(etcd_key, 'k'); }
  bool is_mark(std::string_view etcd_key) const { return is_kind(etcd_key, 'm'); }
  // REQUIRES: is_entry(etcd_key).
  std::string_view key_of(std::string_view etcd_key) const {
    return etcd_key.substr(root_.size() + 1);
  }

 private:
  bool is_kind(std::string_view etcd_key, char kind) const {
    return etcd_key.size() > root_.size() && etcd_key.starts_with(root_) &&
           etcd_key[root_.size()] == kind;
  }
  std::string root_;
};

}  // namespace cairn::catalog::etcd
