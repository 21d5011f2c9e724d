#include "object/rename.h"

#include <utility>
#include <vector>

#include "catalog/commit_apart.h"
#include "crypto/sealing.h"
#include "object/body_index.h"
#include "object/body_writer.h"
#include "object/buckets.h"
#include "object/commit.h"
#include "object/conditions.h"
#include "object/keys.h"
#include "object/replica.h"
#include "object/rows.h"
#include "object/signed_row.h"
#include "object/sync_tail.h"
#include "object/versions.h"

namespace cairn::object {
namespace {

using catalog::Precondition;

Status check_source(const Conditions& conditions, const ObjectInfo& source) {
  Status status = check_write(conditions, &source);
  if (!status && status.error().code == Code::kFailedPrecondition) {
    status.error().message = std::string(reason::kSourceCondition) + status.error().message;
  }
  return status;
}

// What a token was used for; unset when it was not.
io::Task<Result<std::optional<RenameToken>>> load_token(Context& context, TenantId tenant,
                                                        std::string row_key) {
  const std::optional<catalog::Entry> entry = co_await io::or_return(context.catalog.get(row_key));
  if (!entry) co_return std::optional<RenameToken>();
  const BytesView record =
      co_await io::or_return(open_record(context, tenant, row_key, entry->value));
  RenameToken token = co_await io::or_return(parse_rename_token(record));
  co_return std::optional(std::move(token));
}

// The body row under its new name; false when the source changed meanwhile.
io::Task<Result<bool>> move_body(const KeyScope& scope, const HeadRow& source,
                                 const std::string& target_key, Head& head) {
  if (!head.body_sha256) co_return true;
  const BucketInfo& bucket = scope.bucket;
  const std::string& source_key = source.head.info.key;
  HeadRow row = source;
  std::optional<std::string> encoded =
      co_await io::or_return(load_body(scope.context, bucket.tenant, bucket.id, std::move(row)));
  if (!encoded) co_return false;
  Body body = co_await io::or_return(parse_body(as_bytes(*encoded)));
  if (body.kind == Body::Kind::kInline && head.info.sse.empty()) {
    const std::string old_context = inline_context(bucket.id, source_key, head.owner);
    const Bytes plaintext = co_await io::or_return(crypto::open_value(
        scope.context.keys, bucket.tenant, old_context, as_bytes(body.inline_sealed)));
    const std::string new_context = inline_context(bucket.id, target_key, head.owner);
    body.inline_sealed = co_await io::or_return(
        crypto::seal_value(scope.tenant_keys, new_context, scope.context.random, plaintext));
    encoded = encode_body(body);
  }
  // Of a manifest that is stored as chunks only the owner of the whole is at hand: its parts are
  // not found under the new name, which costs an upload and nothing else.
  add_body_rows(bucket.tenant, {bucket.id, head.order, target_key}, head, bodies_of(body.manifest),
                scope.change.batch);
  head.body_sha256 = crypto::sha256(as_bytes(*encoded));
  catalog::Batch& batch = scope.change.batch;
  batch.deletes.push_back(keys::body(bucket.id, source_key, head.order));
  std::string body_key = keys::body(bucket.id, target_key, head.order);
  std::erase(batch.deletes, body_key);  // The replaced body's: deletes win over puts.
  batch.puts.push_back({std::move(body_key), std::move(*encoded)});
  co_return true;
}

struct Rename {
  Context& context;
  BucketInfo bucket;
  const std::string& source_key;
  const std::string& target_key;
  const RenameOptions& options;
  std::string token_row;  // Empty without a token.
};

void add_token(const KeyScope& scope, const Rename& rename) {
  if (rename.token_row.empty()) return;
  RenameToken token;
  token.source_key = rename.source_key;
  token.target_key = rename.target_key;
  token.used = scope.context.now();
  catalog::Batch& batch = scope.change.batch;
  batch.preconditions.push_back(Precondition::absent(rename.token_row));
  batch.puts.push_back({rename.token_row,
                        sign_row(scope.tenant_keys, rename.token_row, encode_rename_token(token))});
}

// Plans the commit; nullopt when a row changed meanwhile.
io::Task<Result<std::optional<ObjectInfo>>> plan_rename(const KeyScope& scope,
                                                        const Rename& rename) {
  const KeyRows source =
      co_await io::or_return(load_key_rows(scope.context, scope.bucket, rename.source_key));
  if (!source.current) co_return fail(Code::kNotFound, std::string(reason::kNoSuchKey));
  const KeyRows target =
      co_await io::or_return(load_key_rows(scope.context, scope.bucket, rename.target_key));
  co_await io::or_return(check_source(rename.options.source, source.current->head.info));
  co_await io::or_return(
      check_write(rename.options.target, target.current ? &target.current->head.info : nullptr));
  expect_bucket(scope.bucket, scope.change.batch);
  expect_rows(scope, source);
  expect_rows(scope, target);
  if (target.current) {
    const bool dropped = co_await io::or_return(drop_body(scope, *target.current));
    if (!dropped) co_return std::optional<ObjectInfo>();
  }
  Head head = source.current->head;
  const bool moved =
      co_await io::or_return(move_body(scope, *source.current, rename.target_key, head));
  if (!moved) co_return std::optional<ObjectInfo>();
  const std::string source_row = keys::object(scope.bucket.id, rename.source_key);
  scope.change.touched.push_back(source_row);
  scope.change.batch.deletes.push_back(source_row);
  const bool is_synced =
      scope.context.sync_tail != nullptr && scope.context.sync_tail->wants(scope.bucket.id);
  head.info.origin.clear();
  if (is_synced) {
    // As a write of its own: later than what has the name elsewhere.
    head.info.modified = co_await io::or_return(time_behind(
        scope.context, scope.bucket, rename.target_key, target.current, scope.context.now()));
  }
  put_head(scope, keys::object(scope.bucket.id, rename.target_key), head);
  add_token(scope, rename);
  const ObjectInfo source_info = source.current->head.info;
  ObjectInfo info = head.info;
  info.key = rename.target_key;
  if (rename.options.hook) rename.options.hook(info, scope.change.batch);
  if (is_synced) {
    SyncTail* const tail = scope.context.sync_tail;
    Stamp gone = stamp_of(source.current->head);
    gone.modified = co_await io::or_return(time_behind(
        scope.context, scope.bucket, rename.source_key, source.current, scope.context.now()));
    put_tombstone(scope, rename.source_key, gone);
    tail->note(scope, ChangeKind::kRemoval, source_info, {}, {});
    tail->note(scope, ChangeKind::kPut, info, {}, {});
  }
  co_return std::optional(std::move(info));
}

// The answer of the call that used the token first; nullopt when none did.
io::Task<Result<std::optional<ObjectInfo>>> renamed_before(const Rename& rename) {
  if (rename.token_row.empty()) co_return std::optional<ObjectInfo>();
  const std::optional<RenameToken> token =
      co_await io::or_return(load_token(rename.context, rename.bucket.tenant, rename.token_row));
  if (!token) co_return std::optional<ObjectInfo>();
  if (token->source_key != rename.source_key || token->target_key != rename.target_key) {
    co_return fail(Code::kInvalidArgument, std::string(reason::kTokenMismatch));
  }
  ObjectInfo info;
  info.key = rename.target_key;
  co_return std::optional(std::move(info));
}

io::Task<Result<ObjectInfo>> rename_locked(Rename rename) {
  const auto tenant_keys = co_await io::or_return(rename.context.keys_of(rename.bucket.tenant));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    std::optional<ObjectInfo> before = co_await io::or_return(renamed_before(rename));
    if (before) co_return std::move(*before);
    rename.bucket = co_await io::or_return(reload_bucket(rename.context, rename.bucket));
    if (rename.bucket.is_versioned()) {
      co_return fail(Code::kUnsupported, "objects in a bucket with versioning have no other name");
    }
    KeyChange change;
    const KeyScope scope{rename.context, *tenant_keys, rename.bucket, change};
    std::optional<ObjectInfo> planned = co_await io::or_return(plan_rename(scope, rename));
    if (!planned) continue;
    const Result<catalog::Version> done = co_await commit_change(rename.context, std::move(change));
    if (done) co_return std::move(*planned);
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  }
  co_return fail(Code::kUnavailable, "the object changes faster than it can be renamed");
}

}  // namespace

