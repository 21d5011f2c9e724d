// Manifests of models. Law: what was parsed stays inside a directory, and is the same when it is
// written and parsed again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/local_tree.h"
#include "cli/model_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn::cli;
  const cairn::Result<ModelManifest> first =
      parse_manifest(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!first) return 0;
  for (const ModelFile& file : first->files) {
    if (!check_relative_path(file.path) || file.mode > 0777) std::abort();
  }
  const cairn::Result<ModelManifest> second = parse_manifest(write_manifest(*first));
  if (!second || !second->has_same_files(*first)) std::abort();
  return 0;
}
