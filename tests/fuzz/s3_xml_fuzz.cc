// Invariants: no body makes a parser exceed its bounds; every text that is written comes back from
// an XML parser; nothing with a DOCTYPE is accepted.
#include <pugixml.hpp>
#include <string>

#include "base/assert.h"
#include "s3/uri.h"
#include "s3/xml_reader.h"
#include "s3/xml_writer.h"

using namespace cairn;
using namespace cairn::s3;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text({data, size});
  const S3Result<DeleteRequest> removal = parse_delete(text);
  if (removal) {
    ASSERT(!removal->objects.empty() && removal->objects.size() <= kDeleteKeysMax);
    for (const DeleteEntry& entry : removal->objects) {
      ASSERT(!entry.key.empty() && is_valid_utf8(entry.key));
    }
  }
  const S3Result<CompleteRequest> complete = parse_complete(text);
  if (complete) ASSERT(!complete->parts.empty() && complete->parts.size() <= kCompletePartsMax);
  static_cast<void>(parse_create_bucket(text));
  if (text.starts_with("<!DOCTYPE")) ASSERT(!removal && !complete);

  std::string written = "<a>";
  append_xml_escaped(written, text);
  written += "</a>";
  pugi::xml_document document;
  ASSERT(document.load_buffer(written.data(), written.size(),
                              pugi::parse_default | pugi::parse_ws_pcdata_single,
                              pugi::encoding_utf8));
  if (is_valid_utf8(text) && text.find('\0') == std::string_view::npos) {
    ASSERT(document.document_element().text().get() == std::string(text));
  }
  return 0;
}
