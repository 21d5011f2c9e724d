// Headers of objects, both ways: what a write stores, and what a read gives back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "object/objects.h"
#include "s3/call.h"
#include "s3/checksum_headers.h"
#include "s3/config_tagging.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {

inline constexpr size_t kUserMetadataBytesMax = 2048;
inline constexpr size_t kWebsiteRedirectBytesMax = 2048;

// Content-*, Cache-Control, Expires, x-amz-meta-*, storage class, website redirect and tags of a
// write. Errors: MetadataTooLarge, InvalidStorageClass, InvalidTag.
S3Result<object::ObjectMetadata> parse_metadata(const Call& call);
// x-amz-storage-class; empty for STANDARD.
S3Result<std::string> parse_storage_class(const Call& call);

// Validators and everything stored: ETag, Last-Modified, Content-Type, x-amz-meta-*, ... ; with
// `overrides`, response-content-type and its siblings win.
void add_object_headers(http::ResponseHead& head, const Call& call, const object::ObjectInfo& info,
                        bool overrides);
// ETag, Last-Modified, Cache-Control, Expires, version: the head of a 304.
void add_validators(http::ResponseHead& head, const object::ObjectInfo& info);
void add_etag(http::ResponseHead& head, std::string_view etag);
// x-amz-expiration, where a lifecycle rule of the call's bucket will remove the version.
void add_expiration(http::ResponseHead& head, const Call& call, const object::ObjectInfo& info);
// x-amz-abort-date and x-amz-abort-rule-id, where one will abort the upload.
void add_abort_date(http::ResponseHead& head, const Call& call, const object::UploadInfo& upload);
// x-amz-checksum-<alg> and x-amz-checksum-type.
void add_checksum(http::ResponseHead& head, const object::ObjectChecksum& checksum);

// <tag><ID/><DisplayName/></tag>
void write_owner(XmlWriter& xml, std::string_view tag, const Owner& owner);
// <ChecksumCRC32>...</ChecksumCRC32> and, when asked, <ChecksumType>.
void write_checksum(XmlWriter& xml, const object::ObjectChecksum& checksum, bool with_type);
std::string_view checksum_type_name(object::ChecksumType type);

}  // namespace cairn::s3
