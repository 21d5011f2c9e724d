// The objects under a prefix, page by page. Thread rule: one reactor.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/session.h"

namespace cairn::cli {

class ObjectListing {
 public:
  ObjectListing(Session& session, std::string bucket, transfer::ListQuery query)
      : session_(session), bucket_(std::move(bucket)), query_(std::move(query)) {}

  // The next page; nullopt after the last one.
  io::Task<transfer::S3Result<std::optional<transfer::ListPage>>> next();

 private:
  Session& session_;
  const std::string bucket_;
  const transfer::ListQuery query_;
  std::string token_;
  bool is_done_ = false;
};

// All objects whose keys begin with `prefix`, in the order of their keys. kResourceExhausted beyond
// kTreeFilesMax.
io::Task<transfer::S3Result<std::vector<transfer::ObjectEntry>>> list_all(Session& session,
                                                                          std::string bucket,
                                                                          std::string prefix);

// All versions and delete markers under a prefix, page by page.
class VersionListing {
 public:
  VersionListing(Session& session, std::string bucket, std::string prefix)
      : session_(session), bucket_(std::move(bucket)), prefix_(std::move(prefix)) {}
  io::Task<transfer::S3Result<std::optional<transfer::VersionPage>>> next();

 private:
  Session& session_;
  const std::string bucket_;
  const std::string prefix_;
  std::string key_marker_;
  std::string version_marker_;
  bool is_done_ = false;
};

}  // namespace cairn::cli
