// The serialised form of the records: the only file of object/ that sees protobuf.
#include <algorithm>
#include <utility>

#include "object/limits.h"
#include "object/records.h"
#include "proto/metadata.pb.h"

namespace cairn::object {
namespace {

constexpr size_t kExtentBytes = 44;

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::kCorruption, std::string("the record of ")
                                     .append(what)
                                     .append(" does not parse: run `cairn admin scrub`"));
}

template <typename Message>
bool parse_message(Message& message, BytesView bytes) {
  return bytes.size() <= kManifestBytesMax &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

std::string text_of(BytesView bytes) {
  return std::string(as_text(bytes));
}
Bytes bytes_of(const std::string& text) {
  const BytesView view = as_bytes(text);
  return Bytes(view.begin(), view.end());
}

std::string encode_owner(const OwnerId& owner) {
  return text_of(owner.bytes);
}
bool parse_owner(const std::string& text, OwnerId& out) {
  if (text.size() != out.bytes.size()) return false;
  std::ranges::copy(as_bytes(text), out.bytes.begin());
  return true;
}

bool known_digest(uint32_t kind, size_t value_bytes) {
  if (kind > static_cast<uint32_t>(DigestKind::kXxh3_128)) return false;
  return crypto::digest_size(static_cast<DigestKind>(kind)) == value_bytes;
}

void put_checksum(const std::optional<ObjectChecksum>& checksum, proto::Checksum* out) {
  if (!checksum) return;
  out->mutable_digest()->set_kind(static_cast<uint32_t>(checksum->kind));
  out->mutable_digest()->set_value(text_of(checksum->value.view()));
  out->set_type(static_cast<uint32_t>(checksum->type));
  out->set_parts_count(checksum->parts_count);
}
bool take_checksum(const proto::Checksum& in, std::optional<ObjectChecksum>& out) {
  if (!known_digest(in.digest().kind(), in.digest().value().size()) || in.type() > 1) return false;
  out.emplace();
  out->kind = static_cast<DigestKind>(in.digest().kind());
  out->type = static_cast<ChecksumType>(in.type());
  out->value = DigestValue(as_bytes(in.digest().value()));
  out->parts_count = in.parts_count();
  return true;
}

// Most fields are empty, and setting one to nothing allocates.
proto::Metadata to_proto(const ObjectMetadata& in) {
  proto::Metadata out;
  if (!in.content_type.empty()) out.set_content_type(in.content_type);
  if (!in.cache_control.empty()) out.set_cache_control(in.cache_control);
  if (!in.content_disposition.empty()) out.set_content_disposition(in.content_disposition);
  if (!in.content_encoding.empty()) out.set_content_encoding(in.content_encoding);
  if (!in.content_language.empty()) out.set_content_language(in.content_language);
  if (!in.expires.empty()) out.set_expires(in.expires);
  if (!in.website_redirect.empty()) out.set_website_redirect(in.website_redirect);
  if (!in.storage_class.empty()) out.set_storage_class(in.storage_class);
  for (const auto& [name, value] : in.user) {
    proto::Tag* entry = out.add_user();
    entry->set_key(name);
    entry->set_value(value);
  }
  for (const auto& [name, value] : in.tags) {
    proto::Tag* entry = out.add_tags();
    entry->set_key(name);
    entry->set_value(value);
  }
  return out;
}
ObjectMetadata from_proto(const proto::Metadata& in) {
  ObjectMetadata out;
  out.content_type = in.content_type();
  out.cache_control = in.cache_control();
  out.content_disposition = in.content_disposition();
  out.content_encoding = in.content_encoding();
  out.content_language = in.content_language();
  out.expires = in.expires();
  out.website_redirect = in.website_redirect();
  out.storage_class = in.storage_class();
  for (const proto::Tag& entry : in.user()) out.user.emplace(entry.key(), entry.value());
  for (const proto::Tag& entry : in.tags()) out.tags.emplace_back(entry.key(), entry.value());
  return out;
}

void put_lock(const ObjectLock& lock, proto::Lock* out) {
  out->set_mode(static_cast<uint32_t>(lock.mode));
  out->set_retain_until_unix_ms(lock.retain_until.unix_ms);
  out->set_legal_hold(lock.legal_hold);
  out->set_legal_hold_was_set(lock.legal_hold_was_set);
}
bool take_lock(const proto::Lock& in, ObjectLock& out) {
  if (in.mode() > static_cast<uint32_t>(LockMode::kCompliance)) return false;
  out.mode = static_cast<LockMode>(in.mode());
  out.retain_until.unix_ms = in.retain_until_unix_ms();
  out.legal_hold = in.legal_hold();
  out.legal_hold_was_set = in.legal_hold_was_set();
  return true;
}

// What listings show.
bool take_listed(const proto::Object& in, ObjectInfo& out) {
  out.size_bytes = in.size_bytes();
  out.etag = in.etag();
  out.modified.unix_ms = in.modified_unix_ms();
  out.is_delete_marker = in.is_delete_marker();
  out.parts_count = in.parts_count();
  out.metadata.storage_class = in.storage_class();
  if (in.has_checksum() && !take_checksum(in.checksum(), out.checksum)) return false;
  if (in.has_lock() && !take_lock(in.lock(), out.lock)) return false;
  out.acl = in.acl();
  out.sse = in.sse();
  if (!in.origin().empty()) out.origin = in.origin();
  out.changed.unix_ms = in.changed_unix_ms();
  if (in.order() == 0) return true;
  OwnerId owner;
  if (!parse_owner(in.owner_id(), owner)) return false;
  out.version_id = version_id_of(in.order(), in.is_null(), owner);
  return true;
}

std::string encode_extents(const std::vector<Extent>& extents) {
  std::string out(extents.size() * kExtentBytes, '\0');
  auto* at = reinterpret_cast<uint8_t*>(out.data());
  for (const Extent& extent : extents) {
    std::ranges::copy(extent.chunk.bytes, at);
    store_le(at + 32, extent.chunk_bytes);
    store_le(at + 36, extent.offset_bytes);
    store_le(at + 40, extent.size_bytes);
    at += kExtentBytes;
  }
  return out;
}
bool parse_extents(const std::string& text, std::vector<Extent>& out) {
  if (text.size() % kExtentBytes != 0) return false;
  out.resize(text.size() / kExtentBytes);
  const uint8_t* at = as_bytes(text).data();
  for (Extent& extent : out) {
    std::copy_n(at, extent.chunk.bytes.size(), extent.chunk.bytes.begin());
    extent.chunk_bytes = load_le<uint32_t>(at + 32);
    extent.offset_bytes = load_le<uint32_t>(at + 36);
    extent.size_bytes = load_le<uint32_t>(at + 40);
    at += kExtentBytes;
    const ByteRange range{extent.offset_bytes, extent.size_bytes};
    if (extent.size_bytes == 0 || extent.chunk_bytes > crypto::kChunkBytesMax ||
        !range.inside(extent.chunk_bytes)) {
      return false;
    }
  }
  return true;
}

void put_manifest_part(const ManifestPart& part, proto::ManifestPart* out) {
  out->set_number(part.info.number);
  out->set_size_bytes(part.info.size_bytes);
  out->set_etag(part.info.etag);
  if (part.info.checksum) put_checksum(part.info.checksum, out->mutable_checksum());
  out->set_modified_unix_ms(part.info.modified.unix_ms);
  out->set_owner_id(encode_owner(part.owner));
  out->set_extents_count(part.extents_count);
  out->set_sha256(text_of(part.sha256));
}
bool take_manifest_part(const proto::ManifestPart& in, ManifestPart& out) {
  out.info.number = in.number();
  out.info.size_bytes = in.size_bytes();
  out.info.etag = in.etag();
  if (in.has_checksum() && !take_checksum(in.checksum(), out.info.checksum)) return false;
  out.info.modified.unix_ms = in.modified_unix_ms();
  out.extents_count = in.extents_count();
  out.sha256 = bytes_of(in.sha256());
  return parse_owner(in.owner_id(), out.owner);
}

// True when the parts cover the extents exactly.
bool parts_cover(const Manifest& manifest) {
  size_t at = 0;
  for (const ManifestPart& part : manifest.parts) {
    if (part.extents_count > manifest.extents.size() - at) return false;
    uint64_t size_bytes = 0;
    for (uint32_t i = 0; i < part.extents_count; ++i) {
      size_bytes += manifest.extents[at++].size_bytes;
    }
    if (size_bytes != part.info.size_bytes) return false;
  }
  return manifest.parts.empty() || at == manifest.extents.size();
}

void put_manifest(const Manifest& manifest, proto::Manifest* out) {
  out->set_extents(encode_extents(manifest.extents));
  out->set_owner_id(encode_owner(manifest.owner));
  for (const ManifestPart& part : manifest.parts) put_manifest_part(part, out->add_parts());
}
bool take_manifest(const proto::Manifest& in, Manifest& out) {
  if (!parse_extents(in.extents(), out.extents)) return false;
  if (!parse_owner(in.owner_id(), out.owner)) return false;
  out.parts.resize(static_cast<size_t>(in.parts_size()));
  for (int i = 0; i < in.parts_size(); ++i) {
    if (!take_manifest_part(in.parts(i), out.parts[static_cast<size_t>(i)])) return false;
  }
  return parts_cover(out);
}

void put_body(const Body& body, proto::Body* out) {
  switch (body.kind) {
    case Body::Kind::kEmpty: return;
    case Body::Kind::kInline: out->set_inline_sealed(body.inline_sealed); return;
    case Body::Kind::kManifest: put_manifest(body.manifest, out->mutable_manifest()); return;
    case Body::Kind::kStoredManifest:
      put_manifest(body.manifest, out->mutable_stored_manifest()->mutable_where());
      out->mutable_stored_manifest()->set_size_bytes(body.stored_bytes);
      return;
  }
}
bool take_body(proto::Body& in, Body& out) {
  const int kinds = (in.inline_sealed().empty() ? 0 : 1) + (in.has_manifest() ? 1 : 0) +
                    (in.has_stored_manifest() ? 1 : 0);
  if (kinds > 1) return false;
  if (!in.inline_sealed().empty()) {
    out.kind = Body::Kind::kInline;
    out.inline_sealed = std::move(*in.mutable_inline_sealed());
  } else if (in.has_manifest()) {
    out.kind = Body::Kind::kManifest;
    return take_manifest(in.manifest(), out.manifest);
  } else if (in.has_stored_manifest()) {
    out.kind = Body::Kind::kStoredManifest;
    out.stored_bytes = in.stored_manifest().size_bytes();
    return out.stored_bytes <= kManifestBytesMax &&
           take_manifest(in.stored_manifest().where(), out.manifest) &&
           out.manifest.size_bytes() == out.stored_bytes;
  }
  return true;
}

proto::Object to_proto(const Head& head) {
  proto::Object out;
  const ObjectInfo& info = head.info;
  out.set_size_bytes(info.size_bytes);
  out.set_etag(info.etag);
  out.set_modified_unix_ms(info.modified.unix_ms);
  out.set_metadata(to_proto(info.metadata).SerializeAsString());
  if (info.checksum) put_checksum(info.checksum, out.mutable_checksum());
  out.set_sha256(text_of(head.sha256));
  out.set_owner_id(encode_owner(head.owner));
  out.set_is_delete_marker(info.is_delete_marker);
  out.set_parts_count(info.parts_count);
  out.set_has_chunks(head.has_chunks);
  if (head.body_sha256) out.set_body_sha256(text_of(*head.body_sha256));
  if (!info.metadata.storage_class.empty()) {
    out.set_storage_class(info.metadata.storage_class);
  }
  out.set_appends_count(head.appends_count);
  out.set_order(head.order);
  out.set_is_null(head.is_null && head.order != 0);
  if (info.lock.any()) put_lock(info.lock, out.mutable_lock());
  if (!info.acl.empty()) out.set_acl(info.acl);
  if (!info.sse.empty()) out.set_sse(info.sse);
  if (!info.origin.empty()) out.set_origin(info.origin);
  if (info.changed.unix_ms != 0) out.set_changed_unix_ms(info.changed.unix_ms);
  return out;
}

bool take_native(const proto::NativeUpload& in, std::optional<NativeSession>& out) {
  out.emplace();
  out->size_bytes = in.size_bytes();
  if (!parse_owner(in.owner_id(), out->owner)) return false;
  if (in.sha256().empty()) return true;
  out->sha256.emplace();
  if (in.sha256().size() != out->sha256->size()) return false;
  std::ranges::copy(as_bytes(in.sha256()), out->sha256->begin());
  return true;
}

}  // namespace

