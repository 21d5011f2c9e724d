// What people type: locations, globs, sizes, models, bench sizes; and keys that become paths. Laws:
// a location's text names the same location; a path that is accepted has only plain components.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/bench_plan.h"
#include "cli/filters.h"
#include "cli/human.h"
#include "cli/local_tree.h"
#include "cli/location.h"
#include "cli/model_manifest.h"

namespace {

void check_path(std::string_view path) {
  if (!cairn::cli::check_relative_path(path)) return;
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos) {
    std::abort();
  }
  for (std::string_view rest = path;;) {
    const size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    if (name.empty() || name == "." || name == "..") std::abort();
    if (slash == std::string_view::npos) return;
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn::cli;
  if (size > kGlobBytesMax) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const cairn::Result<Location> location = parse_location(text);
  if (location) {
    const cairn::Result<Location> again = parse_location(location->text());
    if (!again || again->key != location->key || again->path != location->path) std::abort();
  }
  check_path(text);
  (void)parse_human_size(text);
  (void)parse_human_duration_seconds(text);
  (void)SizeChoice::parse(text);
  const cairn::Result<ModelName> model = parse_model_name(text);
  if (model) check_path(model->files_prefix() + "x");
  const size_t half = size / 2;
  if (check_glob(text.substr(0, half))) (void)glob_matches(text.substr(0, half), text.substr(half));
  return 0;
}
