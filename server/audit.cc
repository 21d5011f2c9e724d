#include "server/audit.h"

#include "base/log.h"
#include "io/blocking.h"
#include "io/reactor.h"
#include "server/log_text.h"

namespace cairn::server {
namespace {

constexpr Duration kAnchorInterval = seconds(1);

void append_text(std::string& out, std::string_view name, std::string_view text) {
  if (!text.empty()) append_text_field(out, name, text);
}

void append_time(std::string& out, WallTime at) {
  out += "\"time\":\"";
  append_iso_time(out, at);
  out += '"';
}

}  // namespace

Result<std::string> audit_anchor_row(const catalog::Catalog& catalog,
                                     const DataDirectory& directory) {
  std::string row(kAuditAnchorRow);
  if (!catalog.is_shared()) return row;
  const Result<std::string> node = directory.node_id();
  if (!node) return std::unexpected(node.error());
  return row + "/" + *node;
}

io::Task<Result<AuditAnchor>> load_anchor(catalog::Catalog& catalog, std::string row,
                                          const crypto::SecretKey& key) {
  const std::optional<catalog::Entry> entry = co_await io::or_return(catalog.get(std::move(row)));
  if (!entry) co_return AuditAnchor();
  co_return decode_anchor(key.view(), entry->value);
}

io::Task<Result<std::unique_ptr<Audit>>> Audit::open(AuditOptions options,
                                                     catalog::Catalog& catalog,
                                                     const crypto::KeyRing& keys) {
  crypto::SecretKey key = co_await io::or_return(audit_key(keys));
  std::unique_ptr<Audit> audit(new Audit(catalog, std::move(key), options.directory));
  audit->anchor_row_ = options.anchor_row;
  audit->stored_ = co_await io::or_return(load_anchor(catalog, audit->anchor_row_, audit->key_));
  // Start-up: nothing else runs on this reactor yet, so the log may block.
  Result<std::unique_ptr<AuditLog>> log =
      AuditLog::open(std::move(options), audit->key_, audit->stored_);
  if (!log) co_return std::unexpected(log.error());
  audit->log_ = std::move(*log);
  co_await io::or_return(audit->store_anchor());
  co_return audit;
}

io::Task<Status> Audit::store_anchor() {
  const AuditAnchor now = log_->anchor();
  if (now == stored_) co_return Status();
  catalog::Batch batch;
  batch.puts.push_back({anchor_row_, encode_anchor(key_.view(), now)});
  co_await io::or_return(catalog_.commit(std::move(batch)));
  const bool removes = now.first_sequence != stored_.first_sequence;
  stored_ = now;
  if (removes) {
    co_await io::or_return(io::blocking_pool().run([this, now] { log_->remove_before(now); }));
  }
  co_return Status();
}

io::Task<Status> Audit::close() {
  Status flushed =
      co_await io::or_return(io::blocking_pool().run([log = log_.get()] { return log->flush(); }));
  const Status stored = co_await store_anchor();
  if (!flushed) co_return flushed;
  co_return stored;
}

io::Task<void> Audit::keep_anchor(io::StopToken stop) {
  bool failing = false;
  while (!stop.stop_requested()) {
    const Status stored = co_await store_anchor();
    if (!stored && !failing) {
      log::error("audit-anchor-failed", {{"message", std::string_view(stored.error().message)}});
    }
    failing = !stored;
    // A stop ends the pause early; the loop's condition sees it.
    static_cast<void>(co_await io::sleep_for(kAnchorInterval, stop));
  }
}

io::Task<Result<std::string>> Audit::verify() {
  const AuditAnchor anchor = co_await io::or_return(load_anchor(catalog_, anchor_row_, key_));
  const auto check = [this, anchor]() -> Result<AuditReport> {
    const Status flushed = log_->flush();
    if (!flushed) return std::unexpected(flushed.error());
    return verify_audit(directory_, key_, anchor);
  };
  const Result<AuditReport> report = co_await io::or_return(io::blocking_pool().run(check));
  if (!report) co_return std::unexpected(report.error());
  co_return to_json(*report);
}

bool Audit::wants(const s3::RequestRecord& record) {
  if (record.method.empty()) return false;
  return record.may_change || record.status == 401 || record.status == 403;
}

void Audit::format(std::string& out, const s3::RequestRecord& record, WallTime at) {
  append_time(out, at);
  append_text(out, "request_id", record.request_id);
  append_text(out, "remote", record.remote);
  append_text(out, "access_key", record.access_key);
  append_text(out, "principal", record.principal);
  append_text(out, "method", record.method);
  append_text(out, "route", record.route);
  append_text(out, "action", record.action);
  append_text(out, "bucket", record.bucket);
  append_text(out, "key", record.key);
  append_text(out, "version", record.version_id);
  append_count_field(out, "status", record.status);
  append_text(out, "error", record.error_code);
  if (!record.detail.empty()) out.append(",\"objects\":").append(record.detail);
  if (record.aborted) out += ",\"aborted\":true";
}

void Audit::record(size_t core, const s3::RequestRecord& record, WallTime at) {
  std::string fields;
  fields.reserve(384);
  format(fields, record, at);
  log_->append(core, fields);
}

void Audit::record_command(std::string_view name, std::string_view remote, int status,
                           WallTime at) {
  std::string fields;
  append_time(fields, at);
  append_text(fields, "remote", remote);
  append_text(fields, "principal", "admin-token");
  append_text(fields, "action", "admin:" + std::string(name));
  append_count_field(fields, "status", static_cast<uint64_t>(status));
  log_->append(0, fields);
}

void Audit::record_own(std::string_view action, std::string_view bucket, std::string_view key,
                       std::string_view version_id, std::string_view result, WallTime at) {
  std::string fields;
  append_time(fields, at);
  append_text(fields, "principal", "cairn");
  append_text(fields, "action", action);
  append_text(fields, "bucket", bucket);
  append_text(fields, "key", key);
  append_text(fields, "version", version_id);
  append_text(fields, "result", result);
  log_->append(0, fields);
}

}  // namespace cairn::server
