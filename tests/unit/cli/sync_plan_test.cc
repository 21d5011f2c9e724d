// What a sync copies and deletes. Method: random trees against the definition by sets.
#include "cli/sync_plan.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace cairn::cli {
namespace {

std::vector<TreeEntry> random_tree(SeededRandom& random) {
  std::map<std::string, TreeEntry> entries;
  for (uint64_t i = random.below(12); i > 0; --i) {
    const std::string name(1, static_cast<char>('a' + random.below(10)));
    entries[name] = {name, random.below(2), {static_cast<int64_t>(random.below(3) * 1000)}, ""};
  }
  std::vector<TreeEntry> tree;
  for (const auto& [name, entry] : entries) tree.push_back(entry);
  return tree;
}

TEST(SyncPlan, AgreesWithItsDefinition) {
  SeededRandom random(3);
  for (int round = 0; round < 5000; ++round) {
    const std::vector<TreeEntry> from = random_tree(random);
    const std::vector<TreeEntry> to = random_tree(random);
    const auto by = static_cast<SyncBy>(random.below(4));
    std::map<std::string, TreeEntry> targets;
    for (const TreeEntry& entry : to) targets[entry.relative_path] = entry;
    std::vector<std::string> copies;
    std::vector<std::string> compared;
    for (const TreeEntry& entry : from) {
      const auto found = targets.find(entry.relative_path);
      bool differs = found == targets.end() || found->second.size_bytes != entry.size_bytes;
      if (found != targets.end()) {
        const int64_t age = entry.modified.unix_ms - found->second.modified.unix_ms;
        differs =
            differs || (by == SyncBy::kTime && age > 0) || (by == SyncBy::kExactTime && age != 0);
        if (!differs && by == SyncBy::kContent) compared.push_back(entry.relative_path);
        targets.erase(found);
      }
      if (differs) copies.push_back(entry.relative_path);
    }
    const SyncPlan plan = plan_sync(from, to, by);
    const auto names = [](const std::vector<TreeEntry>& entries) {
      std::vector<std::string> out;
      for (const TreeEntry& entry : entries) out.push_back(entry.relative_path);
      return out;
    };
    EXPECT_EQ(names(plan.copies), copies);
    std::vector<std::string> deletions;
    for (const auto& [name, entry] : targets) deletions.push_back(name);
    EXPECT_EQ(names(plan.deletions), deletions);
    EXPECT_EQ(plan.to_compare.size(), compared.size());
  }
}

TEST(SyncPlan, MillisecondsDoNotMakeAFileNewer) {
  const SyncPlan plan = plan_sync({{"a", 1, {5999}, ""}}, {{"a", 1, {5000}, ""}}, SyncBy::kTime);
  EXPECT_TRUE(plan.copies.empty());
}

}  // namespace
}  // namespace cairn::cli
