// The actions of S3 (Service Authorization Reference, "Actions defined by Amazon S3"), numbered, so
// that a compiled statement is a set of numbers. Actions of other services have no number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace cairn::iam {

// What a statement that allows the action has to name as its resource.
enum class ActionTarget : uint8_t {
  kBucket,
  kObject,
  kAccount,  // No bucket policy may speak of it.
};

struct ActionInfo {
  std::string_view name;  // "s3:GetObject"
  ActionTarget target;
};

// Sorted by name without regard to case.
std::span<const ActionInfo> known_actions();
// Position in known_actions(); nullopt for other actions. Compares without case.
std::optional<size_t> find_action(std::string_view name);

inline constexpr size_t kKnownActionsMax = 256;

class ActionSet {
 public:
  bool has(size_t index) const { return (words_[index / 64] >> (index % 64) & 1U) != 0; }
  void add(size_t index) { words_[index / 64] |= uint64_t{1} << (index % 64); }
  void invert() {
    for (uint64_t& word : words_) word = ~word;
  }

 private:
  std::array<uint64_t, kKnownActionsMax / 64> words_{};
};

}  // namespace cairn::iam
