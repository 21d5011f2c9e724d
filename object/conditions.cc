#include "object/conditions.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "object/objects.h"

namespace cairn::object {
namespace {

bool names(const std::vector<std::string>& etags, const ObjectInfo& object) {
  return std::ranges::any_of(
      etags, [&](const std::string& etag) { return etag == "*" || etag == object.etag; });
}

// HTTP dates carry no more.
int64_t whole_seconds(WallTime time) {
  return time.unix_ms / 1000;
}

std::unexpected<Error> unmet(std::string_view condition) {
  return fail(Code::kFailedPrecondition, std::string(condition) + " does not hold");
}

}  // namespace

Status check_write(const Conditions& conditions, const ObjectInfo* current) {
  if (current != nullptr && current->is_delete_marker) current = nullptr;
  if (!conditions.if_match.empty()) {
    if (current == nullptr) return fail(Code::kNotFound, std::string(reason::kNoSuchKey));
    if (!names(conditions.if_match, *current)) return unmet(reason::kConditionIfMatch);
  }
  if (current == nullptr) return {};
  if (!conditions.if_none_match.empty() && names(conditions.if_none_match, *current)) {
    return unmet(reason::kConditionIfNoneMatch);
  }
  if (conditions.size_bytes && *conditions.size_bytes != current->size_bytes) {
    return unmet(reason::kConditionSize);
  }
  if (conditions.modified &&
      whole_seconds(*conditions.modified) != whole_seconds(current->modified)) {
    return unmet(reason::kConditionModified);
  }
  if (conditions.if_unmodified_since &&
      whole_seconds(current->modified) > whole_seconds(*conditions.if_unmodified_since)) {
    return unmet("condition If-Unmodified-Since");
  }
  if (conditions.if_modified_since &&
      whole_seconds(current->modified) <= whole_seconds(*conditions.if_modified_since)) {
    return unmet("condition If-Modified-Since");
  }
  return {};
}

}  // namespace cairn::object
