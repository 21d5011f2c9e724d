// A version of a model directory, as `cairn push` writes it and `cairn pull` reads it
// (docs/models.md): a list of files with sizes and SHA-256, as JSON.
//
// Files of s3://BUCKET/MODEL:TAG are the objects MODEL/TAG/<path>, its manifest is the object
// MODEL/.cairn/TAG.json. Whoever reads objects by plain S3 finds the files where they look; the
// manifest is outside their folder.
// The parser is bounded and believes nothing: paths stay inside a directory, hashes are hashes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/units.h"
#include "crypto/digest.h"

namespace cairn::cli {

inline constexpr char kManifestFormat[] = "cairn-model/1";
inline constexpr size_t kManifestBytesMax = 64 * MiB;
inline constexpr size_t kManifestFilesMax = 200'000;
inline constexpr size_t kTagBytesMax = 128;
inline constexpr uint64_t kModelFileBytesMax = 50 * TiB;

struct ModelName {
  std::string bucket;
  std::string model;  // Without '/' at either end.
  std::string tag;    // Empty where the reference has none.

  std::string manifest_key() const { return model + "/.cairn/" + tag + ".json"; }
  std::string manifests_prefix() const { return model + "/.cairn/"; }
  std::string files_prefix() const { return model + "/" + tag + "/"; }
  std::string text() const;
};

// "s3://BUCKET/MODEL:TAG"; kInvalidArgument when a part is missing or cannot be one.
Result<ModelName> parse_model_name(std::string_view text);
// The same; the tag may be left out.
Result<ModelName> parse_model_name_or_all(std::string_view text);

struct ModelFile {
  std::string path;  // Relative; see check_relative_path().
  uint64_t size_bytes = 0;
  crypto::Sha256Value sha256{};
  uint32_t mode = 0644;  // Permission bits.
  std::string etag;      // Of its object, when it was pushed.
};

struct ModelManifest {
  std::string model;
  std::string tag;
  std::string created;           // ISO 8601.
  std::vector<ModelFile> files;  // Sorted by path.

  uint64_t size_bytes() const;
  const ModelFile* find(std::string_view path) const;
  // Whether the files are the same, whatever their objects' ETags.
  bool has_same_files(const ModelManifest& other) const;
};

// kCorruption says what is wrong: not JSON, another format, a path twice or leading out of the
// directory, a path that is a folder of another, a bad hash, too many files.
Result<ModelManifest> parse_manifest(std::string_view text);
std::string write_manifest(const ModelManifest& manifest);

}  // namespace cairn::cli
