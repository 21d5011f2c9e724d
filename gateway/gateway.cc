#include "gateway/gateway.h"

#include <algorithm>

#include "base/log.h"
#include "gateway/copy.h"
#include "gateway/handlers.h"

namespace cairn::gateway {
namespace {

using s3::Call;
using s3::S3Code;
using s3::S3Result;
using s3::S3Status;
namespace h = handlers;

// How a route is served. What stands in none of the two tables is 501: never an answer out of the
// empty bucket that this server has under the name.
struct Row {
  std::string_view route;
  Handler handler;
};
constexpr Row kRows[] = {{"GetObject", h::get_object},
                         {"HeadObject", h::head_object},
                         {"GetObjectAttributes", h::get_attributes},
                         {"GetObjectAcl", h::get_object_acl},
                         {"PutObjectAcl", h::put_object_acl},
                         {"GetObjectTagging", h::pass_read},
                         {"PutObjectTagging", h::pass_change},
                         {"DeleteObjectTagging", h::pass_change},
                         {"GetObjectRetention", h::pass_read},
                         {"PutObjectRetention", h::pass_change},
                         {"GetObjectLegalHold", h::pass_read},
                         {"PutObjectLegalHold", h::pass_change},
                         {"RestoreObject", h::pass_change},
                         {"GetBucketVersioning", h::pass_read},
                         {"PutBucketVersioning", h::pass_bucket_change},
                         {"GetObjectLockConfiguration", h::pass_read},
                         {"PutObjectLockConfiguration", h::pass_bucket_change},
                         {"ListObjects", h::list_objects},
                         {"ListObjectsV2", h::list_objects},
                         {"ListObjectVersions", h::list_versions},
                         {"ListMultipartUploads", h::list_uploads},
                         {"ListParts", h::list_parts},
                         {"PutObject", h::put_object},
                         {"UploadPart", h::upload_part},
                         {"CreateMultipartUpload", h::create_upload},
                         {"CompleteMultipartUpload", h::complete_upload},
                         {"AbortMultipartUpload", h::pass_change},
                         {"DeleteObject", h::delete_object},
                         {"DeleteObjects", h::delete_objects},
                         {"CopyObject", h::copy_object},
                         {"UploadPartCopy", h::copy_part}};

// What is this server's to say and to keep: rights, CORS, tags of the bucket, and that the rest is
// not set.
constexpr std::string_view kHere[] = {"HeadBucket",
                                      "GetBucketLocation",
                                      "GetBucketAcl",
                                      "PutBucketAcl",
                                      "GetBucketPolicy",
                                      "PutBucketPolicy",
                                      "DeleteBucketPolicy",
                                      "GetBucketPolicyStatus",
                                      "GetPublicAccessBlock",
                                      "PutPublicAccessBlock",
                                      "DeletePublicAccessBlock",
                                      "GetBucketOwnershipControls",
                                      "PutBucketOwnershipControls",
                                      "DeleteBucketOwnershipControls",
                                      "GetBucketCors",
                                      "PutBucketCors",
                                      "DeleteBucketCors",
                                      "GetBucketTagging",
                                      "PutBucketTagging",
                                      "DeleteBucketTagging",
                                      "GetBucketLifecycleConfiguration",
                                      "GetBucketEncryption",
                                      "GetBucketWebsite",
                                      "GetBucketNotificationConfiguration",
                                      "GetBucketLogging",
                                      "GetBucketRequestPayment",
                                      "GetBucketAccelerateConfiguration",
                                      "GetBucketReplication"};

bool changes_objects(const Call& call) {
  return s3::mutates(*call.route);
}

}  // namespace

void Gateway::attach(object::Objects& objects, const crypto::KeyRing& keys) {
  objects_ = &objects;
  keys_ = &keys;
  chunks_.set_keys(keys);
}

S3Result<std::shared_ptr<Link>> Gateway::link_of(const Call& call,
                                                 const object::BucketInfo& bucket) {
  Result<std::shared_ptr<Link>> link = links_.find(bucket, *keys_);
  if (link) return std::move(*link);
  log::error("gateway.settings_damaged", {{"bucket", std::string_view(bucket.name)},
                                          {"message", std::string_view(link.error().message)}});
  static_cast<void>(call);
  return s3::s3_fail(S3Code::kInternalError, "The settings of this gateway bucket are damaged.");
}

io::Task<S3Status> Gateway::serve(Call& call) {
  const std::string_view route = call.route->name;
  if (std::ranges::find(kHere, route) != std::end(kHere))
    co_return co_await call.route->handler(call);
  const Row* const row = std::ranges::find(kRows, route, &Row::route);
  if (row == std::end(kRows)) {
    co_return s3::s3_fail(S3Code::kNotImplemented,
                          "A gateway bucket does not do " + std::string(route) +
                              ": its objects are in another server's bucket.");
  }
  S3Result<std::shared_ptr<Link>> link = link_of(call, call.bucket);
  Served served{call, co_await s3::or_fail(std::move(link)),
                Services{*objects_, *keys_, resolver_, remotes_, links_}};
  if (served.link->settings().read_only && changes_objects(call)) {
    co_return s3::s3_fail(S3Code::kAccessDenied, "This gateway bucket is read only.");
  }
  co_return co_await row->handler(served);
}

io::Task<S3Status> Gateway::copy_from(Call& call, object::BucketInfo bucket,
                                      s3::CopySource source) {
  S3Result<std::shared_ptr<Link>> link = link_of(call, bucket);
  Served served{call, co_await s3::or_fail(std::move(link)),
                Services{*objects_, *keys_, resolver_, remotes_, links_}};
  co_return co_await copy_here(served, std::move(bucket), std::move(source));
}

GatewayReading Gateway::read() const {
  GatewayReading reading;
  reading.metadata_bytes = metadata_.used_bytes();
  reading.metadata_entries = metadata_.entries_count();
  for (const std::shared_ptr<Link>& link : links_.all()) {
    const auto value = [](const std::atomic<uint64_t>& counter) {
      return counter.load(std::memory_order_relaxed);
    };
    const LinkCounters& of = link->counters();
    LinkReading row;
    row.bucket = link->place().bucket_name;
    row.is_open = link->is_open();
    row.requests = value(of.requests);
    row.failures = value(of.failures);
    row.refused = value(of.refused);
    row.received_bytes = value(of.received_bytes);
    row.sent_bytes = value(of.sent_bytes);
    row.known = value(of.known);
    row.asked = value(of.asked);
    row.unchanged = value(of.unchanged);
    row.stale = value(of.stale);
    row.changed = value(of.changed);
    row.wrong_answers = value(of.wrong_answers);
    reading.links.push_back(std::move(row));
  }
  std::ranges::sort(reading.links, {}, &LinkReading::bucket);
  return reading;
}

}  // namespace cairn::gateway
