// The directory of one node: a lock against a second process, and the node's name in the cluster.
// Thread rule: one thread.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace cairn::catalog::etcd {

class NodeDirectory {
 public:
  // Makes what is missing. kUnavailable when another process has it.
  static Result<std::unique_ptr<NodeDirectory>> open(const std::string& path);
  ~NodeDirectory();
  NodeDirectory(const NodeDirectory&) = delete;
  NodeDirectory& operator=(const NodeDirectory&) = delete;

  // Drawn at random once; the same as long as the directory lives.
  const std::string& node() const { return node_; }

 private:
  NodeDirectory(int lock_fd, std::string node) : lock_fd_(lock_fd), node_(std::move(node)) {}
  const int lock_fd_;
  const std::string node_;
};

}  // namespace cairn::catalog::etcd
