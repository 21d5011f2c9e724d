#include "object/schema.h"

#include <optional>
#include <string>

#include "object/keys.h"
#include "object/records.h"

namespace cairn::object {
namespace {

// Of processes that begin side by side the first one marks the store.
io::Task<Status> mark_schema(Context& context) {
  StoreInfo info;
  info.schema_version = kSchemaVersion;
  info.store_id.resize(16);
  context.random.fill(info.store_id);
  info.created = context.now();
  catalog::Batch batch;
  batch.preconditions.push_back(catalog::Precondition::absent(keys::store_info()));
  batch.puts.push_back({keys::store_info(), encode_store_info(info)});
  const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
  if (!done && done.error().code != Code::kFailedPrecondition) {
    co_return std::unexpected(done.error());
  }
  co_return Status{};
}

}  // namespace

Status check_schema_row(const catalog::Entry& row) {
  const Result<StoreInfo> info = parse_store_info(as_bytes(row.value));
  if (!info) return std::unexpected(info.error());
  if (info->schema_version == kSchemaVersion) return {};
  const std::string what = "the metadata has schema version " +
                           std::to_string(info->schema_version) + ", this program knows version " +
                           std::to_string(kSchemaVersion);
  if (info->schema_version > kSchemaVersion) {
    return fail(Code::kUnsupported, what + ": a newer Cairn wrote it; update this one");
  }
  return fail(Code::kUnsupported,
              what +
                  ": serve it with the program that made it and copy its objects, for example "
                  "with `cairn sync`, to a server with a new directory");
}

io::Task<Status> check_schema(Context& context) {
  std::optional<catalog::Entry> row =
      co_await io::or_return(context.catalog.get(keys::store_info()));
  if (!row) {
    co_await io::or_return(mark_schema(context));
    row = co_await io::or_return(context.catalog.get(keys::store_info()));
  }
  if (row) co_return check_schema_row(*row);
  co_return fail(Code::kUnavailable, "the catalog does not keep what is written to it");
}

}  // namespace cairn::object
