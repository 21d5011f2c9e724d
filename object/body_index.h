// Which versions hold a body: found by the body's SHA-256 (rows w/), or by the owner of its
// reference edges (rows h/). Keys and values: docs/format.md, "Catalog keys and values".
//
// Rows come in the commit that makes the body part of an object, and go with the body: those of a
// whole body in the commit that takes the version away, those of parts when the collector takes the
// edges. They are hints without a seal of their own: whoever finds a row reads the version that it
// names and compares (known_bodies.h), so that a row that is stale or forged gives nothing away.
//
// Not listed: bodies under SSE-C and SSE-KMS, whose digests are not kept and whose chunks nobody
// else can open; parts of pending uploads, which nobody may read; empty bodies.
// Thread rule: pure functions of a batch, or any reactor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/task.h"
#include "object/context.h"
#include "object/records.h"

namespace cairn::object {

// Where a body was when its row was written.
struct BodyPlace {
  uint64_t bucket_id = 0;
  uint64_t order = 0;  // Of the version.
  std::string key;
};
std::string encode_place(const BodyPlace& place);
// nullopt for anything that encode_place() cannot have made; input is untrusted.
std::optional<BodyPlace> parse_place(std::string_view value);

// One body inside a version: the whole one or a part, with its own owner of edges.
struct BodyName {
  OwnerId owner;
  Bytes sha256;  // Empty when it is not known.
};
// The bodies that own the edges of `manifest`.
std::vector<BodyName> bodies_of(const Manifest& manifest);

// Rows of a version that comes. `names`: the owners of its edges that have no rows yet.
void add_body_rows(TenantId tenant, const BodyPlace& place, const Head& head,
                   const std::vector<BodyName>& names, catalog::Batch& batch);
// The row of a whole body that goes with its version.
void drop_body_row(TenantId tenant, const Head& head, catalog::Batch& batch);
// Keys of the rows of a body whose edges go.
std::vector<std::string> body_rows_of(TenantId tenant, const Manifest& manifest);

// A body that the index lists.
struct BodyHint {
  OwnerId owner;
  BodyPlace place;
};
// At most kBodyHintsMax bodies with that digest, in no order.
io::Task<Result<std::vector<BodyHint>>> find_body_hints(Context& context, TenantId tenant,
                                                        Sha256Value sha256);
// Where the holder of an owner's edges was; nullopt when no row says so.
io::Task<Result<std::optional<BodyPlace>>> find_place(Context& context, OwnerId owner);

}  // namespace cairn::object
