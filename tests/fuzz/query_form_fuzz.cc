// The form of the query protocol and the choice of its route. Law: what was parsed has at most the
// allowed number of pairs, and a route is found by its exact name only.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "query/params.h"
#include "query/routes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn::query;
  const std::string_view form(reinterpret_cast<const char*>(data), size);
  const cairn::Result<Params> params = Params::parse(form);
  if (!params) return 0;
  if (size > kFormBytesMax) std::abort();
  if (params->list("Tags").size() > kListMax || params->tags("Tags").size() > kListMax)
    std::abort();
  const cairn::Result<const Route*> route = find_route(*params);
  if (route && (*route)->name != params->get("Action")) std::abort();
  (void)parse_number(params->get("MaxItems"));
  return 0;
}
