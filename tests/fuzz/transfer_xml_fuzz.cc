// Invariants: no answer of a server makes a parser exceed its bounds; a list that goes on says
// where.
#include "base/assert.h"
#include "transfer/xml_replies.h"

using namespace cairn;
using namespace cairn::transfer;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text({data, size});
  if (const auto page = parse_list_page(text)) {
    ASSERT(page->objects.size() <= kReplyEntriesMax && page->prefixes.size() <= kReplyEntriesMax);
  }
  if (const auto page = parse_version_page(text)) {
    ASSERT(page->versions.size() <= kReplyEntriesMax);
  }
  if (const auto id = parse_upload_id(text)) ASSERT(!id->empty());
  static_cast<void>(parse_buckets(text));
  static_cast<void>(parse_parts_page(text));
  static_cast<void>(parse_uploads_page(text));
  static_cast<void>(parse_result_etag(text));
  static_cast<void>(parse_delete_result(text));
  if (const auto tags = parse_tagging(text)) ASSERT(tags->size() <= kTagsMax);
  const ErrorReply told = parse_error_reply(text);
  if (!is_error_reply(text)) ASSERT(told.code.empty());
  ASSERT(told.details.size() <= kErrorDetailsMax);
  return 0;
}
