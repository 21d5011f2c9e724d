// Which rows of the object layer may come before the commit that they belong to, and which after
// it: for catalogs whose transactions are smaller than a commit of a large object.
//
// - Edges (r/) only keep chunks alive, hooks (f/) and rows of the body index (w/, h/) are hints:
// they
//   may come early, and any of them may go late.
// - Rows m/ only ask the rewriter to look: early or late.
// - Part rows (p/) and chunks of native uploads (c/) are found through their upload's row only:
// when
//   that is gone, they may go late.
// - Garbage (g/) is collected whenever its row is found: it may come late, never early.
// Pure functions. Thread rule: any.
#pragma once

#include <string_view>

namespace cairn::object {

bool may_precede_commit(std::string_view row);
bool may_follow_commit(std::string_view row, bool is_delete);

}  // namespace cairn::object
