// The condition keys of an S3 request (S3.md 2.3): read from its head, its peer and, where a policy
// asks for the tags of the object, from the object.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "iam/request.h"
#include "iam/values.h"
#include "object/types.h"
#include "s3/call.h"

namespace cairn::s3 {

// The address of the client: the peer, or, when the peer is a trusted proxy, the last address of
// X-Forwarded-For that is not one. An entry that is no address ends the search: the proxy before it
// counts as the client.
std::string client_address(std::string_view peer, const http::RequestHead& head,
                           std::span<const iam::IpNetwork> trusted_proxies);
std::string client_address(const Call& call);
// Whether the client's own connection is encrypted: X-Forwarded-Proto counts from a trusted proxy.
bool client_is_encrypted(const Call& call);

// Fills call.request_tags and call.document_keys of the call's document. One that does not parse
// says nothing: the handler refuses it, if the caller has the right without.
void read_document_keys(Call& call);

class S3Keys final : public iam::RequestKeys {
 public:
  // `call`, `bucket` and `object` outlive it. `bucket` and `object` are null where there is none or
  // none is known; `version_id` is that of the thing asked about.
  S3Keys(const Call& call, const object::BucketInfo* bucket, const object::ObjectInfo* object,
         std::string_view version_id);

 private:
  bool fetch(std::string_view key, std::vector<std::string>& values) const override;
  bool fetch_aws(std::string_view name, std::vector<std::string>& values) const;
  bool fetch_s3(std::string_view name, std::vector<std::string>& values) const;
  bool fetch_signature(std::string_view name, std::vector<std::string>& values) const;
  bool fetch_tags(std::string_view name, std::vector<std::string>& values) const;

  const Call& call_;
  const object::BucketInfo* bucket_;
  const object::ObjectInfo* object_;
  std::string_view version_id_;
};

}  // namespace cairn::s3
