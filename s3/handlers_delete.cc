// DeleteObject and DeleteObjects.
#include "base/dates.h"
#include "base/log.h"
#include "s3/access.h"
#include "s3/checksum_headers.h"
#include "s3/events.h"
#include "s3/handlers.h"
#include "s3/object_lock_headers.h"
#include "s3/write_conditions.h"
#include "s3/xml_reader.h"
#include "s3/xml_writer.h"

namespace cairn::s3::handlers {
namespace {

// Conditions of one deletion: If-Match, and what directory buckets know beside it.
S3Result<object::Conditions> delete_conditions(const Call& call) {
  object::Conditions conditions = write_conditions(call);
  if (const auto size = call.view.header("x-amz-if-match-size")) {
    conditions.size_bytes = parse_number(*size, 0, UINT64_MAX);
    if (!conditions.size_bytes) {
      return invalid_argument("Invalid x-amz-if-match-size", "x-amz-if-match-size", *size);
    }
  }
  if (const auto time = call.view.header("x-amz-if-match-last-modified-time")) {
    conditions.modified = parse_any_date(*time);
    if (!conditions.modified) {
      return invalid_argument("Invalid x-amz-if-match-last-modified-time",
                              "x-amz-if-match-last-modified-time", *time);
    }
  }
  return conditions;
}

// The fate of one key of a DeleteObjects.
struct Outcome {
  std::optional<S3Error> error;
  object::RemovedInfo removed;
};

// What one entry asks of object/.
S3Result<object::RemoveRequest> to_request(const DeleteEntry& entry, bool bypass) {
  if (S3Status good = check_key(entry.key); !good) return std::unexpected(good.error());
  object::RemoveRequest request;
  request.key = entry.key;
  request.version_id = entry.version_id.value_or("");
  request.bypass_governance = bypass;
  if (entry.etag) request.conditions.if_match = {*entry.etag};
  request.conditions.size_bytes = entry.size_bytes;
  request.conditions.modified = entry.last_modified;
  return request;
}

// Each key is a deletion of its own: what one may not delete does not keep the others.
S3Status authorize_entry(const Call& call, const DeleteEntry& entry, bool bypass) {
  const std::string_view version = entry.version_id ? *entry.version_id : std::string_view();
  const std::string_view action = versioned_action("s3:DeleteObject", !version.empty());
  const S3Status allowed = authorize_now(call, action, call.bucket, entry.key, version);
  if (!allowed || !bypass) return allowed;
  return authorize_now(call, "s3:BypassGovernanceRetention", call.bucket, entry.key, version);
}

// All entries in as few commits as possible.
io::Task<S3Result<std::vector<Outcome>>> delete_all(Call& call, const DeleteRequest& request) {
  std::vector<Outcome> outcomes(request.objects.size());
  std::vector<object::RemoveRequest> batch;
  std::vector<size_t> positions;
  const bool bypass = bypasses_governance(call);
  for (size_t i = 0; i < request.objects.size(); ++i) {
    const S3Status allowed = authorize_entry(call, request.objects[i], bypass);
    if (!allowed) outcomes[i].error = allowed.error();
    if (!allowed) continue;
    S3Result<object::RemoveRequest> one = to_request(request.objects[i], bypass);
    if (!one) {
      outcomes[i].error = std::move(one.error());
      continue;
    }
    batch.push_back(std::move(*one));
    positions.push_back(i);
  }
  if (batch.empty()) co_return outcomes;
  object::CommitHook hook = removal_hook(call, batch);
  Result<std::vector<object::RemovedInfo>> removed =
      co_await call.objects().remove(call.bucket, std::move(batch), std::move(hook));
  std::vector<object::RemovedInfo> infos = co_await or_fail(translated(call, std::move(removed)));
  for (size_t i = 0; i < infos.size(); ++i) {
    Outcome& outcome = outcomes[positions[i]];
    outcome.removed = std::move(infos[i]);
    if (outcome.removed.status) continue;
    outcome.error = translate_named(call, outcome.removed.status.error(), call.bucket.name,
                                    request.objects[positions[i]].key);
  }
  co_return outcomes;
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  if (out.back() != '{') out += ',';
  out.append("\"").append(name).append("\":\"");
  log::append_json_escaped(out, text);
  out += '"';
}

// RequestRecord::detail.
std::string audit_detail(const DeleteRequest& request, const std::vector<Outcome>& outcomes) {
  std::string out = "[";
  for (size_t i = 0; i < outcomes.size(); ++i) {
    out += i == 0 ? "{" : ",{";
    append_member(out, "key", request.objects[i].key);
    append_member(out, "version", request.objects[i].version_id.value_or(""));
    if (outcomes[i].error) append_member(out, "error", code_info(outcomes[i].error->code).name);
    out += '}';
  }
  return out + "]";
}

void write_outcome(XmlWriter& xml, const DeleteEntry& entry, const Outcome& outcome) {
  const std::string_view tag = outcome.error ? "Error" : "Deleted";
  xml.open(tag);
  xml.element("Key", entry.key);
  if (entry.version_id) xml.element("VersionId", *entry.version_id);
  if (outcome.error) {
    xml.element("Code", code_info(outcome.error->code).name);
    xml.element("Message", outcome.error->text());
  } else if (outcome.removed.is_delete_marker) {
    xml.element("DeleteMarker", true);
    xml.element("DeleteMarkerVersionId", outcome.removed.version_id);
  }
  xml.close(tag);
}

}  // namespace

Reply delete_object(Call& call) {
  object::RemoveRequest request;
  request.key = call.target.key;
  request.version_id = call.version_id();
  request.conditions = co_await or_fail(delete_conditions(call));
  request.bypass_governance = bypasses_governance(call);
  http::ResponseHead head = call.make_head(204);
  std::string asked = request.version_id;
  object::CommitHook hook = removal_hook(call, std::span(&request, 1));
  Result<object::RemovedInfo> done =
      co_await call.objects().remove_one(call.bucket, std::move(request), std::move(hook));
  const object::RemovedInfo removed = co_await or_fail(translated(call, std::move(done)));
  if (removed.is_delete_marker) head.add("x-amz-delete-marker", "true");
  const std::string& version = removed.version_id.empty() ? asked : removed.version_id;
  if (!version.empty()) head.add("x-amz-version-id", version);
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return S3Status();
}

Reply delete_objects(Call& call) {
  const BodyChecksums claimed = co_await or_fail(parse_body_checksums(call.view));
  if (!claimed.any()) {
    co_return s3_fail(S3Code::kInvalidRequest,
                      "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
  }
  const DeleteRequest request = co_await or_fail(parse_delete(call.document));
  const S3Result<std::vector<Outcome>> outcomes = co_await delete_all(call, request);
  if (!outcomes) co_return std::unexpected(outcomes.error());
  call.audit_detail = audit_detail(request, *outcomes);
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("DeleteResult");
  for (size_t i = 0; i < request.objects.size(); ++i) {
    const DeleteEntry& entry = request.objects[i];
    if (!(*outcomes)[i].error && request.quiet) continue;
    write_outcome(xml, entry, (*outcomes)[i]);
  }
  xml.close("DeleteResult");
  co_return co_await call.respond_xml(std::move(body));
}

}  // namespace cairn::s3::handlers
