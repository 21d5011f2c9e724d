// What the caller of a request may read: S3's own decision about s3:GetObject, with the keys of the
// request, asked once for each object.
// Used on the call's reactor, while the call lives.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "object/native_offer.h"
#include "s3/call.h"

namespace cairn::native {

class CallRights final : public object::ReadRights {
 public:
  explicit CallRights(const s3::Call& call) : call_(call) {}

  bool reads_all(object::TenantId tenant) const override;
  io::Task<bool> may_read(object::BucketInfo bucket, std::string key,
                          std::string version_id) override;

 private:
  static constexpr size_t kRememberedMax = 4096;

  const s3::Call& call_;
  std::map<std::tuple<uint64_t, std::string, std::string>, bool> known_;
};

}  // namespace cairn::native
