// Reads of the catalog's rows as verified records.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/task.h"
#include "object/context.h"
#include "object/records.h"

namespace cairn::object {

// The row of a version as it stands, for a commit that depends on it.
struct HeadRow {
  std::string row_key;  // Of the current version's row, or of a version row.
  Head head;
  catalog::Version version = 0;
};

// The row's record, verified and of the expected tenant.
Result<BytesView> open_record(const Context& context, TenantId tenant, std::string_view row_key,
                              std::string_view value);
// A row that a scan or a get gave.
Result<HeadRow> open_head(const Context& context, TenantId tenant, std::string key,
                          const catalog::Entry& entry);

// The current version; nullopt when there is none.
io::Task<Result<std::optional<HeadRow>>> load_head(Context& context, TenantId tenant,
                                                   uint64_t bucket_id, std::string key);
// Where the null version of a key is while it is a version row.
struct NullRow {
  uint64_t order = 0;
  catalog::Version version = 0;
};
io::Task<Result<std::optional<NullRow>>> load_null_row(Context& context, BucketInfo bucket,
                                                       std::string key,
                                                       const catalog::Snapshot* view = nullptr);
// The version or delete marker of that id, wherever it stands; `version_id` is not empty.
io::Task<Result<std::optional<HeadRow>>> find_version(Context& context, BucketInfo bucket,
                                                      std::string key, std::string version_id);
// The serialised body that `row` names; nullopt when the row changed since and has to be read
// again. kCorruption when the body is not the one that the head was written with.
io::Task<Result<std::optional<std::string>>> load_body(Context& context, TenantId tenant,
                                                       uint64_t bucket_id, HeadRow row);
// The manifest of `body`, read from chunks when it is stored there.
io::Task<Result<Manifest>> load_manifest(Context& context, TenantId tenant, Body body);

// The current version through the core's cache; null when there is none. With the body when asked:
// the caller has pinned the epoch before.
io::Task<Result<std::shared_ptr<const OpenObject>>> load_object(Context& context, TenantId tenant,
                                                                uint64_t bucket_id, std::string key,
                                                                bool with_body);
// The version of that id likewise; an empty id is the current version. A delete marker comes
// without a body.
io::Task<Result<std::shared_ptr<const OpenObject>>> load_version(Context& context,
                                                                 BucketInfo bucket, std::string key,
                                                                 std::string version_id,
                                                                 bool with_body);

// What binds an inline body to its object: AAD of its seal.
std::string inline_context(uint64_t bucket_id, std::string_view key, const OwnerId& owner);
// The same under an SSE key. It does not name the key, so that an object can be renamed without
// what opens it; the head's HMAC binds the body to the object's key and owner.
std::string sse_inline_context(const OwnerId& owner);
// How long what a sealed value holds is.
uint64_t sealed_plaintext_bytes(std::string_view sealed);

}  // namespace cairn::object
