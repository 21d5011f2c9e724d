#include "object/event_codec.h"

#include "base/bytes.h"
#include "proto/background.pb.h"

namespace cairn::object {
namespace {

constexpr std::string_view kPrefix = "q/";
constexpr size_t kNumbersBytes = 16;
constexpr size_t kEventBytesMax = 64 * 1024;

}  // namespace

std::string event_row(std::string_view target, uint64_t sequencer, uint64_t bucket_id) {
  std::string row = events_of(target);
  uint8_t numbers[kNumbersBytes];
  store_be(numbers, sequencer);
  store_be(numbers + 8, bucket_id);
  row.append(as_text(numbers));
  return row;
}

std::string events_of(std::string_view target) {
  std::string prefix(kPrefix);
  prefix.append(target).push_back('\0');
  return prefix;
}

std::string all_events() {
  return std::string(kPrefix);
}

std::optional<QueuedEvent> parse_event_row(std::string_view row) {
  if (row.size() < kPrefix.size() + 1 + kNumbersBytes || !row.starts_with(kPrefix)) {
    return std::nullopt;
  }
  const BytesView numbers = as_bytes(row.substr(row.size() - kNumbersBytes));
  QueuedEvent queued;
  queued.row = row;
  queued.sequencer = load_be<uint64_t>(numbers.data());
  queued.bucket_id = load_be<uint64_t>(numbers.data() + 8);
  return queued;
}

std::string encode_event(const Event& event) {
  proto::Event record;
  record.set_name(event.name);
  record.set_time_unix_ms(event.at.unix_ms);
  record.set_tenant(event.tenant.value);
  record.set_bucket(event.bucket);
  record.set_key(event.key);
  record.set_size_bytes(event.size_bytes);
  record.set_etag(event.etag);
  record.set_version_id(event.version_id);
  record.set_principal(event.principal);
  record.set_source_address(event.source_address);
  record.set_request_id(event.request_id);
  record.set_configuration_id(event.configuration_id);
  return record.SerializeAsString();
}

Result<Event> decode_event(BytesView bytes) {
  proto::Event record;
  if (bytes.size() > kEventBytesMax ||
      !record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(Code::kCorruption, "the record of an event does not parse");
  }
  Event event;
  event.name = record.name();
  event.at = WallTime{record.time_unix_ms()};
  event.tenant = TenantId{record.tenant()};
  event.bucket = record.bucket();
  event.key = record.key();
  event.size_bytes = record.size_bytes();
  event.etag = record.etag();
  event.version_id = record.version_id();
  event.principal = record.principal();
  event.source_address = record.source_address();
  event.request_id = record.request_id();
  event.configuration_id = record.configuration_id();
  return event;
}

}  // namespace cairn::object
