// The first bytes of an ARN of S3 behind "arn:aws:s3:::", in a form that is compared without a
// call. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cairn::iam {

inline constexpr std::string_view kS3Arn = "arn:aws:s3:::";

struct ResourceWords {
  using Words = std::array<uint64_t, 2>;
  static constexpr size_t kBytes = sizeof(Words);

  // REQUIRES: text.size() <= kBytes.
  static Words words_of(std::string_view text) {
    Words words{};
    std::memcpy(words.data(), text.data(), text.size());
    return words;
  }

  explicit ResourceWords(std::string_view resource) {
    if (!resource.starts_with(kS3Arn)) return;
    is_s3 = true;
    resource.remove_prefix(kS3Arn.size());
    size_bytes = resource.size();
    words = words_of(resource.substr(0, kBytes));
  }

  Words words{};          // Padded with zeros.
  size_t size_bytes = 0;  // Of everything behind kS3Arn.
  bool is_s3 = false;     // Else the rest says nothing.
};

}  // namespace cairn::iam
