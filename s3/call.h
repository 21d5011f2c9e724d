// One request under way: what the door has found out about it, and the few things every handler
// does with it. Lives in the door's coroutine frame; used on its reactor only.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"
#include "iam/values.h"
#include "object/event_queue.h"
#include "object/objects.h"
#include "s3/accounts.h"
#include "s3/auth.h"
#include "s3/bucket_rules.h"
#include "s3/errors.h"
#include "s3/flow.h"
#include "s3/form_reader.h"
#include "s3/lifecycle_rules.h"
#include "s3/rate_limiter.h"
#include "s3/request_view.h"
#include "s3/routes.h"
#include "s3/uri.h"

namespace cairn::s3 {

class Elsewhere;
class Guest;

// What all requests of a door share. Immutable while the door serves.
struct DoorContext {
  object::Objects* objects = nullptr;
  object::EventQueue* events = nullptr;                // Null = buckets tell nobody.
  const std::vector<std::string>* webhooks = nullptr;  // Names that rules may name; or null.
  const Clock* clock = nullptr;
  std::string region;
  bool allow_ssec_over_http = false;
  std::string host_id;                     // x-amz-id-2
  Authenticator* authenticator = nullptr;  // Of the door: a form signs itself in the body.
  int64_t lifecycle_day_ms = kLifecycleDayMs;
  BucketCache* bucket_cache = nullptr;  // Of the door.
  const Accounts* accounts = nullptr;   // Null = every well-formed canonical id is taken.
  // Of buckets that say nothing of it themselves.
  Ownership object_ownership = Ownership::kBucketOwnerEnforced;
  // Peers whose X-Forwarded-For and X-Forwarded-Proto are believed.
  std::vector<iam::IpNetwork> trusted_proxies;
  const Guest* guest = nullptr;
  Elsewhere* elsewhere = nullptr;  // Null = there are no such buckets.
};

struct Call {
  explicit Call(http::Exchange& exchange_in, const DoorContext& context_in)
      : exchange(exchange_in), context(context_in) {}

  http::Exchange& exchange;
  const DoorContext& context;

  // From the head.
  std::vector<HeaderView> headers;
  RequestView view;
  Query query;
  Target target;
  bool is_site = false;    // The host is that of a site (website.h).
  std::string request_id;  // 16 upper-case hex digits.
  // On every reply: what lets a browser show it to a page of another origin, and a guest's own.
  std::vector<ErrorField> reply_headers;

  // Set step by step by the door before the handler runs.
  const Route* route = nullptr;
  AuthResult auth;
  object::BucketInfo bucket;  // When route->needs_bucket.
  std::string document;       // When route->body is kDocument.
  // What the document says that policies may ask about (Gate::kDocument): tags, and condition keys
  // without "s3:".
  std::vector<std::pair<std::string, std::string>> request_tags;
  std::vector<std::pair<std::string_view, std::string>> document_keys;
  std::string audit_detail;         // RequestRecord::detail.
  RateLimiter::Owners rate_owners;  // Whose rates the request counts against.
  uint64_t rated_bytes_in = 0;      // Of the body, counted beforehand.
  uint64_t instant_bytes = 0;       // RequestRecord::instant_bytes.

  // Fields of a POST upload. `headers` then holds views of them in place of the head's own.
  std::vector<FormField> form;

  object::Objects& objects() const { return *context.objects; }
  // The bucket that the caller knows by that name. Tenants with names of their own know no others.
  io::Task<Result<object::BucketInfo>> find_bucket(std::string name) const;
  WallTime now() const { return context.clock->wall_now(); }
  // Nobody, with tenant 0 and no principal, when the request is anonymous.
  const Identity& identity() const;
  // Null when the request is anonymous.
  const iam::Principal* caller() const { return identity().principal.get(); }
  // A header, or, in a presigned URL, the parameter hoisted from one. `name` in lower case.
  std::optional<std::string_view> header(std::string_view name) const {
    return effective_header(view, query, auth.kind, name);
  }
  // The parameter's value; empty when absent.
  std::string_view param(std::string_view name) const { return query.find(name).value_or(""); }
  // Of ?versionId; empty for the current version.
  std::string version_id() const { return std::string(param("versionId")); }

  // A head with x-amz-request-id and x-amz-id-2.
  http::ResponseHead make_head(int status) const;
  io::Task<S3Status> respond_empty(int status);
  // `head` as made by make_head; adds Content-Type: application/xml.
  io::Task<S3Status> respond_xml(http::ResponseHead head, std::string body);
  io::Task<S3Status> respond_xml(std::string body);
};

// An error of object/ in S3's words, with BucketName, Key, UploadId of the call where they belong.
// Damage and I/O failures are logged here: this is where they are handled.
S3Error translate(const Call& call, const Error& error);
// The same for an object and a bucket other than the call's (copy sources).
S3Error translate_named(const Call& call, const Error& error, std::string_view bucket,
                        std::string_view key);
template <typename T>
S3Result<T> translated(const Call& call, Result<T> result) {
  if (!result) return std::unexpected(translate(call, result.error()));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*result);
  }
}

// URL of the call's object, as the client reached its bucket.
std::string object_location(const Call& call, Slash slash);

// Owner and Initiator elements.
struct Owner {
  std::string id;  // 64 hex digits made of the tenant.
  std::string display_name;
};
Owner owner_of(crypto::TenantId tenant);

// InvalidArgument unless `id` has the form of a version id.
S3Status check_version_id(std::string_view id, std::string_view argument);

// Numbers in parameters and headers. nullopt when it is no number from `least` to `most`.
std::optional<uint64_t> parse_number(std::string_view text, uint64_t least, uint64_t most);

}  // namespace cairn::s3
