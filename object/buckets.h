// Buckets: a row by name and a row by id. Writes of objects depend on the latter, so that nothing
// can be written into a bucket that is being deleted.
#pragma once

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

// As the calls of Objects.
io::Task<Result<BucketInfo>> create_bucket(Context& context, TenantId tenant, std::string name,
                                           CreateBucketOptions options);
io::Task<Result<BucketInfo>> find_bucket(Context& context, TenantId tenant, std::string name);
io::Task<Result<BucketInfo>> find_bucket_by_name(Context& context, std::string name);
io::Task<Result<BucketInfo>> change_bucket(Context& context, TenantId tenant, std::string name,
                                           std::function<Status(BucketConfig&)> change);
// The tenant's bucket of that id; nullopt when there is none.
io::Task<Result<std::optional<BucketInfo>>> find_bucket_by_id(Context& context, TenantId tenant,
                                                              uint64_t id);
// The bucket as it stands, past all caches; kNotFound when it is not the one of that id any more.
io::Task<Result<BucketInfo>> reload_bucket(Context& context, BucketInfo bucket);
// Pending uploads are aborted; objects make it fail with kBucketNotEmpty.
io::Task<Status> delete_bucket(Context& context, TenantId tenant, std::string name);
io::Task<Result<std::vector<BucketInfo>>> list_buckets(Context& context, TenantId tenant,
                                                       std::string prefix, std::string start_after,
                                                       size_t limit);
// Every bucket of every tenant with an id above `after`, in id order.
io::Task<Result<std::vector<BucketInfo>>> all_buckets(Context& context,
                                                      std::optional<uint64_t> after, size_t limit);

}  // namespace cairn::object
