// Manifests on a server: read, listed, written once. And SHA-256 of many files at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/model_manifest.h"
#include "cli/session.h"

namespace cairn::cli {

// kNotFound when there is none.
io::Task<Result<ModelManifest>> read_manifest(Session& session, ModelName name);

struct ModelTag {
  std::string model;
  std::string tag;
  WallTime pushed;
};
// The tags of one model, or of every model below name.model (a folder or ""), by model and tag.
io::Task<Result<std::vector<ModelTag>>> list_tags(Session& session, ModelName name);

// `must_be_new`: kFailedPrecondition when the tag exists.
io::Task<transfer::S3Status> put_manifest(Session& session, ModelName name,
                                          const ModelManifest& manifest, bool must_be_new);

// SHA-256 of files, several at a time on threads that may block; the slot of a file that cannot be
// read holds its error.
class FileHashes {
 public:
  explicit FileHashes(Session& session) : session_(session) {}
  void add(std::string path) { paths_.push_back(std::move(path)); }
  // In the order of add(). Ends early, with kCancelled, when the session is stopped.
  io::Task<std::vector<Result<crypto::Sha256Value>>> run();

 private:
  io::Task<void> work(std::vector<Result<crypto::Sha256Value>>& out);

  Session& session_;
  std::vector<std::string> paths_;
  size_t next_ = 0;
};

}  // namespace cairn::cli
