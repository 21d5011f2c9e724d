// RestoreObject. Every class is read at once here, so that there is nothing to restore: of an
// object in an archive class S3's answer is that of one that is restored already, and of any other
// that it needs none (S3.md 2.3; docs/storage-classes.md).
#include <optional>
#include <string>

#include "s3/handlers.h"
#include "s3/storage_classes.h"
#include "s3/xml_tree.h"

namespace cairn::s3::handlers {
namespace {

constexpr size_t kRestoreBodyBytesMax = 64 * 1024;

// What the request asks for is checked as far as S3 does before it begins.
S3Status check_restore_request(std::string_view body) {
  const S3Result<XmlElement> root = parse_xml_tree(body, "RestoreRequest", kRestoreBodyBytesMax);
  if (!root) return std::unexpected(root.error());
  for (const XmlElement& child : root->children) {
    if (child.name == "Days" && child.number().value_or(0) < 1) return malformed_xml();
    if (child.name == "Type") {
      return s3_fail(S3Code::kNotImplemented, "SELECT over an archived object is not implemented.");
    }
  }
  return {};
}

}  // namespace

Reply restore_object(Call& call) {
  co_await or_fail(check_restore_request(call.document));
  Result<object::ObjectInfo> found =
      co_await call.objects().head(call.bucket, call.target.key, call.version_id());
  const object::ObjectInfo info = co_await or_fail(translated(call, std::move(found)));
  const std::string_view storage_class = shown_storage_class(info.metadata.storage_class);
  if (!is_archive_class(storage_class)) {
    co_return s3_fail(S3Code::kInvalidObjectState,
                      "Restore is not allowed for the object's current storage class",
                      {{"StorageClass", std::string(storage_class)}});
  }
  co_return co_await call.respond_empty(200);
}

}  // namespace cairn::s3::handlers
