#include "object/rows.h"

#include <algorithm>
#include <utility>

#include "crypto/sealing.h"
#include "object/chunk_reader.h"
#include "object/keys.h"
#include "object/signed_row.h"
#include "object/stale_reads.h"

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

Result<HeadRow> open_head(const Context& context, TenantId tenant, std::string key,
                          const catalog::Entry& entry) {
  const Result<BytesView> record = open_record(context, tenant, entry.key, entry.value);
  if (!record) return std::unexpected(record.error());
  Result<Head> head = parse_head(*record);
  if (!head) return std::unexpected(std::move(head.error()));
  HeadRow out;
  out.row_key = entry.key;
  out.head = std::move(*head);
  out.head.info.key = std::move(key);
  out.version = entry.version;
  return out;
}

namespace {

// Requests catch up with a shared catalog when they begin (catalog_watch.h): what was committed
// since is concurrent with them, and commits have their preconditions.
io::Task<Result<std::optional<catalog::Entry>>> get_row(Context& context, std::string row_key,
                                                        const catalog::Snapshot* view = nullptr) {
  if (view != nullptr) return context.catalog.get(std::move(row_key), view);
  return context.catalog.get_recent(std::move(row_key));
}

io::Task<Result<std::optional<HeadRow>>> load_head_at(Context& context, TenantId tenant,
                                                      std::string key, std::string row_key,
                                                      const catalog::Snapshot* view = nullptr) {
  const std::optional<catalog::Entry> entry =
      co_await io::or_return(get_row(context, std::move(row_key), view));
  if (!entry) co_return std::optional<HeadRow>();
  HeadRow out = co_await io::or_return(open_head(context, tenant, std::move(key), *entry));
  co_return std::optional<HeadRow>(std::move(out));
}

// Where the version of that id would be if it were not current; empty when there is no such row.
io::Task<Result<std::string>> version_row_of(Context& context, BucketInfo bucket, std::string key,
                                             std::string version_id,
                                             const catalog::Snapshot* view) {
  if (version_id != kNullVersionId) {
    const std::optional<uint64_t> order = order_of(version_id);
    co_return order ? keys::version(bucket.id, key, *order) : std::string();
  }
  const std::optional<NullRow> row =
      co_await io::or_return(load_null_row(context, bucket, key, view));
  co_return row ? keys::version(bucket.id, key, row->order) : std::string();
}

}  // namespace

io::Task<Result<std::optional<HeadRow>>> load_head(Context& context, TenantId tenant,
                                                   uint64_t bucket_id, std::string key) {
  std::string row_key = keys::object(bucket_id, key);
  return load_head_at(context, tenant, std::move(key), std::move(row_key));
}

io::Task<Result<std::optional<HeadRow>>> find_version(Context& context, BucketInfo bucket,
                                                      std::string key, std::string version_id) {
  // One view: a version may be on its way between the two kinds of rows.
  const std::shared_ptr<const catalog::Snapshot> view =
      co_await io::or_return(view_of(context, bucket));
  std::optional<HeadRow> current = co_await io::or_return(
      load_head_at(context, bucket.tenant, key, keys::object(bucket.id, key), view.get()));
  if (current && version_id_of(current->head) == version_id) co_return current;
  if (!bucket.is_versioned()) co_return std::optional<HeadRow>();
  std::string row_key =
      co_await io::or_return(version_row_of(context, bucket, key, version_id, view.get()));
  if (row_key.empty()) co_return std::optional<HeadRow>();
  std::optional<HeadRow> found = co_await io::or_return(
      load_head_at(context, bucket.tenant, std::move(key), std::move(row_key), view.get()));
  if (found && version_id_of(found->head) != version_id) found.reset();
  co_return found;
}

io::Task<Result<std::optional<NullRow>>> load_null_row(Context& context, BucketInfo bucket,
                                                       std::string key,
                                                       const catalog::Snapshot* view) {
  const std::string row_key = keys::null_version(bucket.id, key);
  const std::optional<catalog::Entry> entry =
      co_await io::or_return(get_row(context, row_key, view));
  if (!entry) co_return std::optional<NullRow>();
  const BytesView record =
      co_await io::or_return(open_record(context, bucket.tenant, row_key, entry->value));
  if (record.size() != sizeof(uint64_t)) {
    co_return fail(Code::kCorruption, "the row of a null version is damaged");
  }
  NullRow out;
  out.order = load_be<uint64_t>(record.data());
  out.version = entry->version;
  co_return std::optional(out);
}

