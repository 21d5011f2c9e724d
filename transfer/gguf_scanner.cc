// Tensors of GGUF files, versions 2 and 3 (ggml, docs/gguf.md): counts, metadata pairs, one record
// per tensor, then the tensors, each at an offset from the aligned end of the records.
#include <algorithm>
#include <vector>

#include "transfer/container.h"

namespace cairn::transfer::detail {
namespace {

constexpr size_t kHeadBytes = 24;  // Magic, version (4), number of tensors (8) and of pairs (8).
constexpr uint64_t kPairsMax = 65536;
constexpr uint64_t kNameBytesMax = 65535;
constexpr uint64_t kDimensionsMax = 8;
constexpr uint64_t kAlignmentDefault = 32;
constexpr uint64_t kAlignmentMax = 1 * MiB;
constexpr std::string_view kAlignmentKey = "general.alignment";

enum ValueType : uint32_t { kUint32 = 4, kString = 8, kArray = 9 };

// Of a value of fixed size; 0 for others.
uint64_t value_bytes(uint32_t type) {
  switch (type) {
    case 0:
    case 1:
    case 7: return 1;
    case 2:
    case 3: return 2;
    case 4:
    case 5:
    case 6: return 4;
    case 10:
    case 11:
    case 12: return 8;
    default: return 0;
  }
}

class GgufScanner final : public FieldScanner {
 public:
  GgufScanner() : FieldScanner(kHeadBytes) {}

 private:
  enum class State : uint8_t {
    kHead,
    kKeyLength,
    kKey,
    kType,
    kAlignment,
    kStringLength,
    kArrayHead,
    kElementLength,
    kNameLength,
    kDimensions,
    kTensor,
    kData,
  };

  uint64_t u64(size_t at = 0) const { return load_le<uint64_t>(field().data() + at); }
  uint32_t u32(size_t at = 0) const { return load_le<uint32_t>(field().data() + at); }
  void await(State state, size_t field_bytes) {
    state_ = state;
    expect(field_bytes);
  }

  Mark take_field() override {
    switch (state_) {
      case State::kHead: take_head(); break;
      case State::kKeyLength: take_length(State::kKey); break;
      case State::kKey:
        is_alignment_ = as_text(field()) == kAlignmentKey;
        await(State::kType, 4);
        break;
      case State::kType: take_type(u32()); break;
      case State::kAlignment: take_alignment(); break;
      case State::kStringLength: take_string(); break;
      case State::kArrayHead: take_array(); break;
      case State::kElementLength: take_element(); break;
      case State::kNameLength: take_name(); break;
      case State::kDimensions: take_dimensions(); break;
      case State::kTensor: return take_tensor();
      case State::kData: return go_on();
    }
    return Mark::kNone;
  }

  void take_head() {
    const uint32_t version = u32(4);
    tensors_left_ = u64(8);
    pairs_left_ = u64(16);
    if (version < 2 || version > 3 || tensors_left_ == 0 || tensors_left_ > kTensorsMax ||
        pairs_left_ > kPairsMax) {
      return give_up();
    }
    next_pair();
  }

  void next_pair() {
    if (pairs_left_ == 0) return await(State::kNameLength, 8);
    --pairs_left_;
    await(State::kKeyLength, 8);
  }

  void take_length(State next) {
    if (u64() > kNameBytesMax) return give_up();
    await(next, static_cast<size_t>(u64()));
  }

  void take_type(uint32_t type) {
    if (is_alignment_ && type == kUint32) return await(State::kAlignment, 4);
    if (type == kString) return await(State::kStringLength, 8);
    if (type == kArray) return await(State::kArrayHead, 12);
    if (value_bytes(type) == 0) return give_up();
    const uint64_t passed = value_bytes(type);
    next_pair();
    pass_over(passed);
  }

  void take_alignment() {
    alignment_ = u32();
    if (alignment_ == 0 || alignment_ > kAlignmentMax) return give_up();
    next_pair();
  }

  void take_string() {
    const uint64_t passed = u64();
    if (passed > kOffsetBytesMax) return give_up();
    next_pair();
    pass_over(passed);
  }

  void take_array() {
    const uint32_t type = u32();
    const uint64_t count = u64(4);
    if (count > (kOffsetBytesMax >> 3) || (type != kString && value_bytes(type) == 0)) {
      return give_up();
    }
    if (type == kString && count > 0) {
      elements_left_ = count;
      return await(State::kElementLength, 8);
    }
    const uint64_t passed = type == kString ? 0 : count * value_bytes(type);
    next_pair();
    pass_over(passed);
  }

  void take_element() {
    const uint64_t passed = u64();
    if (passed > kOffsetBytesMax) return give_up();
    if (--elements_left_ == 0) {
      next_pair();
    } else {
      await(State::kElementLength, 8);
    }
    pass_over(passed);
  }

  void take_name() {
    const uint64_t passed = u64();
    if (passed > kNameBytesMax) return give_up();
    await(State::kDimensions, 4);
    pass_over(passed);
  }

  void take_dimensions() {
    if (u32() > kDimensionsMax) return give_up();
    await(State::kTensor, u32() * 8 + 12);  // Sizes, type (4), offset (8).
  }

  Mark take_tensor() {
    const uint64_t offset = u64(field().size() - 8);
    if (offset < kOffsetBytesMax) offsets_.push_back(offset);
    if (--tensors_left_ > 0) {
      await(State::kNameLength, 8);
      return Mark::kNone;
    }
    // The length of a tensor is not told, but what begins behind it.
    std::ranges::sort(offsets_);
    const uint64_t data_begin = (position_bytes() + alignment_ - 1) / alignment_ * alignment_;
    for (size_t i = 0; i < offsets_.size(); ++i) {
      const uint64_t end =
          i + 1 < offsets_.size() ? offsets_[i + 1] : offsets_[i] + kLargeUnitBytes;
      if (end > offsets_[i]) marks_.add_unit(data_begin + offsets_[i], data_begin + end);
    }
    offsets_.clear();
    marks_.finish();
    state_ = State::kData;
    return go_on();
  }

  // To the next boundary.
  Mark go_on() {
    uint64_t offset = 0;
    Mark mark = Mark::kNone;
    if (!marks_.next(position_bytes(), offset, mark)) {
      give_up();
      return Mark::kNone;
    }
    expect(0);
    pass_over(offset - position_bytes(), mark);
    return Mark::kNone;
  }

  State state_ = State::kHead;
  uint64_t tensors_left_ = 0;
  uint64_t pairs_left_ = 0;
  uint64_t elements_left_ = 0;
  uint64_t alignment_ = kAlignmentDefault;
  bool is_alignment_ = false;  // The value of the pair is the alignment.
  std::vector<uint64_t> offsets_;
  MarkList marks_;
};

}  // namespace

std::unique_ptr<ContainerScanner> make_gguf_scanner() {
  return std::make_unique<GgufScanner>();
}

}  // namespace cairn::transfer::detail
