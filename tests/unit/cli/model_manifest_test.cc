// Manifests come back as they were written, and nothing else is believed. Method: round trip, and
// one case for every law that model_manifest.h states.
#include "cli/model_manifest.h"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

ModelManifest sample() {
  ModelManifest manifest{"org/llama", "v3", "2026-11-25T14:00:00Z", {}};
  for (const char* path : {"config.json", "sub/model-00001.safetensors", "ünicode \"x\""}) {
    ModelFile file;
    file.path = path;
    file.size_bytes = 5'000'000'000;
    file.sha256.fill(static_cast<uint8_t>(manifest.files.size()));
    file.mode = 0755;
    file.etag = "etag-2";
    manifest.files.push_back(file);
  }
  return manifest;
}

std::string with_file(const std::string& fields) {
  return R"({"format":"cairn-model/1","model":"m","tag":"t","created":"c","files":[{)" + fields +
         "}]}";
}
const std::string kHash = R"("sha256":")" + std::string(64, 'a') + R"(")";

TEST(ModelManifest, ComesBackAsWritten) {
  const ModelManifest manifest = sample();
  const ModelManifest again = parse_manifest(write_manifest(manifest)).value();
  EXPECT_TRUE(again.has_same_files(manifest));
  EXPECT_EQ(again.model, "org/llama");
  EXPECT_EQ(again.files[1].etag, "etag-2");
  EXPECT_EQ(again.size_bytes(), 15'000'000'000U);
  EXPECT_NE(again.find("config.json"), nullptr);
  EXPECT_EQ(again.find("config"), nullptr);
}

TEST(ModelManifest, HostilePathsAreRefused) {
  for (const char* path :
       {"../x", "/etc/passwd", "a/../../b", "", "a//b", "a/", ".", "a/\\u0000b"}) {
    const auto parsed =
        parse_manifest(with_file(R"("path":")" + std::string(path) + R"(","size":1,)" + kHash));
    ASSERT_FALSE(parsed) << path;
    EXPECT_EQ(parsed.error().code, Code::kCorruption);
  }
  EXPECT_TRUE(parse_manifest(with_file(R"("path":"ok","size":1,)" + kHash)));
}

TEST(ModelManifest, BadValuesAreRefused) {
  for (const std::string& fields :
       {R"("path":"a","size":-1,)" + kHash, R"("path":"a","size":1.5,)" + kHash,
        R"("path":"a","size":"1",)" + kHash, R"("path":"a","size":99999999999999999999,)" + kHash,
        std::string(R"("path":"a","size":1,"sha256":"abc")"), std::string(R"("path":"a","size":1)"),
        R"("path":5,"size":1,)" + kHash, R"("path":"a","size":1,"mode":"7777",)" + kHash,
        R"("path":"a","size":1,"mode":420,)" + kHash}) {
    EXPECT_FALSE(parse_manifest(with_file(fields))) << fields;
  }
  EXPECT_FALSE(parse_manifest("{}"));
  EXPECT_FALSE(parse_manifest("[]"));
  EXPECT_FALSE(parse_manifest(R"({"format":"cairn-model/2"})"));
  EXPECT_FALSE(parse_manifest(std::string(100'000, '[')));
}

TEST(ModelManifest, PathsThatExcludeEachOtherAreRefused) {
  ModelManifest manifest = sample();
  manifest.files.push_back(manifest.files[0]);
  EXPECT_FALSE(parse_manifest(write_manifest(manifest)));
  manifest.files.back().path = "config.json/inner";
  EXPECT_FALSE(parse_manifest(write_manifest(manifest)));
}

TEST(ModelName, IsBucketModelAndTag) {
  const ModelName name = parse_model_name("s3://models/org/llama:v3.1_x-y").value();
  EXPECT_EQ(name.bucket, "models");
  EXPECT_EQ(name.model, "org/llama");
  EXPECT_EQ(name.tag, "v3.1_x-y");
  EXPECT_EQ(name.manifest_key(), "org/llama/.cairn/v3.1_x-y.json");
  EXPECT_EQ(name.files_prefix(), "org/llama/v3.1_x-y/");
  for (const char* bad : {"s3://models/llama", "s3://models/:v1", "s3://models/llama:", "llama:v1",
                          "s3://models/llama:.cairn", "s3://models/llama:a/b", "s3://m/../x:v1",
                          "s3://m/x/.cairn/y:v1", "s3://m/x:-v"}) {
    EXPECT_FALSE(parse_model_name(bad)) << bad;
  }
}

}  // namespace
}  // namespace cairn::cli
