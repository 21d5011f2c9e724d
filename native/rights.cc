#include "native/rights.h"

#include <utility>

#include "s3/access.h"

namespace cairn::native {

// The root of an account may read, or give itself the right to read, all that is the account's.
bool CallRights::reads_all(object::TenantId tenant) const {
  const iam::Principal* const caller = call_.caller();
  return caller != nullptr && caller->kind == iam::PrincipalKind::kRoot &&
         caller->session_policies.empty() && caller->account == tenant;
}

io::Task<bool> CallRights::may_read(object::BucketInfo bucket, std::string key,
                                    std::string version_id) {
  std::tuple<uint64_t, std::string, std::string> what(bucket.id, key, version_id);
  const auto found = known_.find(what);
  if (found != known_.end()) co_return found->second;
  s3::Asked asked;
  asked.action = s3::versioned_action("s3:GetObject", !version_id.empty());
  asked.bucket = std::move(bucket);
  asked.key = std::move(key);
  asked.version_id = std::move(version_id);
  const s3::S3Status allowed = co_await s3::authorize(call_, std::move(asked));
  if (known_.size() < kRememberedMax) known_.emplace(std::move(what), allowed.has_value());
  co_return allowed.has_value();
}

}  // namespace cairn::native