std::string encode_bucket(const BucketInfo& bucket) {
  proto::Bucket out;
  out.set_name(bucket.name);
  out.set_id(bucket.id);
  out.set_tenant(bucket.tenant.value);
  out.set_created_unix_ms(bucket.created.unix_ms);
  out.set_location(bucket.location);
  out.set_versioning(static_cast<uint32_t>(bucket.config->versioning));
  out.set_object_lock(bucket.config->object_lock);
  out.set_creator(bucket.config->creator);
  for (const auto& [name, text] : bucket.config->documents) {
    proto::Tag* entry = out.add_documents();
    entry->set_key(name);
    entry->set_value(text);
  }
  return out.SerializeAsString();
}
Result<BucketInfo> parse_bucket(BytesView bytes) {
  proto::Bucket in;
  if (!parse_message(in, bytes) ||
      in.versioning() > static_cast<uint32_t>(Versioning::kSuspended)) {
    return damaged("a bucket");
  }
  BucketInfo out;
  out.name = in.name();
  out.id = in.id();
  out.tenant.value = in.tenant();
  out.created.unix_ms = in.created_unix_ms();
  out.location = in.location();
  auto config = std::make_shared<BucketConfig>();
  config->versioning = static_cast<Versioning>(in.versioning());
  config->object_lock = in.object_lock();
  config->creator = in.creator();
  for (const proto::Tag& entry : in.documents()) {
    config->documents.emplace(entry.key(), entry.value());
  }
  out.config = std::move(config);
  return out;
}

