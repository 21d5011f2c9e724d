#include "server/sync_admin.h"

#include <fmt/format.h>

#include <charconv>

#include "base/encoding.h"
#include "base/log.h"
#include "s3/uri.h"
#include "server/config.h"
#include "server/sync_sender.h"

namespace cairn::server {
namespace {

constexpr size_t kFailedShown = 100;

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out.append("\"").append(name).append("\":\"");
  log::append_json_escaped(out, text);
  out += '"';
}

std::string id_text(uint64_t id) {
  return fmt::format("{:016x}", id);
}

Result<s3::Query> parse_form(std::string_view text) {
  s3::S3Result<s3::Query> query = s3::parse_query(text);
  if (!query) return fail(Code::kInvalidArgument, "the parameters do not parse");
  return std::move(*query);
}

std::string text_of(const s3::Query& query, std::string_view name) {
  return std::string(query.find(name).value_or(""));
}

Result<uint64_t> parse_id(const s3::Query& query) {
  const std::string text = text_of(query, "id");
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(Code::kInvalidArgument, "id: expected the id that `sync list` shows");
  }
  return id;
}

Result<uint64_t> parse_bandwidth(const s3::Query& query) {
  std::string text = text_of(query, "bandwidth");
  if (text.ends_with("/s")) text.resize(text.size() - 2);
  if (text.empty()) return uint64_t{0};
  const Result<uint64_t> bytes = parse_size(text);
  if (bytes) return bytes;
  return fail(Code::kInvalidArgument,
              "bandwidth: expected bytes per second such as 100MiB; 0 = no limit");
}

// "https://host:9000/bucket" as endpoint and bucket.
Status parse_target(std::string_view to, object::SyncRule& rule) {
  const size_t scheme = to.find("://");
  const size_t slash = scheme == std::string_view::npos ? scheme : to.find('/', scheme + 3);
  const bool is_http = to.starts_with("http://") || to.starts_with("https://");
  if (!is_http || slash == std::string_view::npos || slash + 1 >= to.size() ||
      to.size() > object::kSyncTextBytesMax) {
    return fail(Code::kInvalidArgument, "to: expected https://HOST[:PORT]/BUCKET");
  }
  std::string_view bucket = to.substr(slash + 1);
  if (bucket.ends_with('/')) bucket.remove_suffix(1);
  if (bucket.find('/') != std::string_view::npos) {
    return fail(Code::kInvalidArgument, "to: keys are the same on both sides; name a bucket only");
  }
  rule.endpoint = to.substr(0, slash);
  rule.target_bucket = bucket;
  return {};
}

Result<object::SyncRule> parse_rule(const s3::Query& query) {
  object::SyncRule rule;
  if (const Status target = parse_target(text_of(query, "to"), rule); !target) {
    return std::unexpected(target.error());
  }
  rule.bucket = text_of(query, "bucket");
  rule.prefix = text_of(query, "prefix");
  rule.region = text_of(query, "region");
  if (rule.region.empty()) rule.region = "us-east-1";
  rule.access_key = text_of(query, "access-key");
  rule.ca_path = text_of(query, "ca");
  rule.kms_key = text_of(query, "kms-key");
  rule.sends_markers = text_of(query, "markers") != "no";
  rule.sends_removals = text_of(query, "removals") == "yes";
  for (const std::string* text : {&rule.prefix, &rule.region, &rule.access_key, &rule.kms_key}) {
    if (text->size() > object::kSyncTextBytesMax) {
      return fail(Code::kInvalidArgument, "a parameter is longer than 4096 bytes");
    }
  }
  if (rule.access_key.empty() || text_of(query, "secret-key").empty()) {
    return fail(Code::kInvalidArgument,
                "access-key and secret-key: name credentials of the other site");
  }
  const Result<uint64_t> bandwidth = parse_bandwidth(query);
  if (!bandwidth) return std::unexpected(bandwidth.error());
  rule.bandwidth_bytes = *bandwidth;
  return rule;
}

void append_rule(std::string& out, const SyncReading& reading) {
  const object::SyncRule& rule = reading.rule;
  out += '{';
  append_member(out, "id", id_text(rule.id));
  out += ',';
  append_member(out, "bucket", rule.bucket);
  out += ',';
  append_member(out, "prefix", rule.prefix);
  out += ',';
  append_member(out, "to", rule.endpoint + "/" + rule.target_bucket);
  out += ',';
  append_member(out, "peer", to_hex(as_bytes(rule.peer)));
  const std::string_view state = rule.is_paused                  ? "paused"
                                 : !reading.last_failure.empty() ? "failing"
                                 : reading.is_comparing          ? "comparing"
                                 : reading.pending_changes > 0   ? "sending"
                                                                 : "in step";
  out += ',';
  append_member(out, "state", state);
  out += ',';
  append_member(out, "last_failure", reading.last_failure);
  fmt::format_to(std::back_inserter(out),
                 ",\"lag_seconds\":{:.3f},\"pending_changes\":{},\"pending_bytes\":{},"
                 "\"failed_changes\":{},\"applied\":{},\"sent_bytes\":{},\"saved_bytes\":{},"
                 "\"skipped\":{},\"compared\":{},\"bandwidth\":{},\"markers\":{},\"removals\":{},"
                 "\"runs_here\":{}}}",
                 reading.lag_seconds, reading.pending_changes, reading.pending_bytes,
                 reading.failed_changes, reading.counters.applied,
                 reading.counters.bytes.sent_bytes, reading.counters.bytes.saved_bytes,
                 reading.counters.skipped, reading.compared, rule.bandwidth_bytes,
                 rule.sends_markers, rule.sends_removals, reading.is_run_here);
}

}  // namespace

