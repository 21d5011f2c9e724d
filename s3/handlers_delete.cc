// DeleteObject and DeleteObjects.
#include "s3/checksum_headers.h"
#include "s3/handlers.h"
#include "s3/http_dates.h"
#include "s3/write_conditions.h"
#include "s3/xml_reader.h"
#include "s3/xml_writer.h"

namespace cairn::s3::handlers {
namespace {

// Conditions of one deletion beyond those that object/ knows.
struct SizeAndTime {
  std::optional<uint64_t> size_bytes;
  std::optional<WallTime> modified;
  bool any() const { return size_bytes || modified; }
};

bool same_second(WallTime a, WallTime b) {
  return a.unix_ms / 1000 == b.unix_ms / 1000;
}

// Turns a size and a time into the ETag of the version that has them, so that the deletion stays
// one atomic step. False: there is no such object, nothing to delete.
io::Task<S3Result<bool>> pin_by_etag(Call& call, std::string key, SizeAndTime wanted,
                                     object::Conditions& conditions) {
  const Result<object::ObjectInfo> info = co_await call.objects().head(call.bucket, key, {});
  if (!info) {
    if (info.error().code == Code::kNotFound) co_return false;
    co_return std::unexpected(translate(call, info.error()));
  }
  if (wanted.size_bytes && *wanted.size_bytes != info->size_bytes) {
    co_return std::unexpected(precondition_failed("x-amz-if-match-size"));
  }
  if (wanted.modified && !same_second(*wanted.modified, info->modified)) {
    co_return std::unexpected(precondition_failed("x-amz-if-match-last-modified-time"));
  }
  if (conditions.if_match.empty()) conditions.if_match = {info->etag};
  co_return true;
}

S3Result<SizeAndTime> parse_size_and_time(const Call& call) {
  SizeAndTime wanted;
  if (const auto size = call.view.header("x-amz-if-match-size")) {
    wanted.size_bytes = parse_number(*size, 0, UINT64_MAX);
    if (!wanted.size_bytes) {
      return invalid_argument("Invalid x-amz-if-match-size", "x-amz-if-match-size", *size);
    }
  }
  if (const auto time = call.view.header("x-amz-if-match-last-modified-time")) {
    wanted.modified = parse_any_date(*time);
    if (!wanted.modified) {
      return invalid_argument("Invalid x-amz-if-match-last-modified-time",
                              "x-amz-if-match-last-modified-time", *time);
    }
  }
  return wanted;
}

// The fate of one key of a DeleteObjects.
struct Outcome {
  std::optional<S3Error> error;
};

// Deletes one entry that the batch cannot take: a version, or one with size or time conditions.
io::Task<S3Status> delete_entry(Call& call, DeleteEntry entry) {
  object::Conditions conditions;
  if (entry.etag) conditions.if_match = {*entry.etag};
  const SizeAndTime wanted{entry.size_bytes, entry.last_modified};
  if (wanted.any()) {
    const S3Result<bool> exists = co_await pin_by_etag(call, entry.key, wanted, conditions);
    if (!exists) co_return std::unexpected(exists.error());
    if (!*exists) co_return S3Status();
  }
  std::string version = entry.version_id.value_or("");
  if (version == "null") version.clear();
  const Status removed = co_await call.objects().remove(call.bucket, entry.key, std::move(version),
                                                        std::move(conditions));
  if (!removed) {
    if (removed.error().message.starts_with(object::reason::kNoSuchVersion)) co_return S3Status();
    co_return std::unexpected(translate_named(call, removed.error(), call.bucket.name, entry.key));
  }
  co_return S3Status();
}

bool fits_batch(const DeleteEntry& entry) {
  return !entry.version_id && !entry.size_bytes && !entry.last_modified;
}

// One commit for all plain entries, one each for the others.
io::Task<S3Result<std::vector<Outcome>>> delete_all(Call& call, const DeleteRequest& request) {
  std::vector<Outcome> outcomes(request.objects.size());
  std::vector<std::pair<std::string, object::Conditions>> batch;
  std::vector<size_t> positions;
  for (size_t i = 0; i < request.objects.size(); ++i) {
    const DeleteEntry& entry = request.objects[i];
    const S3Status valid = check_key(entry.key);
    if (!valid) {
      outcomes[i].error = valid.error();
    } else if (fits_batch(entry)) {
      object::Conditions conditions;
      if (entry.etag) conditions.if_match = {*entry.etag};
      batch.emplace_back(entry.key, std::move(conditions));
      positions.push_back(i);
    } else {
      S3Status deleted = co_await delete_entry(call, entry);
      if (!deleted) outcomes[i].error = std::move(deleted.error());
    }
  }
  if (batch.empty()) co_return outcomes;
  Result<std::vector<Status>> removed =
      co_await call.objects().remove_many(call.bucket, std::move(batch));
  const std::vector<Status> statuses = co_await or_fail(translated(call, std::move(removed)));
  for (size_t i = 0; i < statuses.size(); ++i) {
    if (statuses[i]) continue;
    outcomes[positions[i]].error = translate_named(call, statuses[i].error(), call.bucket.name,
                                                   request.objects[positions[i]].key);
  }
  co_return outcomes;
}

}  // namespace

Reply delete_object(Call& call) {
  object::Conditions conditions = write_conditions(call);
  const SizeAndTime wanted = co_await or_fail(parse_size_and_time(call));
  if (wanted.any()) {
    const S3Result<bool> exists = co_await pin_by_etag(call, call.target.key, wanted, conditions);
    if (!exists) co_return std::unexpected(exists.error());
    if (!*exists) co_return co_await call.respond_empty(204);
  }
  const Status removed = co_await call.objects().remove(call.bucket, call.target.key,
                                                        call.version_id(), std::move(conditions));
  const bool absent_version =
      !removed && removed.error().message.starts_with(object::reason::kNoSuchVersion);
  if (!removed && !absent_version) co_return std::unexpected(translate(call, removed.error()));
  co_return co_await call.respond_empty(204);
}

Reply delete_objects(Call& call) {
  const BodyChecksums claimed = co_await or_fail(parse_body_checksums(call.view));
  const bool is_protected = claimed.any() || call.auth.payload.kind == PayloadKind::kHashed;
  if (!is_protected) {
    co_return s3_fail(S3Code::kInvalidRequest,
                      "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
  }
  const DeleteRequest request = co_await or_fail(parse_delete(call.document));
  const S3Result<std::vector<Outcome>> outcomes = co_await delete_all(call, request);
  if (!outcomes) co_return std::unexpected(outcomes.error());
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("DeleteResult");
  for (size_t i = 0; i < request.objects.size(); ++i) {
    const DeleteEntry& entry = request.objects[i];
    const std::optional<S3Error>& error = (*outcomes)[i].error;
    if (!error && request.quiet) continue;
    const std::string_view tag = error ? "Error" : "Deleted";
    xml.open(tag);
    xml.element("Key", entry.key);
    if (entry.version_id) xml.element("VersionId", *entry.version_id);
    if (error) {
      xml.element("Code", code_info(error->code).name);
      xml.element("Message", error->text());
    }
    xml.close(tag);
  }
  xml.close("DeleteResult");
  co_return co_await call.respond_xml(std::move(body));
}

}  // namespace cairn::s3::handlers
