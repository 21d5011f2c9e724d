// Handlers of the documents that configure a bucket: one table row says how a kind of document is
// read, stored and told; three handlers serve all kinds. Kinds that change more than a document
// (versioning, object lock) or ask the store (logging) have handlers of their own.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "s3/config_kinds.h"
#include "s3/events.h"
#include "s3/handlers.h"

namespace cairn::s3 {

// A kind of document. All members are constants.
struct DocumentKind {
  std::string_view name;  // In BucketConfig::documents.
  // The stored text of the body in call.document; empty = the document is unset.
  S3Result<std::string> (*canonical)(const Call& call) = nullptr;
  // What GET answers when it is unset: this error, or (with kCount) the text of `unset_text`.
  S3Code unset = S3Code::kCount;
  std::string (*unset_text)() = nullptr;
  int put_status = 200;  // 204 for what AWS answers so.
  // What else a new document brings about, once it is stored.
  io::Task<S3Status> (*after_put)(const Call& call, std::string text) = nullptr;
};

namespace kind {
S3Result<std::string> canonical_accelerate(const Call& call);
S3Result<std::string> canonical_cors(const Call& call);
S3Result<std::string> canonical_encryption(const Call& call);
S3Result<std::string> canonical_notification(const Call& call);
S3Result<std::string> canonical_request_payment(const Call& call);
S3Result<std::string> canonical_tagging(const Call& call);
S3Result<std::string> canonical_website(const Call& call);
std::string unset_accelerate();
std::string unset_logging();
std::string unset_notification();
std::string unset_request_payment();

inline constexpr DocumentKind kAccelerate{.name = document::kAccelerate,
                                          .canonical = canonical_accelerate,
                                          .unset_text = unset_accelerate};
inline constexpr DocumentKind kCors{.name = document::kCors,
                                    .canonical = canonical_cors,
                                    .unset = S3Code::kNoSuchCORSConfiguration};
inline constexpr DocumentKind kEncryption{
    .name = document::kEncryption,
    .canonical = canonical_encryption,
    .unset = S3Code::kServerSideEncryptionConfigurationNotFoundError};
// Put by put_lifecycle and put_logging, which do more.
inline constexpr DocumentKind kLifecycle{.name = document::kLifecycle,
                                         .unset = S3Code::kNoSuchLifecycleConfiguration};
inline constexpr DocumentKind kLogging{.name = document::kLogging, .unset_text = unset_logging};
inline constexpr DocumentKind kNotification{.name = document::kNotification,
                                            .canonical = canonical_notification,
                                            .unset_text = unset_notification,
                                            .after_put = send_test_events};
inline constexpr DocumentKind kRequestPayment{.name = document::kRequestPayment,
                                              .canonical = canonical_request_payment,
                                              .unset_text = unset_request_payment};
inline constexpr DocumentKind kTagging{.name = document::kTagging,
                                       .canonical = canonical_tagging,
                                       .unset = S3Code::kNoSuchTagSet,
                                       .put_status = 204};
inline constexpr DocumentKind kWebsite{.name = document::kWebsite,
                                       .canonical = canonical_website,
                                       .unset = S3Code::kNoSuchWebsiteConfiguration};
}  // namespace kind

// Changes the configuration of the call's bucket atomically. An error of `change` is the call's,
// and then nothing changes. `change` may run more than once.
io::Task<S3Status> change_bucket_config(
    Call& call, std::function<S3Status(object::BucketConfig& config)> change);

namespace handlers {

Reply get_document(Call& call, const DocumentKind& kind);
Reply put_document(Call& call, const DocumentKind& kind);
Reply delete_document(Call& call, const DocumentKind& kind);

template <const DocumentKind& kKind>
Reply get_document(Call& call) {
  return get_document(call, kKind);
}
template <const DocumentKind& kKind>
Reply put_document(Call& call) {
  return put_document(call, kKind);
}
template <const DocumentKind& kKind>
Reply delete_document(Call& call) {
  return delete_document(call, kKind);
}

Reply get_lifecycle(Call& call);
Reply put_lifecycle(Call& call);
Reply delete_lifecycle(Call& call);
Reply put_logging(Call& call);
Reply get_versioning(Call& call);
Reply put_versioning(Call& call);
Reply get_object_lock_configuration(Call& call);
Reply put_object_lock_configuration(Call& call);

// Configurations that are never set here. Listing them tells that there are none; deleting what is
// not there is 204, or 404 where AWS says so.
enum class EmptyList : uint8_t { kInventory, kAnalytics, kMetrics, kIntelligentTiering };
Reply list_none(Call& call, EmptyList list);
template <EmptyList kList>
Reply list_none(Call& call) {
  return list_none(call, kList);
}
Reply delete_nothing(Call& call);

}  // namespace handlers
}  // namespace cairn::s3
