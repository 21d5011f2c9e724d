#include "object/site_messages.h"

#include <algorithm>

#include "base/bytes.h"
#include "proto/sync.pb.h"

namespace cairn::object {
namespace {

std::unexpected<Error> malformed() {
  return fail(Code::kInvalidArgument, "the body is no message of site sync (docs/site-sync.md)");
}

template <typename Message>
bool parse_message(Message& message, BytesView bytes) {
  return bytes.size() <= kReplicaRequestBytesMax &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

bool is_site(const std::string& text) {
  return text.size() == kSiteIdBytes;
}

std::string encode_names(const std::vector<ContentName>& names) {
  std::string out;
  out.reserve(names.size() * kContentNameBytes);
  for (const ContentName& name : names) {
    out.append(as_text(name.hash));
    uint8_t size[sizeof(uint32_t)];
    store_le(size, name.size_bytes);
    out.append(as_text(size));
  }
  return out;
}

bool parse_names(const std::string& text, std::vector<ContentName>& out) {
  if (text.size() % kContentNameBytes != 0) return false;
  const uint8_t* at = as_bytes(text).data();
  out.resize(text.size() / kContentNameBytes);
  for (ContentName& name : out) {
    std::copy_n(at, name.hash.size(), name.hash.begin());
    name.size_bytes = load_le<uint32_t>(at + name.hash.size());
    at += kContentNameBytes;
  }
  return true;
}

}  // namespace

std::string encode_replica(const ReplicaMessage& message) {
  proto::sync::ReplicaRequest out;
  out.set_kind(static_cast<uint32_t>(message.kind));
  out.set_site(message.replica.origin);
  // What only this site's store means stays here.
  Head head = message.replica.head;
  head.sha256.clear();
  head.has_chunks = false;
  head.body_sha256.reset();
  head.appends_count = 0;
  head.info.sse.clear();
  head.info.origin.clear();
  out.set_object(encode_head(head));
  for (const PartInfo& info : message.replica.parts) {
    Part part;
    part.info = info;
    out.add_parts(encode_part(part));
  }
  out.set_session(message.session);
  out.set_chunks(encode_names(message.chunks));
  out.set_body(message.body);
  return out.SerializeAsString();
}

Result<ReplicaMessage> parse_replica(BytesView bytes) {
  proto::sync::ReplicaRequest in;
  if (!parse_message(in, bytes) || in.kind() > static_cast<uint32_t>(ChangeKind::kMeta) ||
      !is_site(in.site()) || in.body().size() > kReplicaInlineBytesMax ||
      in.parts_size() > static_cast<int>(kPartNumberMax)) {
    return malformed();
  }
  ReplicaMessage out;
  out.kind = static_cast<ChangeKind>(in.kind());
  out.replica.origin = in.site();
  Result<Head> head = parse_head(as_bytes(in.object()));
  if (!head) return malformed();
  out.replica.head = std::move(*head);
  for (const std::string& text : in.parts()) {
    Result<Part> part = parse_part(as_bytes(text));
    if (!part) return malformed();
    out.replica.parts.push_back(std::move(part->info));
  }
  out.session = in.session();
  if (!parse_names(in.chunks(), out.chunks)) return malformed();
  out.body = std::move(*in.mutable_body());
  return out;
}

std::string encode_replica_reply(const ReplicaReply& reply) {
  proto::sync::ReplicaReply out;
  out.set_outcome(static_cast<uint32_t>(reply.outcome));
  out.set_site(reply.site);
  return out.SerializeAsString();
}

Result<ReplicaReply> parse_replica_reply(BytesView bytes) {
  proto::sync::ReplicaReply in;
  if (!parse_message(in, bytes) || !is_site(in.site()) ||
      in.outcome() > static_cast<uint32_t>(ReplicaOutcome::kMissing)) {
    return malformed();
  }
  return ReplicaReply{static_cast<ReplicaOutcome>(in.outcome()), in.site()};
}

std::string encode_question(const CompareQuestion& question) {
  proto::sync::CompareRequest out;
  out.set_site(question.site);
  for (const Compared& each : question.versions) {
    proto::sync::Compared* entry = out.add_versions();
    entry->set_key(each.key);
    entry->set_version_id(each.version_id);
    entry->set_etag(each.etag);
    entry->set_modified_unix_ms(each.modified.unix_ms);
    entry->set_changed_unix_ms(each.changed.unix_ms);
  }
  return out.SerializeAsString();
}

Result<CompareQuestion> parse_question(BytesView bytes) {
  proto::sync::CompareRequest in;
  if (!parse_message(in, bytes) || !is_site(in.site()) ||
      in.versions_size() > static_cast<int>(kComparedMax)) {
    return malformed();
  }
  CompareQuestion out;
  out.site = in.site();
  for (const proto::sync::Compared& each : in.versions()) {
    if (each.key().empty() || each.key().size() > kKeyBytesMax) return malformed();
    out.versions.push_back({each.key(), each.version_id(), each.etag(),
                            WallTime{each.modified_unix_ms()}, WallTime{each.changed_unix_ms()}});
  }
  return out;
}

std::string encode_answer(const CompareAnswer& answer) {
  proto::sync::CompareReply out;
  out.set_site(answer.site);
  out.set_is_versioned(answer.is_versioned);
  std::string states;
  for (const Comparison each : answer.answers) states.push_back(static_cast<char>(each));
  out.set_answers(states);
  return out.SerializeAsString();
}

Result<CompareAnswer> parse_answer(BytesView bytes, size_t versions_count) {
  proto::sync::CompareReply in;
  if (!parse_message(in, bytes) || !is_site(in.site()) || in.answers().size() != versions_count) {
    return malformed();
  }
  CompareAnswer out;
  out.site = in.site();
  out.is_versioned = in.is_versioned();
  for (const char state : in.answers()) {
    if (static_cast<uint8_t>(state) > static_cast<uint8_t>(Comparison::kMeta)) return malformed();
    out.answers.push_back(static_cast<Comparison>(state));
  }
  return out;
}

}  // namespace cairn::object
