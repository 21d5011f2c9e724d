// Where the content of a stream has boundaries of its own: members of tar and zip archives, tensors
// of safetensors and GGUF files. Read while the stream passes; nothing is unpacked.
//
// A scanner believes what the stream says about itself, which may be wrong or hostile: its marks
// are advice on where to cut, and it needs no more than kContainerMemoryBytesMax whatever it reads.
// It gives up at the first thing that it does not understand; then the stream is cut by content
// alone. Marks depend on the bytes and not on how they are split. Pure CPU; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"

namespace cairn::transfer {

// A boundary, by how much it is worth; of two at one place the greater counts.
enum class Mark : uint8_t {
  kNone,
  kSmall,  // A small unit begins: worth a cut where the segment has its least size.
  kUnit,   // A unit of at least kUnitBytesMin begins or ends: worth one anyhow.
  kLarge,  // A unit of at least kLargeUnitBytes begins: worth a new chunk.
};

inline constexpr uint64_t kUnitBytesMin = 32 * KiB;
inline constexpr uint64_t kLargeUnitBytes = 1 * MiB;
inline constexpr size_t kContainerMemoryBytesMax = 2 * MiB;
inline constexpr size_t kSniffBytes = 9;  // Tell what a stream may be.

class ContainerScanner {
 public:
  struct Step {
    size_t size_bytes = 0;    // Of the given bytes that are done with; at least one.
    Mark mark = Mark::kNone;  // The boundary behind them.
  };

  virtual ~ContainerScanner() = default;
  // Goes on in the stream, at most to the next boundary. REQUIRES: !bytes.empty() && !is_done().
  virtual Step step(BytesView bytes) = 0;
  // Nothing more is to be expected, because it ended or is not what it seemed.
  bool is_done() const { return is_done_; }

 protected:
  bool is_done_ = false;
};

// The scanner for a stream that begins with these kSniffBytes, which it has not seen yet; null for
// none. Every stream that is nothing else may be a tar archive: that scanner ends itself.
std::unique_ptr<ContainerScanner> make_container_scanner(BytesView first);

namespace detail {

// A scanner of formats that are fields, one behind another, and stretches to pass over.
class FieldScanner : public ContainerScanner {
 public:
  Step step(BytesView bytes) final;

 protected:
  explicit FieldScanner(size_t first_field_bytes) : field_bytes_(first_field_bytes) {}

  // A field is complete: field(). Says what comes next by expect() and pass_over(), or gives up;
  // returns the boundary right behind the field.
  virtual Mark take_field() = 0;
  // Bytes that are not a field, until the scanner says otherwise (search()); how many it took.
  virtual size_t search(BytesView bytes) { return bytes.size(); }

  BytesView field() const { return field_; }
  uint64_t position_bytes() const { return position_bytes_; }  // Behind the field or the search.
  // The next field. One of 0 bytes is taken at once when the field before it is.
  void expect(size_t field_bytes);
  // Before the next field: so many bytes, and the boundary behind them.
  void pass_over(uint64_t size_bytes, Mark mark_behind = Mark::kNone);
  void begin_search() { is_searching_ = true; }
  // Ends a search: these bytes, which it took, begin the next field.
  void end_search(BytesView begun);
  void give_up() { is_done_ = true; }

 private:
  Bytes field_;
  size_t field_bytes_;
  uint64_t pass_bytes_ = 0;
  Mark pass_mark_ = Mark::kNone;
  bool is_searching_ = false;
  uint64_t position_bytes_ = 0;
};

// Boundaries at known offsets in the stream, in order.
class MarkList {
 public:
  // `mark` says what begins at `begin_bytes` and ends before `end_bytes`.
  void add_unit(uint64_t begin_bytes, uint64_t end_bytes);
  // Sorts; of what is at one offset only the greatest mark stays.
  void finish();
  // The next one behind `position_bytes`, which then is done; false when there is none.
  bool next(uint64_t position_bytes, uint64_t& offset_bytes, Mark& mark);

 private:
  struct Entry {
    uint64_t offset_bytes = 0;
    Mark mark = Mark::kNone;
  };
  std::vector<Entry> entries_;
  size_t next_ = 0;
};

inline constexpr size_t kTensorsMax = 32768;
inline constexpr uint64_t kOffsetBytesMax = uint64_t{1} << 62;

// What the beginning of a unit of that size is worth.
Mark mark_of(uint64_t size_bytes);

std::unique_ptr<ContainerScanner> make_tar_scanner();
std::unique_ptr<ContainerScanner> make_zip_scanner();
std::unique_ptr<ContainerScanner> make_safetensors_scanner();
std::unique_ptr<ContainerScanner> make_gguf_scanner();

}  // namespace detail
}  // namespace cairn::transfer
