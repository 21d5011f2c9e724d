#include "cli/model_store.h"

#include <algorithm>

#include "cli/content_compare.h"
#include "cli/object_listing.h"
#include "io/scope.h"

namespace cairn::cli {
namespace {

// io::blocking_pool() has four threads.
constexpr size_t kHashesAtOnce = 4;

constexpr std::string_view kManifestFolder = ".cairn/";
constexpr std::string_view kManifestEnding = ".json";

// "MODEL/.cairn/TAG.json".
std::optional<ModelTag> tag_of(const transfer::ObjectEntry& object) {
  const std::string_view key = object.key;
  const size_t slash = key.rfind('/');
  if (slash == std::string_view::npos || !key.ends_with(kManifestEnding)) return std::nullopt;
  const std::string_view folder = key.substr(0, slash + 1);
  if (!folder.ends_with(std::string("/") + std::string(kManifestFolder))) return std::nullopt;
  ModelTag tag;
  tag.model = folder.substr(0, folder.size() - kManifestFolder.size() - 1);
  tag.tag = key.substr(slash + 1);
  tag.tag.resize(tag.tag.size() - kManifestEnding.size());
  tag.pushed = object.modified;
  return tag;
}

}  // namespace

io::Task<Result<ModelManifest>> read_manifest(Session& session, ModelName name) {
  transfer::ObjectBody body = co_await transfer::or_fail(
      session.s3().get(name.bucket, name.manifest_key(), "", std::nullopt, "", session.until()));
  const std::string text = co_await io::or_return(body.response.receive_all(kManifestBytesMax));
  Result<ModelManifest> manifest = parse_manifest(text);
  if (!manifest) co_return std::unexpected(manifest.error().with_context(name.text()));
  co_return manifest;
}

io::Task<Result<std::vector<ModelTag>>> list_tags(Session& session, ModelName name) {
  std::string prefix = name.model.empty() ? "" : name.model + "/";
  const std::vector<transfer::ObjectEntry> objects =
      co_await transfer::or_fail(list_all(session, name.bucket, prefix));
  std::vector<ModelTag> tags;
  for (const transfer::ObjectEntry& object : objects) {
    std::optional<ModelTag> tag = tag_of(object);
    if (tag) tags.push_back(std::move(*tag));
  }
  co_return tags;
}

io::Task<transfer::S3Status> put_manifest(Session& session, ModelName name,
                                          const ModelManifest& manifest, bool must_be_new) {
  const std::string text = write_manifest(manifest);
  if (text.size() > kManifestBytesMax || manifest.files.size() > kManifestFilesMax) {
    co_return std::unexpected(transfer::Failure(
        {Code::kInvalidArgument, "a model has at most 200,000 files and 64 MiB of manifest"}));
  }
  transfer::UploadBody body;
  body.bytes = as_bytes(text);
  transfer::PutOptions options;
  if (must_be_new) options.conditions.if_none_match = "*";
  options.headers.emplace_back("Content-Type", "application/json");
  co_await transfer::or_fail(session.s3().put(name.bucket, name.manifest_key(), body,
                                              std::move(options), session.until()));
  co_return transfer::S3Status();
}

io::Task<void> FileHashes::work(std::vector<Result<crypto::Sha256Value>>& out) {
  while (next_ < paths_.size() && !session_.is_stopped()) {
    const size_t index = next_++;
    const Result<crypto::DigestValue> value =
        co_await digest_of_file(paths_[index], crypto::DigestKind::kSha256);
    if (value) {
      crypto::Sha256Value hash{};
      std::ranges::copy(value->view(), hash.begin());
      out[index] = hash;
    } else {
      out[index] = std::unexpected(value.error());
    }
  }
}

io::Task<std::vector<Result<crypto::Sha256Value>>> FileHashes::run() {
  std::vector<Result<crypto::Sha256Value>> out(paths_.size(),
                                               fail(Code::kCancelled, "interrupted"));
  io::Scope scope;
  for (size_t i = 0; i < kHashesAtOnce; ++i) scope.spawn(work(out));
  co_await scope.join();
  co_return out;
}

}  // namespace cairn::cli
