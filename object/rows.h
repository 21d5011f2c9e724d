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

// An object row as it stands, for a commit that depends on it.
struct HeadRow {
  Head head;
  catalog::Version version = 0;
};

// The row's record, verified and of the expected tenant.
Result<BytesView> open_record(const Context& context, TenantId tenant, std::string_view row_key,
                              std::string_view value);

// nullopt when there is no such object.
io::Task<Result<std::optional<HeadRow>>> load_head(Context& context, TenantId tenant,
                                                   uint64_t bucket_id, std::string key);
// The serialised body that `head` names; nullopt when the row changed since and the head has to be
// read again. kCorruption when the body is not the one that the head was written with.
io::Task<Result<std::optional<std::string>>> load_body(Context& context, TenantId tenant,
                                                       uint64_t bucket_id, std::string key,
                                                       HeadRow row);
// The manifest of `body`, read from chunks when it is stored there.
io::Task<Result<Manifest>> load_manifest(Context& context, TenantId tenant, Body body);

// The current object through the core's cache; null when there is none. With the body when asked:
// the caller has pinned the epoch before.
io::Task<Result<std::shared_ptr<const OpenObject>>> load_object(Context& context, TenantId tenant,
                                                                uint64_t bucket_id, std::string key,
                                                                bool with_body);

// What binds an inline body to its object: AAD of its seal.
std::string inline_context(uint64_t bucket_id, std::string_view key, const OwnerId& owner);

}  // namespace cairn::object
