#include "server/audit_chain.h"

#include <charconv>
#include <cstring>

#include "base/encoding.h"
#include "server/log_text.h"

namespace cairn::server {
namespace {

constexpr std::string_view kSequenceMark = "{\"seq\":";
constexpr std::string_view kMacMark = ",\"mac\":\"";
constexpr std::string_view kLineEnd = "\"}";
constexpr std::string_view kPreviousMark = ",\"previous\":\"";
constexpr size_t kMacDigits = 64;

constexpr std::string_view kFilePrefix = "audit-";
constexpr std::string_view kFileSuffix = ".jsonl";
constexpr size_t kFileDigits = 20;

// format | first sequence | end sequence | end MAC | HMAC of all before.
constexpr uint8_t kAnchorFormat = 1;
constexpr size_t kAnchorBytes = 1 + 8 + 8 + 32;
constexpr std::string_view kAnchorContext = "cairn audit anchor 1";

AuditMac anchor_mac(BytesView key, std::string_view plain) {
  return crypto::hmac_sha256(key, as_bytes(std::string(kAnchorContext) + std::string(plain)));
}

std::optional<AuditMac> parse_mac(std::string_view digits) {
  const std::optional<Bytes> bytes = from_hex(digits);
  if (!bytes || bytes->size() != 32) return std::nullopt;
  AuditMac mac;
  std::memcpy(mac.data(), bytes->data(), mac.size());
  return mac;
}

}  // namespace

std::string encode_anchor(BytesView key, const AuditAnchor& anchor) {
  std::string value(kAnchorBytes, '\0');
  auto* at = reinterpret_cast<uint8_t*>(value.data());
  at[0] = kAnchorFormat;
  store_be(at + 1, anchor.first_sequence);
  store_be(at + 9, anchor.end.sequence);
  std::memcpy(at + 17, anchor.end.mac.data(), 32);
  const AuditMac mac = anchor_mac(key, value);
  value.append(reinterpret_cast<const char*>(mac.data()), mac.size());
  return value;
}

Result<AuditAnchor> decode_anchor(BytesView key, std::string_view value) {
  if (value.size() != kAnchorBytes + 32 || uint8_t(value[0]) != kAnchorFormat ||
      !crypto::equal_secret(anchor_mac(key, value.substr(0, kAnchorBytes)),
                            as_bytes(value.substr(kAnchorBytes)))) {
    return fail(Code::kCorruption, "the anchor of the audit log was altered");
  }
  const auto* at = reinterpret_cast<const uint8_t*>(value.data());
  AuditAnchor anchor;
  anchor.first_sequence = load_be<uint64_t>(at + 1);
  anchor.end.sequence = load_be<uint64_t>(at + 9);
  std::memcpy(anchor.end.mac.data(), at + 17, 32);
  return anchor;
}

Result<crypto::SecretKey> audit_key(const crypto::KeyRing& keys) {
  const std::shared_ptr<const crypto::TenantKeys> root = keys.current(crypto::kRootTenant);
  if (!root) return fail(Code::kNotFound, "the root tenant has no keys");
  crypto::Sha256Value key = crypto::hmac_sha256(root->id.view(), as_bytes("cairn audit 1"));
  crypto::SecretKey secret{BytesView(key)};
  // The copy on the stack is not left behind; volatile, so that the store is not dropped.
  for (volatile uint8_t& byte : key) byte = 0;
  return secret;
}

AuditMac AuditChain::mac_of(std::string_view text) const {
  std::string message(reinterpret_cast<const char*>(end_.mac.data()), end_.mac.size());
  message += text;
  return crypto::hmac_sha256(key_.view(), as_bytes(message));
}

void AuditChain::append(std::string_view fields, std::string& out) {
  const size_t begin = out.size();
  out.append(kSequenceMark).append(std::to_string(end_.sequence + 1)).append(",").append(fields);
  const AuditMac mac = mac_of(std::string_view(out).substr(begin));
  out.append(kMacMark).append(to_hex(mac)).append(kLineEnd).append("\n");
  end_ = {end_.sequence + 1, mac};
}

bool AuditChain::accept(std::string_view line) {
  const size_t tail = kMacMark.size() + kMacDigits + kLineEnd.size();
  if (line.size() <= tail || !line.ends_with(kLineEnd)) return false;
  const std::string_view text = line.substr(0, line.size() - tail);
  const std::string_view rest = line.substr(text.size());
  if (!rest.starts_with(kMacMark)) return false;
  const std::string head = std::string(kSequenceMark) + std::to_string(end_.sequence + 1) + ",";
  if (!text.starts_with(head)) return false;
  const std::optional<AuditMac> told = parse_mac(rest.substr(kMacMark.size(), kMacDigits));
  const AuditMac mac = mac_of(text);
  if (!told || !crypto::equal_secret(*told, mac)) return false;
  end_ = {end_.sequence + 1, mac};
  return true;
}

std::string audit_file_name(uint64_t first_sequence) {
  const std::string digits = std::to_string(first_sequence);
  std::string name(kFilePrefix);
  name.append(kFileDigits - digits.size(), '0').append(digits).append(kFileSuffix);
  return name;
}

std::optional<uint64_t> parse_audit_file_name(std::string_view name) {
  if (name.size() != kFilePrefix.size() + kFileDigits + kFileSuffix.size()) return std::nullopt;
  if (!name.starts_with(kFilePrefix) || !name.ends_with(kFileSuffix)) return std::nullopt;
  const std::string_view digits = name.substr(kFilePrefix.size(), kFileDigits);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::string audit_header_fields(const AuditPosition& before, std::string_view event, WallTime at) {
  std::string fields = "\"time\":\"";
  append_iso_time(fields, at);
  fields.append("\",\"event\":\"").append(event).append("\"").append(kPreviousMark);
  fields.append(to_hex(before.mac)).append("\"");
  return fields;
}

std::optional<AuditMac> previous_of(std::string_view header_line) {
  const size_t mark = header_line.find(kPreviousMark);
  if (mark == std::string_view::npos) return std::nullopt;
  return parse_mac(header_line.substr(mark + kPreviousMark.size()).substr(0, kMacDigits));
}

}  // namespace cairn::server
