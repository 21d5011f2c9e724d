// The routes of configurations: rows of the table in routes.cc, which alone includes this. All are
// told apart by one query parameter, or two, so they come before the rows that ask for none.
#pragma once

#include <array>

#include "s3/config_lifecycle.h"
#include "s3/handlers.h"
#include "s3/handlers_document.h"
#include "s3/routes.h"
#include "s3/xml_reader.h"

namespace cairn::s3::config_routes {

namespace h = handlers;

constexpr Route read(Resource resource, std::string_view name, std::string_view query,
                     std::string_view action, Handler handler) {
  Route route;
  route.name = name;
  route.method = Method::kGet;
  route.resource = resource;
  route.query = query;
  route.action = action;
  route.auth = kSigned;
  route.handler = handler;
  return route;
}
constexpr Route change(Resource resource, std::string_view name, std::string_view query,
                       std::string_view action, Handler handler,
                       size_t body_bytes_max = kXmlBodyBytesMax) {
  Route route = read(resource, name, query, action, handler);
  route.method = Method::kPut;
  route.body = BodyKind::kDocument;
  route.body_bytes_max = body_bytes_max;
  return route;
}
constexpr Route removal(Resource resource, std::string_view name, std::string_view query,
                        std::string_view action, Handler handler) {
  Route route = read(resource, name, query, action, handler);
  route.method = Method::kDelete;
  return route;
}
constexpr Route with_id(Route route) {
  route.query_too = "id";
  return route;
}

// Policies ask about what the document says.
constexpr Route with_document(Route route) {
  route.gate = Gate::kDocument;
  return route;
}

// May be granted to everybody.
constexpr Route open(Route route) {
  route.auth = kOpen;
  return route;
}

inline constexpr auto kBucket = Resource::kBucket;
inline constexpr auto kObject = Resource::kObject;
inline constexpr Handler kNoConfiguration = h::unset_configuration<S3Code::kNoSuchConfiguration>;

inline constexpr std::array kRows = {
    read(kBucket, "GetBucketVersioning", "versioning", "s3:GetBucketVersioning", h::get_versioning),
    change(kBucket, "PutBucketVersioning", "versioning", "s3:PutBucketVersioning",
           h::put_versioning),

    read(kBucket, "GetBucketTagging", "tagging", "s3:GetBucketTagging",
         h::get_document<kind::kTagging>),
    change(kBucket, "PutBucketTagging", "tagging", "s3:PutBucketTagging",
           h::put_document<kind::kTagging>),
    removal(kBucket, "DeleteBucketTagging", "tagging", "s3:PutBucketTagging",
            h::delete_document<kind::kTagging>),

    read(kBucket, "GetBucketCors", "cors", "s3:GetBucketCORS", h::get_document<kind::kCors>),
    change(kBucket, "PutBucketCors", "cors", "s3:PutBucketCORS", h::put_document<kind::kCors>),
    removal(kBucket, "DeleteBucketCors", "cors", "s3:PutBucketCORS",
            h::delete_document<kind::kCors>),

    read(kBucket, "GetBucketLifecycleConfiguration", "lifecycle", "s3:GetLifecycleConfiguration",
         h::get_lifecycle),
    change(kBucket, "PutBucketLifecycleConfiguration", "lifecycle", "s3:PutLifecycleConfiguration",
           h::put_lifecycle, kLifecycleBodyBytesMax),
    removal(kBucket, "DeleteBucketLifecycle", "lifecycle", "s3:PutLifecycleConfiguration",
            h::delete_lifecycle),

    read(kBucket, "GetBucketEncryption", "encryption", "s3:GetEncryptionConfiguration",
         h::get_document<kind::kEncryption>),
    change(kBucket, "PutBucketEncryption", "encryption", "s3:PutEncryptionConfiguration",
           h::put_document<kind::kEncryption>),
    removal(kBucket, "DeleteBucketEncryption", "encryption", "s3:PutEncryptionConfiguration",
            h::delete_document<kind::kEncryption>),

    read(kBucket, "GetBucketWebsite", "website", "s3:GetBucketWebsite",
         h::get_document<kind::kWebsite>),
    change(kBucket, "PutBucketWebsite", "website", "s3:PutBucketWebsite",
           h::put_document<kind::kWebsite>),
    removal(kBucket, "DeleteBucketWebsite", "website", "s3:DeleteBucketWebsite",
            h::delete_document<kind::kWebsite>),

    read(kBucket, "GetBucketNotificationConfiguration", "notification", "s3:GetBucketNotification",
         h::get_document<kind::kNotification>),
    change(kBucket, "PutBucketNotificationConfiguration", "notification",
           "s3:PutBucketNotification", h::put_document<kind::kNotification>),

    read(kBucket, "GetBucketLogging", "logging", "s3:GetBucketLogging",
         h::get_document<kind::kLogging>),
    change(kBucket, "PutBucketLogging", "logging", "s3:PutBucketLogging", h::put_logging),

    read(kBucket, "GetBucketRequestPayment", "requestPayment", "s3:GetBucketRequestPayment",
         h::get_document<kind::kRequestPayment>),
    change(kBucket, "PutBucketRequestPayment", "requestPayment", "s3:PutBucketRequestPayment",
           h::put_document<kind::kRequestPayment>),

    read(kBucket, "GetBucketAccelerateConfiguration", "accelerate", "s3:GetAccelerateConfiguration",
         h::get_document<kind::kAccelerate>),
    change(kBucket, "PutBucketAccelerateConfiguration", "accelerate",
           "s3:PutAccelerateConfiguration", h::put_document<kind::kAccelerate>),

    read(kBucket, "GetObjectLockConfiguration", "object-lock",
         "s3:GetBucketObjectLockConfiguration", h::get_object_lock_configuration),
    change(kBucket, "PutObjectLockConfiguration", "object-lock",
           "s3:PutBucketObjectLockConfiguration", h::put_object_lock_configuration),

    // Never set here: reading one is 404, listing them tells that there are none.
    read(kBucket, "GetBucketReplication", "replication", "s3:GetReplicationConfiguration",
         h::unset_configuration<S3Code::kReplicationConfigurationNotFoundError>),
    removal(kBucket, "DeleteBucketReplication", "replication", "s3:PutReplicationConfiguration",
            h::delete_nothing),
    with_id(read(kBucket, "GetBucketInventoryConfiguration", "inventory",
                 "s3:GetInventoryConfiguration", kNoConfiguration)),
    read(kBucket, "ListBucketInventoryConfigurations", "inventory", "s3:GetInventoryConfiguration",
         h::list_none<h::EmptyList::kInventory>),
    with_id(removal(kBucket, "DeleteBucketInventoryConfiguration", "inventory",
                    "s3:PutInventoryConfiguration", kNoConfiguration)),
    with_id(read(kBucket, "GetBucketAnalyticsConfiguration", "analytics",
                 "s3:GetAnalyticsConfiguration", kNoConfiguration)),
    read(kBucket, "ListBucketAnalyticsConfigurations", "analytics", "s3:GetAnalyticsConfiguration",
         h::list_none<h::EmptyList::kAnalytics>),
    with_id(removal(kBucket, "DeleteBucketAnalyticsConfiguration", "analytics",
                    "s3:PutAnalyticsConfiguration", kNoConfiguration)),
    with_id(read(kBucket, "GetBucketMetricsConfiguration", "metrics", "s3:GetMetricsConfiguration",
                 kNoConfiguration)),
    read(kBucket, "ListBucketMetricsConfigurations", "metrics", "s3:GetMetricsConfiguration",
         h::list_none<h::EmptyList::kMetrics>),
    with_id(removal(kBucket, "DeleteBucketMetricsConfiguration", "metrics",
                    "s3:PutMetricsConfiguration", kNoConfiguration)),
    with_id(read(kBucket, "GetBucketIntelligentTieringConfiguration", "intelligent-tiering",
                 "s3:GetIntelligentTieringConfiguration", kNoConfiguration)),
    read(kBucket, "ListBucketIntelligentTieringConfigurations", "intelligent-tiering",
         "s3:GetIntelligentTieringConfiguration", h::list_none<h::EmptyList::kIntelligentTiering>),
    with_id(removal(kBucket, "DeleteBucketIntelligentTieringConfiguration", "intelligent-tiering",
                    "s3:PutIntelligentTieringConfiguration", kNoConfiguration)),

    open(
        read(kObject, "GetObjectTagging", "tagging", "s3:GetObjectTagging", h::get_object_tagging)),
    open(with_document(change(kObject, "PutObjectTagging", "tagging", "s3:PutObjectTagging",
                              h::put_object_tagging))),
    open(removal(kObject, "DeleteObjectTagging", "tagging", "s3:DeleteObjectTagging",
                 h::delete_object_tagging)),
    read(kObject, "GetObjectRetention", "retention", "s3:GetObjectRetention",
         h::get_object_retention),
    with_document(change(kObject, "PutObjectRetention", "retention", "s3:PutObjectRetention",
                         h::put_object_retention)),
    read(kObject, "GetObjectLegalHold", "legal-hold", "s3:GetObjectLegalHold",
         h::get_object_legal_hold),
    with_document(change(kObject, "PutObjectLegalHold", "legal-hold", "s3:PutObjectLegalHold",
                         h::put_object_legal_hold)),
};

}  // namespace cairn::s3::config_routes
