// `cairn admin quota`: limits of buckets, tenants, users and access keys, set and shown.
//
// The commands' parameters are those of the query: scope (bucket, tenant, user, key), name (of a
// user its ARN), and limits: size (bytes or 10GiB), objects, requests (per second), bytes-in,
// bytes-out (per second). A limit that is not given stays; 0 removes it. Thread rule: one reactor.
#pragma once

#include <string>
#include <string_view>

#include "iam/store.h"
#include "io/task.h"
#include "object/objects.h"
#include "object/quota_store.h"

namespace cairn::server {

class QuotaAdmin {
 public:
  // All outlive it.
  QuotaAdmin(object::Objects& objects, object::QuotaStore& quotas, iam::Store& accounts)
      : objects_(objects), quotas_(quotas), accounts_(accounts) {}

  // JSON: the quota and the usage of one owner, or, without a scope, all quotas. kInvalidArgument
  // says which parameter is wrong; kNotFound.
  io::Task<Result<std::string>> show(std::string query);
  io::Task<Result<std::string>> set(std::string query);

 private:
  struct Named {
    object::QuotaOwner owner;
    std::string text;  // "bucket photos", as JSON members.
    bool has_usage = false;
    object::Usage usage;
  };
  io::Task<Result<Named>> find(std::string scope, std::string name);

  object::Objects& objects_;
  object::QuotaStore& quotas_;
  iam::Store& accounts_;
};

}  // namespace cairn::server
