// Tensors of safetensors files: length of the header (8, little-endian), header in JSON, data. Of
// the JSON only the "data_offsets" are looked for (huggingface/safetensors, README, "Format").
#include <algorithm>
#include <array>

#include "transfer/container.h"

namespace cairn::transfer::detail {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kHeaderBytesMin = 2;  // "{}"
constexpr uint64_t kHeaderBytesMax = 100 * MiB;
constexpr std::string_view kKey = "\"data_offsets\"";

class SafetensorsScanner final : public ContainerScanner {
 public:
  Step step(BytesView bytes) override {
    if (position_ < kLengthBytes) {
      header_bytes_ |= uint64_t{bytes[0]} << (8 * position_);
      ++position_;
      if (position_ == kLengthBytes) {
        is_done_ = header_bytes_ < kHeaderBytesMin || header_bytes_ > kHeaderBytesMax;
      }
      return {1, Mark::kNone};
    }
    const uint64_t data_begin = kLengthBytes + header_bytes_;
    if (position_ < data_begin) {
      const auto size =
          static_cast<size_t>(std::min<uint64_t>(data_begin - position_, bytes.size()));
      for (const uint8_t byte : bytes.first(size)) take(static_cast<char>(byte));
      position_ += size;
      if (position_ < data_begin) return {size, Mark::kNone};
      marks_.finish();
      is_done_ = !marks_.next(position_, next_, next_mark_);
      return {size, Mark::kUnit};
    }
    const auto passed = static_cast<size_t>(std::min<uint64_t>(next_ - position_, bytes.size()));
    position_ += passed;
    if (position_ < next_) return {passed, Mark::kNone};
    const Mark mark = next_mark_;
    is_done_ = !marks_.next(position_, next_, next_mark_);
    return {passed, mark};
  }

 private:
  // One byte of the header. Behind the key come a colon, a bracket and two numbers.
  void take(char byte) {
    if (matched_ < kKey.size()) {
      // The only proper prefix of the key that ends it is its quote.
      matched_ = byte == kKey[matched_] ? matched_ + 1 : (byte == '"' ? 1 : 0);
      if (matched_ == kKey.size()) expected_ = 0;
      return;
    }
    if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') return;
    const bool is_digit = byte >= '0' && byte <= '9';
    if (is_digit && (expected_ == 2 || expected_ == 3)) {
      uint64_t& value = offsets_[expected_ - 2];
      value = value > kOffsetBytesMax / 10 ? kOffsetBytesMax : value * 10 + uint64_t(byte - '0');
      return;
    }
    static constexpr std::string_view kOrder = ":[,]";
    if (expected_ >= kOrder.size() || byte != kOrder[expected_]) {
      matched_ = byte == '"' ? 1 : 0;
      return;
    }
    if (expected_ == 1) offsets_ = {0, 0};
    if (++expected_ < kOrder.size()) return;
    matched_ = 0;
    const bool fits = offsets_[0] < offsets_[1] && offsets_[1] < kOffsetBytesMax;
    if (!fits || tensors_count_ == kTensorsMax) return;
    ++tensors_count_;
    const uint64_t data_begin = kLengthBytes + header_bytes_;
    marks_.add_unit(data_begin + offsets_[0], data_begin + offsets_[1]);
  }

  uint64_t position_ = 0;
  uint64_t header_bytes_ = 0;
  size_t matched_ = 0;   // Of the key.
  size_t expected_ = 0;  // Which of kOrder comes next, behind the key.
  std::array<uint64_t, 2> offsets_{};
  size_t tensors_count_ = 0;
  MarkList marks_;
  uint64_t next_ = 0;
  Mark next_mark_ = Mark::kNone;
};

}  // namespace

std::unique_ptr<ContainerScanner> make_safetensors_scanner() {
  return std::make_unique<SafetensorsScanner>();
}

}  // namespace cairn::transfer::detail
