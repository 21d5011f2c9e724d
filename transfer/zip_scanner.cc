// Members of zip archives (PKWARE APPNOTE 6.3.10), by their local headers; jars, wheels, docx too.
#include <algorithm>
#include <optional>

#include "transfer/container.h"

namespace cairn::transfer::detail {
namespace {

constexpr std::string_view kLocalHeader = "PK\x03\x04";
constexpr std::string_view kCentralHeader = "PK\x01\x02";
constexpr size_t kSignatureBytes = 4;
constexpr size_t kHeaderBytes = 30;
constexpr uint16_t kVersionMax = 100;
constexpr uint16_t kSizesFollowFlag = 8;
constexpr uint32_t kIsInExtra = 0xffffffff;
constexpr uint16_t kZip64Id = 1;

// The compressed size in the zip64 extra field; the size before compression may precede it.
std::optional<uint64_t> zip64_size(BytesView extra, bool has_plain_size) {
  while (extra.size() >= 4) {
    const auto id = load_le<uint16_t>(extra.data());
    const size_t size = load_le<uint16_t>(extra.data() + 2);
    extra = extra.subspan(4);
    if (size > extra.size()) return std::nullopt;
    const size_t at = has_plain_size ? 8 : 0;
    if (id == kZip64Id && size >= at + 8) return load_le<uint64_t>(extra.data() + at);
    extra = extra.subspan(size);
  }
  return std::nullopt;
}

class ZipScanner final : public FieldScanner {
 public:
  ZipScanner() : FieldScanner(kHeaderBytes) {}

 private:
  Mark take_field() override {
    if (names_bytes_) return take_names();
    const uint8_t* at = field().data();
    const bool is_local = as_text(field()).starts_with(kLocalHeader) &&
                          load_le<uint16_t>(at + 4) % 256 <= kVersionMax;
    if (!is_local) {
      // A search that took other bytes for a header goes on; else the archive's list begins.
      if (!was_found_ || as_text(field()).starts_with(kCentralHeader)) {
        give_up();
      } else {
        begin_search();
      }
      return Mark::kNone;
    }
    size_is_unknown_ = (load_le<uint16_t>(at + 6) & kSizesFollowFlag) != 0;
    size_bytes_ = load_le<uint32_t>(at + 18);
    has_plain_size_ = load_le<uint32_t>(at + 22) == kIsInExtra;
    name_bytes_ = load_le<uint16_t>(at + 26);
    names_bytes_ = name_bytes_ + load_le<uint16_t>(at + 28);
    expect(*names_bytes_);
    return Mark::kNone;
  }

  // Name and extra field: the member's data follow.
  Mark take_names() {
    names_bytes_.reset();
    uint64_t size = size_bytes_;
    if (size_bytes_ == kIsInExtra) {
      const std::optional<uint64_t> extended =
          zip64_size(field().subspan(name_bytes_), has_plain_size_);
      if (!extended || *extended > kOffsetBytesMax) {
        give_up();
        return Mark::kNone;
      }
      size = *extended;
    }
    expect(kHeaderBytes);
    was_found_ = false;
    if (size_is_unknown_ && size == 0) {
      matched_ = 0;
      begin_search();
      return Mark::kSmall;
    }
    if (size_is_unknown_) {
      give_up();  // What stands between the data and the next header is not known.
      return mark_of(size);
    }
    if (size == 0) return Mark::kNone;
    const Mark begin = mark_of(size);
    pass_over(size, begin > Mark::kSmall ? Mark::kUnit : Mark::kNone);
    return begin;
  }

  // For the next header behind data whose length is not told before them.
  size_t search(BytesView bytes) override {
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (matched_ == 0) {
        const auto found = std::ranges::find(bytes.subspan(i), 'P');
        i = static_cast<size_t>(found - bytes.begin());
        if (i == bytes.size()) return i;
      }
      match(bytes[i]);
      if (matched_ < kSignatureBytes) continue;
      matched_ = 0;
      was_found_ = true;
      end_search(as_bytes(is_central_ ? kCentralHeader : kLocalHeader));
      return i + 1;
    }
    return bytes.size();
  }

  void match(uint8_t byte) {
    const bool fits = (matched_ == 0 && byte == 'P') || (matched_ == 1 && byte == 'K') ||
                      (matched_ == 2 && (byte == 1 || byte == 3)) ||
                      (matched_ == 3 && byte == (is_central_ ? 2 : 4));
    if (!fits) {
      matched_ = byte == 'P' ? 1 : 0;
      return;
    }
    if (matched_ == 2) is_central_ = byte == 1;
    ++matched_;
  }

  std::optional<size_t> names_bytes_;  // Set while the field is a member's name and extra field.
  size_t name_bytes_ = 0;
  uint32_t size_bytes_ = 0;  // As the header says.
  bool has_plain_size_ = false;
  bool size_is_unknown_ = false;
  size_t matched_ = 0;  // Of a signature.
  bool is_central_ = false;
  bool was_found_ = false;  // The header was found by search.
};

}  // namespace

std::unique_ptr<ContainerScanner> make_zip_scanner() {
  return std::make_unique<ZipScanner>();
}

}  // namespace cairn::transfer::detail
