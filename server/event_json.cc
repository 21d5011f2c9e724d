#include "server/event_json.h"

#include <fmt/format.h>

#include "base/log.h"
#include "server/log_text.h"

namespace cairn::server {
namespace {

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  log::append_json_escaped(out, text);
  out += '"';
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  append_quoted(out, name);
  out += ':';
  append_quoted(out, text);
}

// As S3 encodes keys in events: form encoding, a space is '+', '/' stays.
std::string url_encoded(std::string_view key) {
  std::string out;
  for (const char c : key) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '*' || c == '/';
    if (plain) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return out;
}

std::string time_text(WallTime at) {
  std::string text;
  append_iso_time(text, at);
  return text;
}

std::string test_event(const object::Event& event, const EventContext& context) {
  std::string out = "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",";
  append_member(out, "Time", time_text(event.at));
  out += ',';
  append_member(out, "Bucket", event.bucket);
  out += ',';
  append_member(out, "RequestId", event.request_id);
  out += ',';
  append_member(out, "HostId", context.host_id);
  return out + "}";
}

void append_object(std::string& out, const object::Event& event, uint64_t sequencer) {
  out += "\"object\":{";
  append_member(out, "key", url_encoded(event.key));
  // What is removed has neither size nor ETag in S3's events.
  if (event.name.starts_with("ObjectCreated:")) {
    out += fmt::format(",\"size\":{},", event.size_bytes);
    append_member(out, "eTag", event.etag);
  } else if (!event.etag.empty()) {
    out += ',';
    append_member(out, "eTag", event.etag);
  }
  if (!event.version_id.empty()) {
    out += ',';
    append_member(out, "versionId", event.version_id);
  }
  out += fmt::format(",\"sequencer\":\"{:016X}\"}}", sequencer);
}

}  // namespace

std::string event_json(const object::Event& event, uint64_t sequencer,
                       const EventContext& context) {
  if (event.name == kTestEventName) return test_event(event, context);
  std::string out = "{\"Records\":[{\"eventVersion\":\"2.2\",\"eventSource\":\"aws:s3\",";
  append_member(out, "awsRegion", context.region);
  out += ',';
  append_member(out, "eventTime", time_text(event.at));
  out += ',';
  append_member(out, "eventName", event.name);
  out += ",\"userIdentity\":{";
  append_member(out, "principalId", event.principal);
  out += "},\"requestParameters\":{";
  append_member(out, "sourceIPAddress", event.source_address);
  out += "},\"responseElements\":{";
  append_member(out, "x-amz-request-id", event.request_id);
  out += ',';
  append_member(out, "x-amz-id-2", context.host_id);
  out += "},\"s3\":{\"s3SchemaVersion\":\"1.0\",";
  append_member(out, "configurationId", event.configuration_id);
  out += ",\"bucket\":{";
  append_member(out, "name", event.bucket);
  out += fmt::format(",\"ownerIdentity\":{{\"principalId\":\"{}\"}},", event.tenant.value);
  append_member(out, "arn", "arn:aws:s3:::" + event.bucket);
  out += "},";
  append_object(out, event, sequencer);
  return out + "}}]}";
}

}  // namespace cairn::server