std::string encode_bucket_name(TenantId tenant) {
  proto::BucketName out;
  out.set_tenant(tenant.value);
  return out.SerializeAsString();
}
Result<TenantId> parse_bucket_name(BytesView bytes) {
  proto::BucketName in;
  if (!parse_message(in, bytes)) return damaged("a bucket name");
  return TenantId{in.tenant()};
}

std::string encode_head(const Head& head) {
  return to_proto(head).SerializeAsString();
}

Result<Head> parse_head(BytesView bytes) {
  proto::Object in;
  Head out;
  proto::Metadata metadata;
  if (!parse_message(in, bytes) || !parse_message(metadata, as_bytes(in.metadata()))) {
    return damaged("an object");
  }
  out.info.metadata = from_proto(metadata);
  if (!take_listed(in, out.info) || !parse_owner(in.owner_id(), out.owner)) {
    return damaged("an object");
  }
  out.sha256 = bytes_of(in.sha256());
  out.has_chunks = in.has_chunks();
  out.appends_count = in.appends_count();
  if (!in.body_sha256().empty()) {
    out.body_sha256.emplace();
    if (in.body_sha256().size() != out.body_sha256->size()) return damaged("an object");
    std::ranges::copy(as_bytes(in.body_sha256()), out.body_sha256->begin());
  }
  out.order = in.order();
  out.is_null = in.is_null() || in.order() == 0;
  return out;
}

