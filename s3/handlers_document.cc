#include "s3/handlers_document.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "s3/config_versioning.h"
#include "s3/storage_classes.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

// A parsed body as it is stored; the error of one that did not parse.
template <typename T, typename Write>
S3Result<std::string> written(const S3Result<T>& parsed, Write write) {
  if (!parsed) return std::unexpected(parsed.error());
  return write(*parsed);
}

std::string empty_root(std::string_view root) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.empty_root(root);
  return body;
}

}  // namespace

namespace kind {

S3Result<std::string> canonical_accelerate(const Call& call) {
  // Accelerated endpoints are sub-domains, whose certificates do not cover dots.
  if (call.bucket.name.contains('.')) {
    return s3_fail(S3Code::kInvalidRequest,
                   "S3 Transfer Acceleration is not supported for buckets with periods (.) in "
                   "their names");
  }
  return written(parse_accelerate(call.document), write_accelerate);
}

S3Result<std::string> canonical_cors(const Call& call) {
  return written(parse_cors(call.document), write_cors);
}

S3Result<std::string> canonical_encryption(const Call& call) {
  return written(parse_encryption(call.document), write_encryption);
}

S3Result<std::string> canonical_notification(const Call& call) {
  const std::vector<std::string>* const webhooks = call.context.webhooks;
  const S3Result<NotificationRules> rules =
      parse_notification(call.document, [&](std::string_view name) {
        return webhooks != nullptr && std::ranges::find(*webhooks, name) != webhooks->end();
      });
  if (rules && rules->empty()) return std::string();
  return written(rules, write_notification);
}

S3Result<std::string> canonical_request_payment(const Call& call) {
  return written(parse_request_payment(call.document), write_request_payment);
}

S3Result<std::string> canonical_tagging(const Call& call) {
  return written(parse_tagging(call.document, TagOwner::kBucket), write_tagging);
}

S3Result<std::string> canonical_website(const Call& call) {
  return written(parse_website(call.document), write_website);
}

std::string unset_accelerate() {
  return empty_root("AccelerateConfiguration");
}

std::string unset_logging() {
  return empty_root("BucketLoggingStatus");
}

std::string unset_notification() {
  return empty_root("NotificationConfiguration");
}

std::string unset_request_payment() {
  return write_request_payment(Payer::kBucketOwner);
}

}  // namespace kind

io::Task<S3Status> change_bucket_config(
    Call& call, std::function<S3Status(object::BucketConfig& config)> change) {
  // Shared: the change may run on the thread of the commit.
  auto refusal = std::make_shared<std::optional<S3Error>>();
  const auto apply = [refusal, change = std::move(change)](object::BucketConfig& config) -> Status {
    refusal->reset();
    S3Status changed = change(config);
    if (changed) return {};
    *refusal = std::move(changed.error());
    return fail(Code::kFailedPrecondition, "refused by the door");
  };
  Result<object::BucketInfo> done =
      co_await call.objects().change_bucket(call.bucket.tenant, call.bucket.name, apply);
  if (!done && *refusal) co_return std::unexpected(std::move(**refusal));
  call.bucket = co_await or_fail(translated(call, std::move(done)));
  co_return S3Status();
}

