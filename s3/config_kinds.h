// The kinds of documents that a BucketCache keeps parsed. Documents are stored as these parsers
// accept them, so one that does not parse was damaged or written by a newer server: it counts as
// unset, and is logged.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "s3/bucket_cache.h"
#include "s3/config_cors.h"
#include "s3/config_encryption.h"
#include "s3/config_lifecycle.h"
#include "s3/config_logging.h"
#include "s3/config_notification.h"
#include "s3/config_object_lock.h"
#include "s3/config_website.h"

namespace cairn::s3 {

// Names of documents in BucketConfig::documents: the sub-resources of S3.
namespace document {
inline constexpr std::string_view kAccelerate = "accelerate";
inline constexpr std::string_view kCors = "cors";
inline constexpr std::string_view kEncryption = "encryption";
inline constexpr std::string_view kLifecycle = "lifecycle";
inline constexpr std::string_view kLogging = "logging";
inline constexpr std::string_view kNotification = "notification";
inline constexpr std::string_view kObjectLock = "object-lock";
inline constexpr std::string_view kRequestPayment = "requestPayment";
inline constexpr std::string_view kTagging = "tagging";
inline constexpr std::string_view kWebsite = "website";
// x-amz-transition-default-minimum-object-size of the lifecycle configuration; the header's text.
inline constexpr std::string_view kTransitionSize = "lifecycle-transition-size";
}  // namespace document

namespace detail {
template <typename T>
std::shared_ptr<const T> parsed_or_null(S3Result<T> parsed, std::string_view document) {
  if (parsed) return std::make_shared<const T>(std::move(*parsed));
  log::error("bucket-document-unreadable",
             {{"document", document}, {"message", parsed.error().text()}});
  return nullptr;
}
}  // namespace detail

struct CorsKind {
  static constexpr std::string_view kDocument = document::kCors;
  using Parsed = CorsRules;
  static std::shared_ptr<const Parsed> parse(const std::string& text) {
    return detail::parsed_or_null(parse_cors(text), kDocument);
  }
};

struct EncryptionKind {
  static constexpr std::string_view kDocument = document::kEncryption;
  using Parsed = EncryptionConfig;
  static std::shared_ptr<const Parsed> parse(const std::string& text) {
    return detail::parsed_or_null(parse_encryption(text), kDocument);
  }
};

struct LifecycleKind {
  static constexpr std::string_view kDocument = document::kLifecycle;
  using Parsed = LifecycleRules;
  static std::shared_ptr<const Parsed> parse(const std::string& text) {
    return detail::parsed_or_null(parse_lifecycle(text), kDocument);
  }
};

struct LoggingKind {
  static constexpr std::string_view kDocument = document::kLogging;
  using Parsed = std::optional<LoggingTarget>;
  static std::shared_ptr<const Parsed> parse(const std::string& text) {
    return detail::parsed_or_null(parse_logging(text), kDocument);
  }
};

// Targets were checked when the rules were put; one that was taken from the server's settings since
// is the deliverer's business.
struct NotificationsKind {
  static constexpr std::string_view kDocument = document::kNotification;
  using Parsed = NotificationRules;
  static std::shared_ptr<const Parsed> parse(const std::string& text) {
    return detail::parsed_or_null(parse_notification(text, [](std::string_view) { return true; }),
                                  kDocument);
  }
};

struct ObjectLockKind {
  static constexpr std::string_view kDocument = document::kObjectLock;
  using Parsed = ObjectLockConfig;
  static std::shared_ptr<const Parsed> parse(const std::string& text) {
    return detail::parsed_or_null(parse_object_lock(text), kDocument);
  }
};

struct WebsiteKind {
  static constexpr std::string_view kDocument = document::kWebsite;
  using Parsed = WebsiteConfig;
  static std::shared_ptr<const Parsed> parse(const std::string& text) {
    return detail::parsed_or_null(parse_website(text), kDocument);
  }
};

}  // namespace cairn::s3