struct ListedParser::Message {
  proto::Object object;
};

ListedParser::ListedParser() : message_(std::make_unique<Message>()) {}
ListedParser::~ListedParser() = default;

Status ListedParser::parse(BytesView bytes, ObjectInfo& out) {
  proto::Object& in = message_->object;
  if (!parse_message(in, bytes) || !take_listed(in, out)) return damaged("an object");
  return {};
}

std::string encode_body(const Body& body) {
  proto::Body out;
  put_body(body, &out);
  return out.SerializeAsString();
}
Result<Body> parse_body(BytesView bytes) {
  proto::Body in;
  Body out;
  if (!parse_message(in, bytes) || !take_body(in, out)) return damaged("a body");
  return out;
}

std::string encode_manifest(const Manifest& manifest) {
  proto::Manifest out;
  put_manifest(manifest, &out);
  return out.SerializeAsString();
}
Result<Manifest> parse_manifest(BytesView bytes) {
  proto::Manifest in;
  Manifest out;
  if (!parse_message(in, bytes) || !take_manifest(in, out)) return damaged("a manifest");
  return out;
}

std::string encode_part(const Part& part) {
  proto::Part out;
  out.set_number(part.info.number);
  out.set_size_bytes(part.info.size_bytes);
  out.set_etag(part.info.etag);
  if (part.info.checksum) put_checksum(part.info.checksum, out.mutable_checksum());
  out.set_modified_unix_ms(part.info.modified.unix_ms);
  out.set_sha256(text_of(part.sha256));
  out.set_body(encode_body(part.body));
  return out.SerializeAsString();
}
Result<Part> parse_part(BytesView bytes) {
  proto::Part in;
  if (!parse_message(in, bytes)) return damaged("a part");
  Part out;
  out.info.number = in.number();
  out.info.size_bytes = in.size_bytes();
  out.info.etag = in.etag();
  if (in.has_checksum() && !take_checksum(in.checksum(), out.info.checksum)) {
    return damaged("a part");
  }
  out.info.modified.unix_ms = in.modified_unix_ms();
  out.sha256 = bytes_of(in.sha256());
  Result<Body> body = parse_body(as_bytes(in.body()));
  if (!body) return std::unexpected(std::move(body.error()));
  out.body = std::move(*body);
  return out;
}

