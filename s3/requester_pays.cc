#include "s3/requester_pays.h"

#include "s3/config_kinds.h"
#include "s3/config_versioning.h"

namespace cairn::s3 {
namespace {

bool is_stranger(const Call& call, const object::BucketInfo& bucket) {
  return call.caller() == nullptr || call.identity().tenant != bucket.tenant;
}

}  // namespace

bool requesters_pay(const object::BucketInfo& bucket) {
  const std::string* const document = bucket.config->document(document::kRequestPayment);
  if (document == nullptr) return false;
  const S3Result<Payer> payer = parse_request_payment(*document);
  return payer && *payer == Payer::kRequester;
}

S3Status check_requester(const Call& call, const object::BucketInfo& bucket) {
  if (!is_stranger(call, bucket) || !requesters_pay(bucket)) return {};
  const bool knows = call.header("x-amz-request-payer").value_or("") == "requester";
  if (call.caller() != nullptr && knows) return {};
  return s3_fail(S3Code::kAccessDenied);
}

S3Status accept_requester(Call& call) {
  const S3Status accepted = check_requester(call, call.bucket);
  if (accepted && is_stranger(call, call.bucket) && requesters_pay(call.bucket)) {
    call.reply_headers.push_back({"x-amz-request-charged", "requester"});
  }
  return accepted;
}

}  // namespace cairn::s3
