// Members of tar archives: POSIX ustar and pax (IEEE Std 1003.1, pax), GNU and old ones.
#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "transfer/container.h"

namespace cairn::transfer::detail {
namespace {

constexpr size_t kBlockBytes = 512;
constexpr uint64_t kPaxBytesMax = 64 * KiB;  // Larger extended headers are passed over.
constexpr size_t kSizeAt = 124;
constexpr size_t kChecksumAt = 148;
constexpr size_t kTypeAt = 156;
constexpr size_t kNumberBytes = 12;
constexpr size_t kChecksumBytes = 8;
constexpr size_t kGnuSparseMoreAt = 482;

// Octal digits between blanks, or GNU's binary form with the first bit set.
std::optional<uint64_t> number(BytesView text) {
  if ((text[0] & 0x80) != 0) {
    uint64_t value = text[0] & 0x7f;
    for (const uint8_t byte : text.subspan(1)) {
      if (value > (kOffsetBytesMax >> 8)) return std::nullopt;
      value = (value << 8) | byte;
    }
    return value;
  }
  uint64_t value = 0;
  size_t at = 0;
  while (at < text.size() && text[at] == ' ') ++at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '7'; ++at) {
    value = value * 8 + (text[at] - '0');
  }
  for (; at < text.size(); ++at) {
    if (text[at] != ' ' && text[at] != '\0') return std::nullopt;
  }
  return value;
}

// The sum of the header's bytes with blanks for the sum itself; old archives added signed chars.
bool is_header(BytesView block) {
  const std::optional<uint64_t> expected = number(block.subspan(kChecksumAt, kChecksumBytes));
  int64_t sum = 0;
  int64_t signed_sum = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const bool in_sum = i >= kChecksumAt && i < kChecksumAt + kChecksumBytes;
    sum += in_sum ? ' ' : block[i];
    signed_sum += in_sum ? ' ' : static_cast<int8_t>(block[i]);
  }
  return expected &&
         (static_cast<int64_t>(*expected) == sum || static_cast<int64_t>(*expected) == signed_sum);
}

// The value of "size" among pax records, "length key=value\n" each.
std::optional<uint64_t> pax_size(std::string_view records) {
  std::optional<uint64_t> size;
  while (!records.empty()) {
    size_t length = 0;
    const auto [end, error] =
        std::from_chars(records.data(), records.data() + records.size(), length);
    const auto digits = static_cast<size_t>(end - records.data());
    if (error != std::errc() || length <= digits || length > records.size()) return size;
    const std::string_view record = records.substr(digits, length - digits);
    constexpr std::string_view kKey = " size=";
    if (record.starts_with(kKey)) {
      uint64_t value = 0;
      const std::string_view text = record.substr(kKey.size());
      std::from_chars(text.data(), text.data() + text.size(), value);
      size = value;
    }
    records.remove_prefix(length);
  }
  return size;
}

class TarScanner final : public FieldScanner {
 public:
  TarScanner() : FieldScanner(kBlockBytes) {}

 private:
  Mark take_field() override {
    if (is_pax_) return take_pax();
    if (field()[0] == 0 || !is_header(field())) {
      give_up();  // The blocks of zeros at the end, or no archive.
      return Mark::kNone;
    }
    std::optional<uint64_t> size = number(field().subspan(kSizeAt, kNumberBytes));
    const auto type = static_cast<char>(field()[kTypeAt]);
    if (type == 'S' && field()[kGnuSparseMoreAt] != 0) size.reset();  // Header blocks follow.
    const bool has_data = type < '1' || type > '6';
    const bool is_member = type == '0' || type == '\0' || type == '7' || type == 'S';
    if (is_member && pax_size_) size = std::exchange(pax_size_, std::nullopt);
    if (!size || *size > kOffsetBytesMax) {
      give_up();
      return Mark::kNone;
    }
    expect(kBlockBytes);
    if (!has_data || *size == 0) return Mark::kNone;
    const uint64_t padded = round_up(*size, kBlockBytes);
    if (type == 'x' && padded <= kPaxBytesMax) {
      is_pax_ = true;
      expect(static_cast<size_t>(padded));
      return Mark::kNone;
    }
    const Mark begin = is_member ? mark_of(*size) : Mark::kNone;
    pass_over(padded, begin > Mark::kSmall ? Mark::kUnit : Mark::kNone);
    return begin;
  }

  Mark take_pax() {
    is_pax_ = false;
    pax_size_ = pax_size(as_text(field()));
    expect(kBlockBytes);
    return Mark::kNone;
  }

  bool is_pax_ = false;
  std::optional<uint64_t> pax_size_;  // Of the next member.
};

}  // namespace

std::unique_ptr<ContainerScanner> make_tar_scanner() {
  return std::make_unique<TarScanner>();
}

}  // namespace cairn::transfer::detail