std::string encode_upload(const UploadInfo& upload) {
  proto::Upload out;
  out.set_initiated_unix_ms(upload.initiated.unix_ms);
  *out.mutable_metadata() = to_proto(upload.metadata);
  out.set_checksum_kind(static_cast<uint32_t>(upload.checksum));
  out.set_checksum_type(static_cast<uint32_t>(upload.checksum_type));
  out.set_checksum_was_asked(upload.checksum_was_asked);
  if (upload.lock.any()) put_lock(upload.lock, out.mutable_lock());
  out.set_acl(upload.acl);
  out.set_sse(upload.sse);
  if (upload.native) {
    proto::NativeUpload& native = *out.mutable_native();
    native.set_owner_id(encode_owner(upload.native->owner));
    native.set_size_bytes(upload.native->size_bytes);
    if (upload.native->sha256) native.set_sha256(text_of(*upload.native->sha256));
  }
  return out.SerializeAsString();
}
Result<UploadInfo> parse_upload_record(BytesView bytes) {
  proto::Upload in;
  if (!parse_message(in, bytes) || in.checksum_type() > 1 ||
      in.checksum_kind() > static_cast<uint32_t>(DigestKind::kXxh3_128)) {
    return damaged("an upload");
  }
  UploadInfo out;
  out.initiated.unix_ms = in.initiated_unix_ms();
  out.metadata = from_proto(in.metadata());
  out.checksum = static_cast<DigestKind>(in.checksum_kind());
  out.checksum_type = static_cast<ChecksumType>(in.checksum_type());
  out.checksum_was_asked = in.checksum_was_asked();
  if (in.has_lock() && !take_lock(in.lock(), out.lock)) return damaged("an upload");
  out.acl = in.acl();
  out.sse = in.sse();
  if (in.has_native() && !take_native(in.native(), out.native)) return damaged("an upload");
  return out;
}