io::Task<Result<ObjectInfo>> rename_object(Context& context, BucketInfo bucket,
                                           std::string source_key, std::string target_key,
                                           RenameOptions options) {
  co_await io::or_return(check_key(source_key));
  co_await io::or_return(check_key(target_key));
  if (source_key == target_key) {
    co_return fail(Code::kInvalidArgument, "the object has that name already");
  }
  if (options.token.size() > kRenameTokenBytesMax) {
    co_return fail(Code::kInvalidArgument, "the client token has more than " +
                                               std::to_string(kRenameTokenBytesMax) + " bytes");
  }
  std::vector<std::string> rows = {keys::object(bucket.id, source_key),
                                   keys::object(bucket.id, target_key)};
  std::string token_row;
  if (!options.token.empty()) {
    token_row = keys::rename_token(bucket.id, options.token);
    rows.push_back(token_row);
  }
  const std::vector<KeyLocks::Guard> guards = co_await context.locks.lock_all(std::move(rows));
  Rename rename{context, std::move(bucket), source_key, target_key, options, std::move(token_row)};
  co_return co_await rename_locked(std::move(rename));
}

io::Task<Result<ForgottenTokens>> forget_rename_tokens(Context& context, std::string after) {
  catalog::ScanRequest request;
  request.begin = after.empty() ? keys::all_rename_tokens() : after + '\0';
  request.end = catalog::prefix_end(keys::all_rename_tokens());
  request.limit_entries = kExpiredTokensPerPass;
  const catalog::ScanPage page = co_await io::or_return(context.catalog.scan(std::move(request)));
  const int64_t oldest_ms = context.now().unix_ms - kRenameTokenMemory.nanoseconds / 1'000'000;
  catalog::Batch batch;
  for (const catalog::Entry& row : page.entries) {
    const Result<OpenedRow> opened = open_row(context.keys, row.key, row.value);
    if (!opened) continue;
    const Result<RenameToken> token = parse_rename_token(opened->record);
    if (token && token->used.unix_ms < oldest_ms) batch.deletes.push_back(row.key);
  }
  ForgottenTokens out;
  if (page.more && !page.entries.empty()) out.after = page.entries.back().key;
  out.any = !batch.deletes.empty();
  co_await io::or_return(catalog::commit_apart(context.catalog, std::move(batch)));
  co_return out;
}

}  // namespace cairn::object
