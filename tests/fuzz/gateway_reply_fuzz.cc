// What an upstream or a damaged catalog may say: answers that are rewritten, and the document of a
// gateway bucket. Whatever is taken is well-formed, and names nothing outside the prefix.
#include <cstdlib>

#include "base/bytes.h"
#include "gateway/limits.h"
#include "gateway/rewrite.h"
#include "gateway/settings.h"
#include "s3/xml_tree.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  const std::string_view text = as_text(BytesView(data, size));
  const gateway::Names names{
      .bucket = "ours", .prefix = "p/", .owner_id = "us", .owner_name = "root", .location = "l"};
  for (const std::string_view root :
       {"ListBucketResult", "ListVersionsResult", "ListPartsResult"}) {
    const Result<std::string> done = gateway::rewrite_reply(text, root, names);
    if (done && !s3::parse_xml_tree(*done, root, 4 * gateway::kReplyBytesMax)) std::abort();
  }
  const Result<gateway::Settings> settings = gateway::parse_settings(text);
  if (!settings) return 0;
  // What was read is written so that it is read alike.
  const std::string written = gateway::write_settings(*settings);
  const Result<gateway::Settings> again = gateway::parse_settings(written);
  if (!again || gateway::write_settings(*again) != written) std::abort();
  return 0;
}
