// Content that one tenant of a pool lends another against a proof of possession
// (RELIABILITY.md 3.4, D4; docs/native-protocol.md, "Pooled accounts").
//
// Nothing is shared but knowledge: the lender's chunk is read, the borrower's proof is checked
// against its bytes, and they are stored again under the borrower's own keys, as if they had been
// sent. The borrower's manifests never refer to the lender's chunks.
// Thread rule: any reactor.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/native_rows.h"

namespace cairn::object {

class ReadRights;

// The first of `lenders` that has the chunk, under its own keys and referred to by something.
io::Task<Result<std::optional<TenantId>>> find_lender(Context& context,
                                                      std::vector<TenantId> lenders,
                                                      ContentName name);

// Whether the bytes of the chunk are what the borrower proved to have.
using ProofCheck = std::function<bool(BytesView bytes)>;

// Gives the chunk to the upload when `check` accepts the lender's bytes. False when it does not, or
// when nobody has the chunk any more.
io::Task<Result<bool>> borrow_chunk(Context& context, BucketInfo bucket, UploadInfo upload,
                                    ContentName name, std::vector<TenantId> lenders,
                                    ProofCheck check, ReadRights& rights);

}  // namespace cairn::object
