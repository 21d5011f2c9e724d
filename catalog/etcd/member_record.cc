#include "catalog/etcd/member_record.h"

#include <algorithm>

#include "proto/peer.pb.h"

namespace cairn::catalog::etcd {
namespace {

constexpr size_t kTextBytesMax = 256;

// What is shown in tables and logs.
bool is_plain(std::string_view text) {
  return text.size() <= kTextBytesMax &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

std::optional<std::string_view> name_behind(std::string_view key, const std::string& front) {
  if (!key.starts_with(front)) return std::nullopt;
  key.remove_prefix(front.size());
  if (!cluster::is_member_name(key)) return std::nullopt;
  return key;
}

}  // namespace

std::string encode_member(const MemberRecord& record) {
  proto::peer::Member message;
  message.set_node(record.node);
  message.set_address(record.member.address);
  message.set_capacity_bytes(record.member.capacity_bytes);
  message.set_zone(record.member.zone);
  message.set_version(record.member.version);
  message.set_started_ms(record.member.started_ms);
  return message.SerializeAsString();
}

std::optional<MemberRecord> decode_member(std::string_view name, std::string_view value) {
  proto::peer::Member message;
  if (value.size() > kMemberBytesMax || !cluster::is_member_name(name) ||
      !message.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return std::nullopt;
  }
  for (const std::string& text :
       {message.node(), message.address(), message.zone(), message.version()}) {
    if (!is_plain(text)) return std::nullopt;
  }
  MemberRecord record;
  record.node = message.node();
  record.member.name = name;
  record.member.address = message.address();
  record.member.capacity_bytes = message.capacity_bytes();
  record.member.zone = message.zone();
  record.member.version = message.version();
  record.member.started_ms = message.started_ms();
  return record;
}

std::optional<std::string_view> member_of_key(const Layout& layout, std::string_view key) {
  return name_behind(key, layout.member(""));
}

std::optional<std::string_view> draining_of_key(const Layout& layout, std::string_view key) {
  return name_behind(key, layout.draining(""));
}

}  // namespace cairn::catalog::etcd
