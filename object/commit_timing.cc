#include "object/commit_timing.h"

namespace cairn::object {
namespace {

// Whether the row is of one of those kinds (keys.h).
bool is_one_of(std::string_view row, std::string_view kinds) {
  return row.size() > 2 && row[1] == '/' && kinds.find(row[0]) != std::string_view::npos;
}

}  // namespace

bool may_precede_commit(std::string_view row) {
  return is_one_of(row, "rfwhm");
}

bool may_follow_commit(std::string_view row, bool is_delete) {
  return is_delete ? is_one_of(row, "rfwhpcm") : is_one_of(row, "g");
}

}  // namespace cairn::object