std::string encode_native_chunk(const NativeChunk& chunk) {
  proto::NativeChunk out;
  out.set_extents(encode_extents(chunk.extents));
  if (chunk.crc64_nvme) out.set_crc64_nvme(text_of(chunk.crc64_nvme->view()));
  return out.SerializeAsString();
}
Result<NativeChunk> parse_native_chunk(BytesView bytes) {
  proto::NativeChunk in;
  NativeChunk out;
  const bool is_good = parse_message(in, bytes) && parse_extents(in.extents(), out.extents) &&
                       (in.crc64_nvme().empty() || in.crc64_nvme().size() == sizeof(uint64_t));
  if (!is_good) return damaged("a chunk of an upload");
  if (!in.crc64_nvme().empty()) out.crc64_nvme = DigestValue(as_bytes(in.crc64_nvme()));
  return out;
}

std::string encode_completed(const CompletedUpload& completed) {
  proto::CompletedUpload out;
  out.set_bucket_id(completed.bucket_id);
  out.set_key(completed.key);
  out.set_completed_unix_ms(completed.completed.unix_ms);
  out.set_object(encode_head(completed.head));
  return out.SerializeAsString();
}
Result<CompletedUpload> parse_completed(BytesView bytes) {
  proto::CompletedUpload in;
  if (!parse_message(in, bytes)) return damaged("a completed upload");
  CompletedUpload out;
  out.bucket_id = in.bucket_id();
  out.key = in.key();
  out.completed.unix_ms = in.completed_unix_ms();
  Result<Head> head = parse_head(as_bytes(in.object()));
  if (!head) return std::unexpected(std::move(head.error()));
  out.head = std::move(*head);
  return out;
}

std::string encode_rename_token(const RenameToken& token) {
  proto::RenameToken out;
  out.set_source_key(token.source_key);
  out.set_target_key(token.target_key);
  out.set_used_unix_ms(token.used.unix_ms);
  return out.SerializeAsString();
}
Result<RenameToken> parse_rename_token(BytesView bytes) {
  proto::RenameToken in;
  if (!parse_message(in, bytes)) return damaged("a rename token");
  RenameToken out;
  out.source_key = in.source_key();
  out.target_key = in.target_key();
  out.used.unix_ms = in.used_unix_ms();
  return out;
}

std::string encode_garbage(const Garbage& garbage) {
  proto::Garbage out;
  out.set_body(garbage.body);
  out.set_is_version(garbage.is_version);
  return out.SerializeAsString();
}
Result<Garbage> parse_garbage(BytesView bytes) {
  proto::Garbage in;
  if (!parse_message(in, bytes)) return damaged("a removed body");
  return Garbage{std::move(*in.mutable_body()), in.is_version()};
}

std::string encode_store_info(const StoreInfo& info) {
  proto::StoreInfo out;
  out.set_schema_version(info.schema_version);
  out.set_store_id(text_of(info.store_id));
  out.set_created_unix_ms(info.created.unix_ms);
  return out.SerializeAsString();
}
Result<StoreInfo> parse_store_info(BytesView bytes) {
  proto::StoreInfo in;
  if (!parse_message(in, bytes)) return damaged("the store");
  StoreInfo out;
  out.schema_version = in.schema_version();
  out.store_id = bytes_of(in.store_id());
  out.created.unix_ms = in.created_unix_ms();
  return out;
}

}  // namespace cairn::object
