// Buckets: a row by name and a row by id. Writes of objects depend on the latter, so that nothing
// can be written into a bucket that is being deleted.
#pragma once

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

io::Task<Result<BucketInfo>> create_bucket(Context& context, TenantId tenant, std::string name,
                                           std::string location);
io::Task<Result<BucketInfo>> find_bucket(Context& context, TenantId tenant, std::string name);
// Pending uploads are aborted; objects make it fail with kBucketNotEmpty.
io::Task<Status> delete_bucket(Context& context, TenantId tenant, std::string name);
io::Task<Result<std::vector<BucketInfo>>> list_buckets(Context& context, TenantId tenant,
                                                       std::string prefix, std::string start_after,
                                                       size_t limit);
// Every bucket of every tenant with an id above `after`, in id order.
io::Task<Result<std::vector<BucketInfo>>> all_buckets(Context& context,
                                                      std::optional<uint64_t> after, size_t limit);

}  // namespace cairn::object
