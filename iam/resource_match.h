// The resources of a policy's statements, compared with the ARN of a request. Most statements of a
// caller speak of other buckets than the one asked about: those are told apart by the first words
// behind "arn:aws:s3:::", which all of them share. Immutable once compiled; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "iam/pattern.h"

namespace cairn::iam {

// The resources of one statement in the table of its policy.
struct ResourceRange {
  uint32_t begin = 0;
  uint32_t end = 0;
};

class ResourceTable {
 public:
  // Puts a resource behind those of `range`, which end the table.
  void add(Pattern pattern, ResourceRange& range);

  // kYes when one pattern matches; else kUnresolved when one has a variable without a value.
  Pattern::Match match(ResourceRange range, const Request& request) const;

  const std::vector<Pattern>& patterns() const { return patterns_; }

 private:
  // What a pattern demands of the words of an ARN, before it is matched itself.
  struct Gate {
    ResourceWords::Words words{};
    ResourceWords::Words mask{};
    uint8_t size_bytes = 0;  // Of the text in `words`.
    bool is_whole = false;   // The words say all: the pattern ends in `*` right behind them.
  };

  // Close together, one for each pattern: a request reads them all.
  std::vector<Gate> gates_;
  std::vector<Pattern> patterns_;
};

}  // namespace cairn::iam
