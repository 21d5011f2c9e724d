#include "cli/model_manifest.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/local_tree.h"
#include "cli/location.h"

namespace cairn::cli {
namespace {

using Json = nlohmann::ordered_json;

bool is_tag(std::string_view tag) {
  const bool is_plain = std::ranges::all_of(tag, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  return is_plain && !tag.empty() && tag.size() <= kTagBytesMax && tag[0] != '.' && tag[0] != '-';
}

std::unexpected<Error> damaged(const std::string& what) {
  return fail(Code::kCorruption, "the manifest is not one of a model: " + what);
}

// Values of other types are errors, not defaults.
Result<std::string> text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) {
    return damaged(std::string("\"") + name + "\" is no text");
  }
  return found->get<std::string>();
}

Result<uint32_t> mode_of(const std::string& text) {
  uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || mode > 0777) {
    return damaged("a mode is octal digits up to 0777");
  }
  return mode;
}

Result<ModelFile> parse_file(const Json& entry) {
  if (!entry.is_object()) return damaged("a file is no object");
  ModelFile file;
  Result<std::string> path = text_of(entry, "path");
  if (!path) return std::unexpected(path.error());
  const Status inside = check_relative_path(*path);
  if (!inside) return damaged(inside.error().message);
  file.path = std::move(*path);
  const auto size = entry.find("size");
  if (size == entry.end() || !size->is_number_unsigned() ||
      size->get<uint64_t>() > kModelFileBytesMax) {
    return damaged("\"size\" of " + file.path + " is no size");
  }
  file.size_bytes = size->get<uint64_t>();
  const Result<std::string> hash = text_of(entry, "sha256");
  if (!hash) return std::unexpected(hash.error());
  const std::optional<Bytes> bytes = from_hex(*hash);
  if (!bytes || bytes->size() != file.sha256.size()) {
    return damaged("\"sha256\" of " + file.path + " is no SHA-256");
  }
  std::ranges::copy(*bytes, file.sha256.begin());
  if (entry.contains("mode")) {
    const Result<std::string> text = text_of(entry, "mode");
    if (!text) return std::unexpected(text.error());
    const Result<uint32_t> mode = mode_of(*text);
    if (!mode) return std::unexpected(mode.error());
    file.mode = *mode;
  }
  if (entry.contains("etag")) {
    Result<std::string> etag = text_of(entry, "etag");
    if (!etag) return std::unexpected(etag.error());
    file.etag = std::move(*etag);
  }
  return file;
}

// REQUIRES: sorted by path.
Status check_paths(const std::vector<ModelFile>& files) {
  for (size_t i = 1; i < files.size(); ++i) {
    if (files[i].path == files[i - 1].path) return damaged(files[i].path + " is listed twice");
  }
  for (const ModelFile& file : files) {
    for (size_t slash = file.path.find('/'); slash != std::string::npos;
         slash = file.path.find('/', slash + 1)) {
      const std::string_view folder = std::string_view(file.path).substr(0, slash);
      if (std::ranges::binary_search(files, folder, {}, &ModelFile::path)) {
        return damaged(std::string(folder) + " is a file and a folder");
      }
    }
  }
  return {};
}

}  // namespace

std::string ModelName::text() const {
  return "s3://" + bucket + "/" + model + (tag.empty() ? "" : ":" + tag);
}

Result<ModelName> parse_model_name_or_all(std::string_view text) {
  const Result<Location> location = parse_bucket_location(text);
  if (!location) return std::unexpected(location.error());
  ModelName name;
  name.bucket = location->bucket;
  const size_t colon = location->key.rfind(':');
  name.model = location->key.substr(0, colon);
  if (colon != std::string::npos) {
    name.tag = location->key.substr(colon + 1);
    if (!is_tag(name.tag)) {
      return fail(Code::kInvalidArgument,
                  "a tag is 1 to 128 of A-Z a-z 0-9 . _ - and begins with a letter, digit or _");
    }
  }
  while (name.model.ends_with('/')) name.model.pop_back();
  if (name.model.empty()) return name;
  const Status valid = check_relative_path(name.model);
  if (!valid) return std::unexpected(valid.error());
  if (("/" + name.model + "/").find("/.cairn/") != std::string::npos) {
    return fail(Code::kInvalidArgument, "\".cairn\" is the folder of manifests, not of a model");
  }
  return name;
}

Result<ModelName> parse_model_name(std::string_view text) {
  Result<ModelName> name = parse_model_name_or_all(text);
  if (!name) return name;
  if (name->model.empty() || name->tag.empty()) {
    return fail(Code::kInvalidArgument,
                "expected s3://BUCKET/MODEL:TAG, not \"" + std::string(text) + "\"");
  }
  return name;
}

uint64_t ModelManifest::size_bytes() const {
  uint64_t sum = 0;
  for (const ModelFile& file : files) sum += file.size_bytes;
  return sum;
}

const ModelFile* ModelManifest::find(std::string_view path) const {
  const auto found = std::ranges::lower_bound(files, path, {}, &ModelFile::path);
  return found != files.end() && found->path == path ? &*found : nullptr;
}

bool ModelManifest::has_same_files(const ModelManifest& other) const {
  return std::ranges::equal(files, other.files, [](const ModelFile& a, const ModelFile& b) {
    return a.path == b.path && a.size_bytes == b.size_bytes && a.sha256 == b.sha256 &&
           a.mode == b.mode;
  });
}

Result<ModelManifest> parse_manifest(std::string_view text) {
  if (text.size() > kManifestBytesMax) return damaged("it is larger than 64 MiB");
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) return damaged("it is no JSON object");
  const Result<std::string> format = text_of(json, "format");
  if (!format) return std::unexpected(format.error());
  if (*format != kManifestFormat) {
    return damaged("its format is \"" + *format + "\"; this is for " + kManifestFormat);
  }
  ModelManifest manifest;
  for (const auto& [name, into] : {std::pair<const char*, std::string*>{"model", &manifest.model},
                                   {"tag", &manifest.tag},
                                   {"created", &manifest.created}}) {
    Result<std::string> value = text_of(json, name);
    if (!value) return std::unexpected(value.error());
    *into = std::move(*value);
  }
  const auto files = json.find("files");
  if (files == json.end() || !files->is_array()) return damaged("\"files\" is no list");
  if (files->size() > kManifestFilesMax) return damaged("more than 200,000 files");
  for (const Json& entry : *files) {
    Result<ModelFile> file = parse_file(entry);
    if (!file) return std::unexpected(file.error());
    manifest.files.push_back(std::move(*file));
  }
  std::ranges::sort(manifest.files, {}, &ModelFile::path);
  const Status paths = check_paths(manifest.files);
  if (!paths) return std::unexpected(paths.error());
  return manifest;
}

std::string write_manifest(const ModelManifest& manifest) {
  Json json;
  json["format"] = kManifestFormat;
  json["model"] = manifest.model;
  json["tag"] = manifest.tag;
  json["created"] = manifest.created;
  json["size"] = manifest.size_bytes();
  json["files"] = Json::array();
  for (const ModelFile& file : manifest.files) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", file.mode & 0777U);
    Json entry;
    entry["path"] = file.path;
    entry["size"] = file.size_bytes;
    entry["sha256"] = to_hex(file.sha256);
    entry["mode"] = mode;
    if (!file.etag.empty()) entry["etag"] = file.etag;
    json["files"].push_back(std::move(entry));
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cairn::cli
