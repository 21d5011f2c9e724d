#include "server/pin_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "s3/uri.h"
#include "server/data_directory.h"

namespace cairn::server {
namespace {

std::unexpected<Error> damaged() {
  return fail(Code::kCorruption, "the list of pins is damaged: remove the file to begin without");
}

bool parse_number(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Letters, digits and a few marks stay; so no separator is in the result.
std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
    if (plain) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", byte);
    }
  }
  return out;
}

Result<CacheSelection> decode_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t second = line.find(' ', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return damaged();
  CacheSelection pin;
  const std::string_view range = line.substr(0, first);
  if (range != "-") {
    Result<ByteRange> parsed = parse_cache_range(range);
    if (!parsed) return damaged();
    pin.range = *parsed;
  }
  std::optional<std::string> bucket =
      s3::percent_decode(line.substr(first + 1, second - first - 1), s3::Plus::kLiteral);
  std::optional<std::string> prefix =
      s3::percent_decode(line.substr(second + 1), s3::Plus::kLiteral);
  if (!bucket || !prefix || bucket->empty()) return damaged();
  pin.bucket = std::move(*bucket);
  pin.prefix = std::move(*prefix);
  return pin;
}

}  // namespace

Result<ByteRange> parse_cache_range(std::string_view text) {
  const size_t dash = text.find('-');
  uint64_t first = 0;
  uint64_t last = 0;
  if (dash == std::string_view::npos || !parse_number(text.substr(0, dash), first) ||
      !parse_number(text.substr(dash + 1), last) || last < first || last == UINT64_MAX) {
    return fail(Code::kInvalidArgument, "range: expected FIRST-LAST, as in 0-1048575");
  }
  return ByteRange{first, last - first + 1};
}

std::string PinList::encode(const std::vector<CacheSelection>& pins) {
  std::string text;
  for (const CacheSelection& each : pins) {
    if (each.range) {
      fmt::format_to(std::back_inserter(text), "{}-{}", each.range->offset_bytes,
                     each.range->offset_bytes + each.range->size_bytes - 1);
    } else {
      text += '-';
    }
    text += ' ' + encoded(each.bucket) + ' ' + encoded(each.prefix) + '\n';
  }
  return text;
}

Result<std::vector<CacheSelection>> PinList::decode(std::string_view text) {
  std::vector<CacheSelection> pins;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos || pins.size() == kPinsMax) return damaged();
    Result<CacheSelection> pin = decode_line(text.substr(0, end));
    if (!pin) return std::unexpected(pin.error());
    pins.push_back(std::move(*pin));
    text.remove_prefix(end + 1);
  }
  return pins;
}

Result<PinList> PinList::open(std::string path) {
  PinList list(std::move(path));
  const Result<std::string> text = read_small_file(list.path_, kFileBytesMax);
  if (!text && text.error().code == Code::kNotFound) return list;
  if (!text) return std::unexpected(text.error());
  Result<std::vector<CacheSelection>> pins = decode(*text);
  if (!pins) return std::unexpected(pins.error());
  list.pins_ = std::move(*pins);
  return list;
}

Status PinList::store() const {
  return write_private_file(path_, encode(pins_));
}

Status PinList::add(const CacheSelection& pin) {
  if (std::ranges::find(pins_, pin) != pins_.end()) return {};
  if (pins_.size() >= kPinsMax) {
    return fail(Code::kResourceExhausted, "there are 1000 pins: unpin something, or pin a prefix");
  }
  pins_.push_back(pin);
  Status stored = store();
  if (!stored) pins_.pop_back();
  return stored;
}

Status PinList::remove(std::string_view bucket, std::string_view prefix) {
  const size_t removed = std::erase_if(pins_, [&](const CacheSelection& each) {
    return bucket.empty() || (each.bucket == bucket && each.prefix.starts_with(prefix));
  });
  return removed == 0 ? Status() : store();
}

}  // namespace cairn::server
