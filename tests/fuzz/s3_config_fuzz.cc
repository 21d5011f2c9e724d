// Invariants, for every kind of configuration document: no body breaks a parser or its bounds, and
// what was accepted is written as a document that is accepted again and written the same.
#include <string>

#include "base/assert.h"
#include "s3/config_cors.h"
#include "s3/config_encryption.h"
#include "s3/config_lifecycle.h"
#include "s3/config_logging.h"
#include "s3/config_notification.h"
#include "s3/config_object_lock.h"
#include "s3/config_tagging.h"
#include "s3/config_versioning.h"
#include "s3/config_website.h"
#include "s3/lifecycle_rules.h"

using namespace cairn;
using namespace cairn::s3;

namespace {

// `parse` and `write` of one kind of document.
template <typename Parse, typename Write>
void check(std::string_view body, Parse parse, Write write) {
  const auto first = parse(body);
  if (!first) {
    ASSERT(!first.error().text().empty());
    return;
  }
  const std::string written = write(*first);
  const auto again = parse(written);
  ASSERT(again);
  ASSERT(write(*again) == written);
}

void check_cors(std::string_view body) {
  check(body, parse_cors, write_cors);
  const auto rules = parse_cors(body);
  if (!rules) return;
  ASSERT(rules->size() <= kCorsRulesMax);
  static_cast<void>(match_cors(*rules, {body.substr(0, 20), "GET", body}));
}

void check_lifecycle(std::string_view body) {
  check(body, parse_lifecycle, write_lifecycle);
  const auto rules = parse_lifecycle(body);
  if (!rules) return;
  LifecycleVersion version;
  version.key = body.substr(0, 8);
  const auto decision = next_expiration(*rules, version, kLifecycleDayMs);
  if (decision.rule != nullptr) ASSERT(!expiration_header(decision).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text({data, size});
  for (const TagOwner owner : {TagOwner::kBucket, TagOwner::kObject}) {
    check(text, [&](std::string_view body) { return parse_tagging(body, owner); }, write_tagging);
  }
  static_cast<void>(parse_tagging_header(text));
  check_cors(text);
  check_lifecycle(text);
  check(text, parse_versioning, write_versioning);
  check(text, parse_request_payment, write_request_payment);
  check(text, parse_accelerate, write_accelerate);
  check(text, parse_encryption, write_encryption);
  check(text, parse_logging, write_logging);
  check(text, parse_website, write_website);
  check(text, parse_object_lock, write_object_lock);
  check(text, parse_legal_hold, write_legal_hold);
  const auto notification = [](std::string_view body) {
    return parse_notification(body, [](std::string_view name) { return name.size() % 2 == 0; });
  };
  check(text, notification, write_notification);
  static_cast<void>(parse_retention(text, WallTime{0}));
  return 0;
}
