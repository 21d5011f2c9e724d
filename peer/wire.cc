#include "peer/wire.h"

#include <fmt/format.h>

#include <charconv>

#include "base/encoding.h"

namespace cairn::peer {
namespace {

constexpr size_t kQueryBytesMax = 256;

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool take_flag(std::string_view value, bool& into) {
  into = value == "1";
  return into;
}

// False for a value that the parameter cannot have. What is not known is of a newer version, which
// asks nothing that an older one must understand.
bool take_parameter(Question& question, std::string_view name, std::string_view value) {
  if (name == "copy") return take_flag(value, question.is_copy);
  if (name == "pin") return take_flag(value, question.pin);
  if (name == "warm") return take_flag(value, question.warm);
  if (name != "from" && name != "size" && name != "urgency") return true;
  const std::optional<uint64_t> number = parse_number(value);
  if (!number) return false;
  if (name == "from") question.range.offset_bytes = *number;
  if (name == "size") question.range.size_bytes = *number;
  if (name != "urgency") return true;
  question.urgency = static_cast<storage::Urgency>(*number);
  return *number <= static_cast<uint64_t>(storage::Urgency::kBackground);
}

}  // namespace

std::string target_of(const Question& question) {
  std::string target = fmt::format("{}{}?from={}&size={}", kChunksPath, question.chunk.to_hex(),
                                   question.range.offset_bytes, question.range.size_bytes);
  if (question.is_copy) target += "&copy=1";
  if (question.pin) target += "&pin=1";
  if (question.warm) target += "&warm=1";
  if (question.urgency != storage::Urgency::kClient) {
    target += fmt::format("&urgency={}", static_cast<unsigned>(question.urgency));
  }
  return target;
}

std::optional<Question> parse_question(std::string_view path, std::string_view query) {
  Question question;
  if (!path.starts_with(kChunksPath) || query.size() > kQueryBytesMax) return std::nullopt;
  path.remove_prefix(kChunksPath.size());
  if (path.size() != 2 * question.chunk.bytes.size()) return std::nullopt;
  const std::optional<Bytes> id = from_hex(path);
  if (!id) return std::nullopt;
  std::copy(id->begin(), id->end(), question.chunk.bytes.begin());
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view each = query.substr(0, end);
    const size_t equals = std::min(each.find('='), each.size());
    const std::string_view value = each.substr(std::min(equals + 1, each.size()));
    if (!take_parameter(question, each.substr(0, equals), value)) return std::nullopt;
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  const ByteRange range = question.range;
  if (range.size_bytes == 0 || range.size_bytes > kPayloadBytesMax ||
      range.offset_bytes >= kPayloadBytesMax) {
    return std::nullopt;
  }
  return question;
}

std::array<uint8_t, 1 + kAnswerHeadBytes> encode(const AnswerHead& head) {
  std::array<uint8_t, 1 + kAnswerHeadBytes> bytes{};
  bytes[0] = kAnswerMark;
  bytes[1] = static_cast<uint8_t>(head.outcome);
  bytes[2] = head.owners_count;
  store_le(&bytes[3], head.header_bytes);
  store_le(&bytes[5], head.data_bytes);
  store_le(&bytes[9], head.payload_bytes);
  store_le(&bytes[17], head.checksum);
  return bytes;
}

std::optional<AnswerHead> decode_answer(BytesView bytes) {
  if (bytes.size() != kAnswerHeadBytes) return std::nullopt;
  if (bytes[0] > static_cast<uint8_t>(AnswerHead::Outcome::kFailed)) return std::nullopt;
  AnswerHead head;
  head.outcome = static_cast<AnswerHead::Outcome>(bytes[0]);
  head.owners_count = bytes[1];
  head.header_bytes = load_le<uint16_t>(&bytes[2]);
  head.data_bytes = load_le<uint32_t>(&bytes[4]);
  head.payload_bytes = load_le<uint64_t>(&bytes[8]);
  head.checksum = load_le<uint64_t>(&bytes[16]);
  if (head.owners_count == 0 || head.owners_count > kOwnersMax) return std::nullopt;
  if (head.header_bytes > crypto::kSealedHeaderBytesMax) return std::nullopt;
  if (head.payload_bytes > kPayloadBytesMax || head.data_bytes > head.payload_bytes) {
    return std::nullopt;
  }
  return head;
}

}  // namespace cairn::peer
