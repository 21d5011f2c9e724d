// Commits changes that do not need each other, such as rows that have expired: as one commit where
// nobody else commits, in pieces where the catalog is shared, whose commits have a limit (etcd: 128
// operations in a transaction).
#pragma once

#include "catalog/catalog.h"

namespace cairn::catalog {

// A precondition goes with the change of its key; one of a key that does not change goes with every
// piece. Pieces are in the order of the puts, then of the deletes, and the first error ends it:
// what was committed before stays, what comes after was not tried. Any reactor.
io::Task<Status> commit_apart(Catalog& catalog, Batch batch);

}  // namespace cairn::catalog
