#include "object/read_convoys.h"

#include <algorithm>
#include <utility>

#include "io/reactor.h"

namespace cairn::object {
namespace {

constexpr size_t kConvoysMax = 256;
constexpr size_t kMembersMax = 1024;  // Of a convoy.
// A member may hold the others up for so long in all, and for a tenth of the convoy's age.
constexpr Duration kPatience = milliseconds(500);
constexpr int64_t kPatienceShare = 10;
// Those who wait look again after so long, for a last one that does not move at all.
constexpr Duration kLookAgain = milliseconds(100);

}  // namespace

std::unique_ptr<ReadConvoys::Member> ReadConvoys::join(Key key, Instant now) {
  const std::lock_guard guard(mutex_);
  const auto found = convoys_.find(key);
  if (found == convoys_.end() && convoys_.size() >= kConvoysMax) return nullptr;
  Convoy& convoy = found != convoys_.end() ? found->second : convoys_[key];
  if (convoy.members.size() >= kMembersMax) return nullptr;
  if (convoy.members.empty()) convoy.began = convoy.charged = now;
  std::unique_ptr<Member> member(new Member(*this, key));
  convoy.members.push_back(member.get());
  return member;
}

// Only those near enough to profit from waiting: whoever joins late, or fell back further than what
// is kept, is on its own.
ReadConvoys::Member* ReadConvoys::last_before(const Convoy& convoy, uint64_t end_bytes) const {
  Member* last = nullptr;
  for (Member* const each : convoy.members) {
    if (each->is_behind_ || each->position_bytes_ + 2 * lead_bytes_ < end_bytes) continue;
    if (last == nullptr || each->position_bytes_ < last->position_bytes_) last = each;
  }
  return last;
}

// Time passes at the cost of the last one while others wait for it.
void ReadConvoys::charge(Convoy& convoy, Instant now) {
  const Duration passed = now - std::exchange(convoy.charged, now);
  if (convoy.waiters.empty()) return;
  uint64_t furthest = 0;
  for (const Waiter& each : convoy.waiters) furthest = std::max(furthest, each.needed_bytes);
  Member* const last = last_before(convoy, furthest + lead_bytes_);
  if (last == nullptr) return;
  last->held_others_ = last->held_others_ + passed;
  const Duration age = now - convoy.began;
  const Duration allowed{kPatience.nanoseconds + age.nanoseconds / kPatienceShare};
  if (last->held_others_ <= allowed) return;
  last->is_behind_ = true;
  ++counters_.behind;
}

void ReadConvoys::wake(Convoy& convoy, std::vector<Waiter>& woken) const {
  std::erase_if(convoy.waiters, [&](Waiter& each) {
    const Member* const last = last_before(convoy, each.needed_bytes + lead_bytes_);
    if (last != nullptr && last->position_bytes_ < each.needed_bytes) return false;
    woken.push_back(std::move(each));
    return true;
  });
}

void ReadConvoys::leave(Member& member) {
  std::vector<Waiter> woken;
  {
    const std::lock_guard guard(mutex_);
    const auto found = convoys_.find(member.key_);
    Convoy& convoy = found->second;
    std::erase(convoy.members, &member);
    wake(convoy, woken);
    if (convoy.members.empty()) convoys_.erase(found);
  }
  for (const Waiter& each : woken) each.woken.complete(true);
}

ReadConvoys::Counters ReadConvoys::counters() const {
  const std::lock_guard guard(mutex_);
  return counters_;
}

ReadConvoys::Member::~Member() {
  convoys_.leave(*this);
}

void ReadConvoys::Member::advance(uint64_t position_bytes, Instant now) {
  std::vector<Waiter> woken;
  {
    const std::lock_guard guard(convoys_.mutex_);
    Convoy& convoy = convoys_.convoys_.at(key_);
    convoys_.charge(convoy, now);
    position_bytes_ = position_bytes;
    convoys_.wake(convoy, woken);
  }
  for (const Waiter& each : woken) each.woken.complete(true);
}

bool ReadConvoys::Member::may_read(uint64_t end_bytes, Instant now) {
  const std::lock_guard guard(convoys_.mutex_);
  Convoy& convoy = convoys_.convoys_.at(key_);
  if (convoy.members.size() == 1 || is_behind_) return true;
  convoys_.charge(convoy, now);
  const Member* const last = convoys_.last_before(convoy, end_bytes);
  return last == nullptr || last == this ||
         end_bytes <= last->position_bytes_ + convoys_.lead_bytes_;
}

bool ReadConvoys::Member::awaited(uint64_t begin_bytes) const {
  const std::lock_guard guard(convoys_.mutex_);
  const Convoy& convoy = convoys_.convoys_.at(key_);
  return std::ranges::any_of(convoy.members, [&](const Member* each) {
    return each->position_bytes_ + convoys_.lead_bytes_ < begin_bytes;
  });
}

io::Task<void> ReadConvoys::Member::wait(uint64_t end_bytes) {
  const Woken woken = Woken::make();
  const Instant begun = io::Reactor::current().now();
  {
    const std::lock_guard guard(convoys_.mutex_);
    Convoy& convoy = convoys_.convoys_.at(key_);
    convoys_.charge(convoy, begun);
    ++convoys_.counters_.waits;
    const uint64_t needed_bytes = end_bytes - std::min(end_bytes, convoys_.lead_bytes_);
    convoy.waiters.push_back({this, needed_bytes, woken});
  }
  (void)co_await woken.wait({.deadline = begun + kLookAgain, .stop = {}});
  const std::lock_guard guard(convoys_.mutex_);
  Convoy& convoy = convoys_.convoys_.at(key_);
  convoys_.charge(convoy, io::Reactor::current().now());
  std::erase_if(convoy.waiters, [this](const Waiter& each) { return each.member == this; });
}

}  // namespace cairn::object