namespace handlers {
namespace {

void set_document(object::BucketConfig& config, std::string_view name, const std::string& text) {
  if (!text.empty()) {
    config.documents.insert_or_assign(std::string(name), text);
    return;
  }
  const auto found = config.documents.find(name);
  if (found != config.documents.end()) config.documents.erase(found);
}

}  // namespace

Reply get_document(Call& call, const DocumentKind& kind) {
  const std::string* const text = call.bucket.config->document(kind.name);
  if (text != nullptr) co_return co_await call.respond_xml(*text);
  if (kind.unset_text == nullptr) co_return co_await unset(call, kind.unset);
  co_return co_await call.respond_xml(kind.unset_text());
}

Reply put_document(Call& call, const DocumentKind& kind) {
  std::string text = co_await or_fail(kind.canonical(call));
  const auto change = [name = kind.name, text](object::BucketConfig& config) {
    set_document(config, name, text);
    return S3Status();
  };
  const S3Status changed = co_await change_bucket_config(call, change);
  if (!changed) co_return std::unexpected(changed.error());
  if (kind.after_put != nullptr && !text.empty()) {
    const S3Status done = co_await kind.after_put(call, std::move(text));
    if (!done) co_return std::unexpected(done.error());
  }
  co_return co_await call.respond_empty(kind.put_status);
}

Reply delete_document(Call& call, const DocumentKind& kind) {
  if (call.bucket.config->document(kind.name) != nullptr) {
    const auto change = [name = kind.name](object::BucketConfig& config) {
      set_document(config, name, {});
      return S3Status();
    };
    const S3Status changed = co_await change_bucket_config(call, change);
    if (!changed) co_return std::unexpected(changed.error());
  }
  co_return co_await call.respond_empty(204);
}

namespace {

constexpr std::string_view kTransitionSizeHeader = "x-amz-transition-default-minimum-object-size";

S3Result<std::string> parse_transition_size(const Call& call) {
  const std::string_view given = call.header(kTransitionSizeHeader).value_or("");
  // Kept also where it is S3's default: who asks for it has it, however long a day is.
  if (given.empty() || given == kMinimumAllClasses || given == kMinimumVaries) {
    return std::string(given);
  }
  return invalid_argument("Invalid minimum object size of transitions.", kTransitionSizeHeader,
                          given);
}

// A class that is none of S3's has to be one that a placement takes.
S3Status check_own_classes(const Call& call, const LifecycleRules& rules) {
  for (const LifecycleRule& rule : rules) {
    for (const auto* const transitions : {&rule.transitions, &rule.noncurrent_transitions}) {
      for (const LifecycleTransition& transition : *transitions) {
        const std::string& name = transition.storage_class;
        const bool is_there = is_storage_class(name) || call.objects().placements().for_class(name);
        if (!is_there) return s3_fail(S3Code::kMalformedXML);
      }
    }
  }
  return {};
}

http::ResponseHead lifecycle_head(const Call& call) {
  http::ResponseHead head = call.make_head(200);
  const std::string* const size = call.bucket.config->document(document::kTransitionSize);
  head.add(kTransitionSizeHeader, size != nullptr ? std::string_view(*size) : kMinimumAllClasses);
  return head;
}

}  // namespace

Reply get_lifecycle(Call& call) {
  const std::string* const text = call.bucket.config->document(document::kLifecycle);
  if (text == nullptr) co_return co_await unset(call, S3Code::kNoSuchLifecycleConfiguration);
  http::ResponseHead head = lifecycle_head(call);
  co_return co_await call.respond_xml(std::move(head), *text);
}

Reply put_lifecycle(Call& call) {
  const LifecycleRules rules = co_await or_fail(parse_lifecycle(call.document));
  co_await or_fail(check_own_classes(call, rules));
  std::string size = co_await or_fail(parse_transition_size(call));
  const auto change = [text = write_lifecycle(rules),
                       size = std::move(size)](object::BucketConfig& config) {
    set_document(config, document::kLifecycle, text);
    set_document(config, document::kTransitionSize, size);
    return S3Status();
  };
  const S3Status changed = co_await change_bucket_config(call, change);
  if (!changed) co_return std::unexpected(changed.error());
  const http::ResponseHead head = lifecycle_head(call);
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return S3Status();
}

Reply delete_lifecycle(Call& call) {
  const auto change = [](object::BucketConfig& config) {
    set_document(config, document::kLifecycle, {});
    set_document(config, document::kTransitionSize, {});
    return S3Status();
  };
  const S3Status changed = co_await change_bucket_config(call, change);
  if (!changed) co_return std::unexpected(changed.error());
  co_return co_await call.respond_empty(204);
}

Reply put_logging(Call& call) {
  const std::optional<LoggingTarget> target = co_await or_fail(parse_logging(call.document));
  if (target) {
    const Result<object::BucketInfo> found = co_await call.find_bucket(target->bucket);
    if (!found || found->tenant != call.bucket.tenant) {
      const std::string_view why =
          found ? "The owner for the bucket to be logged and the target bucket must be the same."
                : "The target bucket for logging does not exist";
      co_return s3_fail(S3Code::kInvalidTargetBucketForLogging, std::string(why),
                        {{"TargetBucket", target->bucket}});
    }
  }
  const auto change = [text = target ? write_logging(target)
                                     : std::string()](object::BucketConfig& config) {
    set_document(config, document::kLogging, text);
    return S3Status();
  };
  const S3Status changed = co_await change_bucket_config(call, change);
  if (!changed) co_return std::unexpected(changed.error());
  co_return co_await call.respond_empty(200);
}

Reply get_versioning(Call& call) {
  co_return co_await call.respond_xml(write_versioning(call.bucket.config->versioning));
}

Reply put_versioning(Call& call) {
  if (call.header("x-amz-mfa")) {
    co_return s3_fail(S3Code::kNotImplemented, "MFA delete is not implemented.",
                      {{"Header", "x-amz-mfa"}});
  }
  const object::Versioning wanted = co_await or_fail(parse_versioning(call.document));
  const auto change = [wanted](object::BucketConfig& config) -> S3Status {
    if (config.object_lock && wanted != object::Versioning::kEnabled) {
      return s3_fail(S3Code::kInvalidBucketState,
                     "An Object Lock configuration is present on this bucket, so the versioning "
                     "state cannot be changed.");
    }
    config.versioning = wanted;
    return {};
  };
  const S3Status changed = co_await change_bucket_config(call, change);
  if (!changed) co_return std::unexpected(changed.error());
  co_return co_await call.respond_empty(200);
}

Reply get_object_lock_configuration(Call& call) {
  if (!call.bucket.config->object_lock) {
    co_return co_await unset(call, S3Code::kObjectLockConfigurationNotFoundError);
  }
  const std::string* const text = call.bucket.config->document(document::kObjectLock);
  co_return co_await call.respond_xml(text != nullptr ? *text : write_object_lock({}));
}

Reply put_object_lock_configuration(Call& call) {
  const ObjectLockConfig wanted = co_await or_fail(parse_object_lock(call.document));
  const auto change = [text = write_object_lock(wanted)](object::BucketConfig& config) -> S3Status {
    if (config.versioning != object::Versioning::kEnabled) {
      return s3_fail(S3Code::kInvalidBucketState,
                     "Versioning must be 'Enabled' on the bucket to apply a Object Lock "
                     "configuration");
    }
    config.object_lock = true;
    set_document(config, document::kObjectLock, text);
    return {};
  };
  const S3Status changed = co_await change_bucket_config(call, change);
  if (!changed) co_return std::unexpected(changed.error());
  co_return co_await call.respond_empty(200);
}

Reply list_none(Call& call, EmptyList list) {
  static constexpr std::string_view kRoots[] = {
      "ListInventoryConfigurationsResult", "ListBucketAnalyticsConfigurationResult",
      "ListMetricsConfigurationsResult", "ListBucketIntelligentTieringConfigurationsOutput"};
  const std::string_view root = kRoots[static_cast<size_t>(list)];
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root(root);
  xml.element("IsTruncated", false);
  xml.close(root);
  co_return co_await call.respond_xml(std::move(body));
}

Reply delete_nothing(Call& call) {
  co_return co_await call.respond_empty(204);
}

}  // namespace handlers
}  // namespace cairn::s3
