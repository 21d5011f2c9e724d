#include "iam/resource_match.h"

#include <cstring>
#include <utility>

namespace cairn::iam {

void ResourceTable::add(Pattern pattern, ResourceRange& range) {
  if (range.begin == range.end) range.begin = static_cast<uint32_t>(patterns_.size());
  Gate gate;
  std::string_view literal = pattern.literal_prefix();
  // A variable without a value counts even where the text in front of it differs.
  if (!pattern.has_variables() && literal.starts_with(kS3Arn)) {
    literal.remove_prefix(kS3Arn.size());
    gate.is_whole = pattern.is_prefix() && literal.size() <= ResourceWords::kBytes;
    literal = literal.substr(0, ResourceWords::kBytes);
    gate.size_bytes = static_cast<uint8_t>(literal.size());
    gate.words = ResourceWords::words_of(literal);
    std::memset(gate.mask.data(), 0xFF, literal.size());
  }
  gates_.push_back(gate);
  patterns_.push_back(std::move(pattern));
  range.end = static_cast<uint32_t>(patterns_.size());
}

Pattern::Match ResourceTable::match(ResourceRange range, const Request& request) const {
  const ResourceWords& given = request.resource_words();
  Pattern::Match result = Pattern::Match::kNo;
  for (size_t i = range.begin; i < range.end; ++i) {
    const Gate& gate = gates_[i];
    if (given.is_s3) {
      const uint64_t differences = ((given.words[0] ^ gate.words[0]) & gate.mask[0]) |
                                   ((given.words[1] ^ gate.words[1]) & gate.mask[1]);
      if (differences != 0 || given.size_bytes < gate.size_bytes) continue;
      if (gate.is_whole) return Pattern::Match::kYes;
    }
    const Pattern::Match match = patterns_[i].match(request.resource, *request.keys);
    if (match == Pattern::Match::kYes) return match;
    if (match == Pattern::Match::kUnresolved) result = match;
  }
  return result;
}

}  // namespace cairn::iam