io::Task<Result<std::optional<std::string>>> load_body(Context& context, TenantId tenant,
                                                       uint64_t bucket_id, HeadRow row) {
  if (!row.head.body_sha256) co_return std::optional<std::string>(std::string());
  std::string& key = row.head.info.key;
  std::optional<catalog::Entry> entry =
      co_await io::or_return(get_row(context, keys::body(bucket_id, key, row.head.order)));
  if (entry && crypto::sha256(as_bytes(entry->value)) == *row.head.body_sha256) {
    co_return std::optional<std::string>(std::move(entry->value));
  }
  // Either the version was replaced or moved between the two reads or the body row is damaged.
  const std::optional<HeadRow> again =
      co_await io::or_return(load_head_at(context, tenant, std::move(key), std::move(row.row_key)));
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

std::string sse_inline_context(const OwnerId& owner) {
  std::string out = "sse";
  out.append(as_text(owner.bytes));
  return out;
}

uint64_t sealed_plaintext_bytes(std::string_view sealed) {
  const uint64_t overhead_bytes = crypto::kSealedValueOverheadBytes;
  return std::max<uint64_t>(sealed.size(), overhead_bytes) - overhead_bytes;
}

namespace {

// Fills the body of `object`; false when the object changed meanwhile.
io::Task<Result<bool>> fill_body(Context& context, uint64_t bucket_id, HeadRow row,
                                 OpenObject& object) {
  const std::string& key = object.head.info.key;
  const std::optional<std::string> encoded =
      co_await io::or_return(load_body(context, object.tenant, bucket_id, std::move(row)));
  if (!encoded) co_return false;
  Body body = co_await io::or_return(parse_body(as_bytes(*encoded)));
  uint64_t size_bytes = 0;
  if (body.kind == Body::Kind::kInline && !object.head.info.sse.empty()) {
    // Opened anew for every reader, whose key is checked then.
    object.inline_sealed = std::move(body.inline_sealed);
    size_bytes = sealed_plaintext_bytes(object.inline_sealed);
  } else if (body.kind == Body::Kind::kInline) {
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

// Makes the row an open object and caches it under `cache_key`; null when the row changed.
io::Task<Result<std::shared_ptr<const OpenObject>>> open_row_object(Context& context,
                                                                    TenantId tenant,
                                                                    uint64_t bucket_id, HeadRow row,
                                                                    uint64_t word, bool with_body) {
  auto object = std::make_shared<OpenObject>();
  object->head = row.head;
  object->version = row.version;
  object->tenant = tenant;
  std::string cache_key = row.row_key;
  if (with_body && !row.head.info.is_delete_marker) {
    const bool filled =
        co_await io::or_return(fill_body(context, bucket_id, std::move(row), *object));
    if (!filled) co_return std::shared_ptr<const OpenObject>();
  }
  const uint64_t memory_bytes = object->memory_bytes();
  if (memory_bytes <= kHotObjectBytesMax) {
    context.core().objects.insert(std::move(cache_key), word, object, memory_bytes);
  }
  co_return std::shared_ptr<const OpenObject>(std::move(object));
}

std::unexpected<Error> changes_too_fast() {
  return fail(Code::kUnavailable, "the object changes faster than it can be read");
}

}  // namespace

io::Task<Result<std::shared_ptr<const OpenObject>>> load_object(Context& context, TenantId tenant,
                                                                uint64_t bucket_id, std::string key,
                                                                bool with_body) {
  const std::string row_key = keys::object(bucket_id, key);
  std::shared_ptr<const OpenObject> cached = context.core().objects.find(row_key);
  if (cached != nullptr && (cached->has_body || !with_body)) co_return cached;

  for (int attempt = 0; attempt < kLoadAttemptsMax; ++attempt) {
    const uint64_t word = context.generations.word(row_key);
    std::optional<HeadRow> row = co_await io::or_return(load_head(context, tenant, bucket_id, key));
    if (!row) co_return std::shared_ptr<const OpenObject>();
    std::shared_ptr<const OpenObject> object = co_await io::or_return(
        open_row_object(context, tenant, bucket_id, std::move(*row), word, with_body));
    if (object != nullptr) co_return object;
  }
  co_return changes_too_fast();
}

namespace {

// What the core's cache has of that version.
std::shared_ptr<const OpenObject> cached_version(Context& context, const BucketInfo& bucket,
                                                 std::string_view key,
                                                 std::string_view version_id) {
  HotCache<OpenObject>& cache = context.core().objects;
  std::shared_ptr<const OpenObject> current = cache.find(keys::object(bucket.id, key));
  if (current != nullptr && version_id_of(current->head) == version_id) return current;
  const std::optional<uint64_t> order = order_of(version_id);
  if (!order) return nullptr;
  std::shared_ptr<const OpenObject> other = cache.find(keys::version(bucket.id, key, *order));
  return other != nullptr && version_id_of(other->head) == version_id ? other : nullptr;
}

}  // namespace

io::Task<Result<std::shared_ptr<const OpenObject>>> load_version(Context& context,
                                                                 BucketInfo bucket, std::string key,
                                                                 std::string version_id,
                                                                 bool with_body) {
  if (version_id.empty()) {
    co_return co_await load_object(context, bucket.tenant, bucket.id, std::move(key), with_body);
  }
  std::shared_ptr<const OpenObject> cached = cached_version(context, bucket, key, version_id);
  if (cached != nullptr && (cached->has_body || !with_body)) co_return cached;
  for (int attempt = 0; attempt < kLoadAttemptsMax; ++attempt) {
    const uint64_t current_word = context.generations.word(keys::object(bucket.id, key));
    const uint64_t word =
        context.generations.word(keys::version(bucket.id, key, order_of(version_id).value_or(0)));
    std::optional<HeadRow> row =
        co_await io::or_return(find_version(context, bucket, key, version_id));
    if (!row) co_return std::shared_ptr<const OpenObject>();
    const bool is_current = row->row_key == keys::object(bucket.id, key);
    const bool is_null_row = !is_current && row->head.is_null;
    std::shared_ptr<const OpenObject> object = co_await io::or_return(open_row_object(
        context, bucket.tenant, bucket.id, std::move(*row),
        // The slot of a null version's row was not known before the read.
        is_null_row ? Generations::kNeverValid : (is_current ? current_word : word), with_body));
    if (object != nullptr) co_return object;
  }
  co_return changes_too_fast();
}

}  // namespace cairn::object
