#include "object/rows.h"

#include <utility>

#include "crypto/sealing.h"
#include "object/chunk_reader.h"
#include "object/keys.h"
#include "object/signed_row.h"

namespace cairn::object {

Result<BytesView> open_record(const Context& context, TenantId tenant, std::string_view row_key,
                              std::string_view value) {
  const Result<OpenedRow> opened = open_row(context.keys, row_key, value);
  if (!opened) return std::unexpected(opened.error());
  if (opened->tenant != tenant) {
    return fail(Code::kCorruption, "a metadata row belongs to another tenant");
  }
  return opened->record;
}

io::Task<Result<std::optional<HeadRow>>> load_head(Context& context, TenantId tenant,
                                                   uint64_t bucket_id, std::string key) {
  const std::string row_key = keys::object(bucket_id, key);
  const std::optional<catalog::Entry> entry = co_await io::or_return(context.catalog.get(row_key));
  if (!entry) co_return std::optional<HeadRow>();
  const BytesView record =
      co_await io::or_return(open_record(context, tenant, row_key, entry->value));
  HeadRow out;
  out.head = co_await io::or_return(parse_head(record));
  out.head.info.key = std::move(key);
  out.version = entry->version;
  co_return std::optional<HeadRow>(std::move(out));
}

io::Task<Result<std::optional<std::string>>> load_body(Context& context, TenantId tenant,
                                                       uint64_t bucket_id, std::string key,
                                                       HeadRow row) {
  if (!row.head.body_sha256) co_return std::optional<std::string>(std::string());
  std::optional<catalog::Entry> entry =
      co_await io::or_return(context.catalog.get(keys::body(bucket_id, key)));
  if (entry && crypto::sha256(as_bytes(entry->value)) == *row.head.body_sha256) {
    co_return std::optional<std::string>(std::move(entry->value));
  }
  // Either the object was replaced between the two reads or the body row is damaged.
  const std::optional<HeadRow> again =
      co_await io::or_return(load_head(context, tenant, bucket_id, std::move(key)));
  if (again && again->version == row.version) {
    co_return fail(Code::kCorruption, "the body row of an object is damaged");
  }
  co_return std::optional<std::string>();
}

io::Task<Result<Manifest>> load_manifest(Context& context, TenantId tenant, Body body) {
  if (body.kind == Body::Kind::kManifest) co_return std::move(body.manifest);
  if (body.kind != Body::Kind::kStoredManifest) co_return Manifest();
  ReadEpochs::ReadPin pin(context.core().readers, io::Reactor::current().now());
  const Bytes encoded = co_await io::or_return(read_all(
      context, tenant, std::move(pin), std::move(body.manifest.extents), kManifestBytesMax));
  co_return parse_manifest(encoded);
}

std::string inline_context(uint64_t bucket_id, std::string_view key, const OwnerId& owner) {
  std::string out = keys::body(bucket_id, key);
  out.append(as_text(owner.bytes));
  return out;
}

namespace {

// Fills the body of `object`; false when the object changed meanwhile.
io::Task<Result<bool>> fill_body(Context& context, uint64_t bucket_id, OpenObject& object) {
  HeadRow row;
  row.head = object.head;
  row.version = object.version;
  const std::string& key = object.head.info.key;
  const std::optional<std::string> encoded =
      co_await io::or_return(load_body(context, object.tenant, bucket_id, key, std::move(row)));
  if (!encoded) co_return false;
  Body body = co_await io::or_return(parse_body(as_bytes(*encoded)));
  uint64_t size_bytes = 0;
  if (body.kind == Body::Kind::kInline) {
    object.inline_bytes = co_await io::or_return(crypto::open_value(
        context.keys, object.tenant, inline_context(bucket_id, key, object.head.owner),
        as_bytes(body.inline_sealed)));
    size_bytes = object.inline_bytes.size();
  } else {
    object.manifest =
        co_await io::or_return(load_manifest(context, object.tenant, std::move(body)));
    size_bytes = object.manifest.size_bytes();
  }
  if (size_bytes != object.head.info.size_bytes) {
    co_return fail(Code::kCorruption, "the body of an object has another length");
  }
  object.has_body = true;
  co_return true;
}

}  // namespace

io::Task<Result<std::shared_ptr<const OpenObject>>> load_object(Context& context, TenantId tenant,
                                                                uint64_t bucket_id, std::string key,
                                                                bool with_body) {
  Core& core = context.core();
  std::string row_key = keys::object(bucket_id, key);
  std::shared_ptr<const OpenObject> cached = core.objects.find(row_key);
  if (cached != nullptr && (cached->has_body || !with_body)) co_return cached;

  for (int attempt = 0; attempt < kLoadAttemptsMax; ++attempt) {
    const uint64_t word = context.generations.word(row_key);
    std::optional<HeadRow> row = co_await io::or_return(load_head(context, tenant, bucket_id, key));
    if (!row) co_return std::shared_ptr<const OpenObject>();
    auto object = std::make_shared<OpenObject>();
    object->head = std::move(row->head);
    object->version = row->version;
    object->tenant = tenant;
    if (with_body) {
      const bool filled = co_await io::or_return(fill_body(context, bucket_id, *object));
      if (!filled) continue;
    }
    const uint64_t memory_bytes = object->memory_bytes();
    if (memory_bytes <= kHotObjectBytesMax) {
      core.objects.insert(std::move(row_key), word, object, memory_bytes);
    }
    co_return object;
  }
  co_return fail(Code::kUnavailable, "the object changes faster than it can be read");
}

}  // namespace cairn::object