std::string SyncAdmin::list() const {
  std::string out = "{\"rules\":[";
  bool first = true;
  for (const SyncReading& reading : worker_.read()) {
    if (!first) out += ',';
    first = false;
    append_rule(out, reading);
  }
  return out + "]}\n";
}

io::Task<Result<std::string>> SyncAdmin::add(std::string form) {
  const s3::Query query = co_await io::or_return(parse_form(form));
  object::SyncRule rule = co_await io::or_return(parse_rule(query));
  const object::BucketInfo bucket = co_await io::or_return(objects_.find_bucket(rule.bucket));
  rule.bucket_id = bucket.id;
  rule.tenant = bucket.tenant;
  object::SiteSync& sync = *objects_.site_sync();
  for (const object::KnownRule& known : sync.tail().rules()) {
    const bool is_same =
        known.rule.bucket_id == rule.bucket_id && known.rule.endpoint == rule.endpoint &&
        known.rule.target_bucket == rule.target_bucket && known.rule.prefix == rule.prefix;
    if (is_same)
      co_return fail(Code::kAlreadyExists, "there is such a rule: " + id_text(known.rule.id));
  }
  // Who is there, and whether the credentials hold: better said now than in a log.
  SyncCounters counters;
  const std::string secret = text_of(query, "secret-key");
  const std::unique_ptr<SyncSender> sender =
      co_await io::or_return(SyncSender::create(objects_, rule, secret, counters));
  const transfer::S3Result<object::CompareAnswer> answer = co_await sender->compare({}, {});
  co_await sender->close();
  if (!answer) {
    const transfer::Failure& failure = answer.error();
    co_return fail(failure.status == 0 ? Code::kFailedPrecondition : Code::kInvalidArgument,
                   "the other site refuses: " + failure.code + " " + failure.error.message);
  }
  const bool is_itself = answer->site == sync.site() && rule.target_bucket == rule.bucket;
  if (is_itself) co_return fail(Code::kInvalidArgument, "to: that is this very bucket");
  if (bucket.is_versioned() && !answer->is_versioned) {
    co_return fail(Code::kFailedPrecondition,
                   "the bucket has versioning and the target has none: turn it on there");
  }
  if (!bucket.is_versioned() && answer->is_versioned) {
    co_return fail(Code::kFailedPrecondition,
                   "the target has versioning and the bucket has none: turn it on here");
  }
  rule.peer = answer->site;
  rule = co_await io::or_return(sync.tail().add_rule(std::move(rule), secret));
  std::string out = "{";
  append_member(out, "id", id_text(rule.id));
  out += ',';
  append_member(out, "peer", to_hex(as_bytes(rule.peer)));
  co_return out + "}\n";
}

io::Task<Result<std::string>> SyncAdmin::failed(object::SyncRule rule) {
  const std::vector<object::PendingChange> failures =
      co_await io::or_return(objects_.site_sync()->tail().read_failures(rule.id, 0, kFailedShown));
  std::string out = "{\"failed\":[";
  bool first = true;
  for (const object::PendingChange& pending : failures) {
    if (!pending.change) continue;
    out += first ? "{" : ",{";
    first = false;
    append_member(out, "key", pending.change->key);
    out += ',';
    append_member(out, "version_id", pending.change->version_id);
    out += ',';
    append_member(out, "reason", pending.change->reason);
    fmt::format_to(std::back_inserter(out), ",\"attempts\":{}}}", pending.change->attempts);
  }
  co_return out + "]}\n";
}

io::Task<Result<std::string>> SyncAdmin::run(std::string command, std::string form) {
  if (command == "sync-add") co_return co_await add(std::move(form));
  if (command == "sync-list") co_return list();
  const s3::Query query = co_await io::or_return(parse_form(form));
  const uint64_t id = co_await io::or_return(parse_id(query));
  object::SyncTail& tail = objects_.site_sync()->tail();
  std::optional<object::KnownRule> known = tail.rule(id);
  if (!known) co_return fail(Code::kNotFound, "there is no such sync rule");
  object::SyncRule& rule = known->rule;
  if (command == "sync-failed") co_return co_await failed(rule);
  if (command == "sync-pause" || command == "sync-resume") {
    rule.is_paused = command == "sync-pause";
    co_await io::or_return(tail.change_rule(rule));
  } else if (command == "sync-bandwidth") {
    rule.bandwidth_bytes = co_await io::or_return(parse_bandwidth(query));
    co_await io::or_return(tail.change_rule(rule));
  } else if (command == "sync-retry") {
    co_await io::or_return(tail.retry_failures(rule));
  } else if (command == "sync-compare") {
    co_await io::or_return(tail.ask_for_comparison(id));
  } else if (command == "sync-remove") {
    co_await io::or_return(tail.remove_rule(id));
  } else {
    co_return fail(Code::kNotFound, "there is no such command");
  }
  co_return "{\"id\":\"" + id_text(id) + "\"}\n";
}

}  // namespace cairn::server
