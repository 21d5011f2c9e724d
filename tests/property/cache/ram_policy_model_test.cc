// Property: whatever is asked of a shard's policy, its capacity is never exceeded, everything that
// leaves is handed out once and with a reason, pins stay, and its bytes are those of what it holds.
// Method: random operations from a seed beside a model that only knows what is inside.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "base/units.h"
#include "cache/ram_policy.h"

namespace cairn::cache {
namespace {

constexpr uint64_t kCapacityBytes = 64 * MiB;
constexpr size_t kNodes = 400;

struct ModelNode : RamNode {
  bool inside = false;
  bool pinned = false;
};

class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed), nodes_(kNodes) {
    policy_.shares().set_share(1, kCapacityBytes / 8);
    policy_.shares().set_share(2, kCapacityBytes / 2);
  }

  void step() {
    now_ = now_ + milliseconds(static_cast<int64_t>(random_.below(5'000)));
    ModelNode& node = nodes_[random_.below(kNodes)];
    PlaceList departed;
    const uint64_t action = random_.below(100);
    if (!node.inside) {
      insert(node, departed);
    } else if (action < 80) {
      touch(node, departed);
    } else if (action < 90) {
      policy_.erase(node);
      node.inside = node.pinned = false;
    } else if (action < 95) {
      node.pinned = policy_.pin(node, departed) || node.pinned;
    } else {
      node.pinned = false;
      policy_.unpin(node, departed);
    }
    take(departed);
    if (random_.below(50) == 0) evict();
  }

  void check() const {
    ASSERT_LE(policy_.used_bytes(), kCapacityBytes);
    uint64_t inside_bytes = 0;
    uint64_t pinned_bytes = 0;
    for (const ModelNode& node : nodes_) {
      ASSERT_EQ(node.inside, node.resident());
      if (node.inside) inside_bytes += node.size_bytes;
      if (node.pinned) {
        ASSERT_EQ(node.place, RamNode::Place::kPinned);
        pinned_bytes += node.size_bytes;
      }
    }
    ASSERT_EQ(policy_.used_bytes(), inside_bytes);
    ASSERT_EQ(policy_.pinned_bytes(), pinned_bytes);
  }

 private:
  void insert(ModelNode& node, PlaceList& departed) {
    node.size_bytes = 1 + random_.below(random_.below(20) == 0 ? 80 * MiB : 1 * MiB);
    Hints hints;
    hints.stream = random_.below(10) == 0;
    hints.no_cache = random_.below(50) == 0;
    hints.pin = random_.below(20) == 0;
    hints.tenant = static_cast<uint16_t>(random_.below(3));
    hints.cost = static_cast<float>(1 + random_.below(20));
    if (random_.below(10) == 0)
      hints.expires = now_ + seconds(static_cast<int64_t>(random_.below(600)));
    node.inside = true;
    policy_.insert(node, now_, hints, departed);
    node.pinned = node.place == RamNode::Place::kPinned;
  }
  void touch(ModelNode& node, PlaceList& departed) {
    const bool expired = node.expires <= now_;
    ASSERT_EQ(policy_.touch(node, now_, {}, departed), !expired);
    if (expired) node.pinned = false;
  }
  void take(PlaceList& departed) {
    while (RamNode* const left = departed.pop_front()) {
      auto& node = static_cast<ModelNode&>(*left);
      ASSERT_TRUE(node.inside) << "handed out twice";
      ASSERT_FALSE(node.pinned) << "a pin was evicted";
      ASSERT_NE(node.departure, Departure::kNone);
      node.inside = false;
    }
  }
  void evict() {
    RamNode* const left = policy_.evict_one();
    if (left == nullptr) return;
    PlaceList departed;
    departed.push_back(*left);
    take(departed);
  }

  SeededRandom random_;
  RamPolicy policy_{{.capacity_bytes = kCapacityBytes, .window_share = 0.1}};
  std::vector<ModelNode> nodes_;
  Instant now_{};
};

TEST(RamPolicyModel, KeepsItsPromisesUnderRandomOperations) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Model model(seed);
    for (int step = 0; step < 5'000; ++step) {
      model.step();
      if (step % 10 == 0) model.check();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace cairn::cache
