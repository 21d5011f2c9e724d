#include "native/challenges.h"

#include <utility>

#include "native/messages.h"

namespace cairn::native {

void Challenges::forget_expired(Instant now) {
  while (!by_age_.empty() && by_age_.front().first <= now) {
    open_.erase(by_age_.front().second);
    by_age_.pop_front();
  }
}

std::optional<Bytes> Challenges::issue(Subject subject, Instant now) {
  const std::lock_guard guard(mutex_);
  forget_expired(now);
  if (by_age_.size() >= kOpenMax || !may_be_challenged_locked(subject.caller, now)) {
    return std::nullopt;
  }
  Bytes nonce(kNonceBytes);
  random_.fill(nonce);
  const Instant expires = now + kLifetime;
  by_age_.emplace_back(expires, nonce);
  open_.emplace(nonce, Open{std::move(subject), expires});
  return nonce;
}

bool Challenges::take(const Subject& subject, BytesView nonce, Instant now) {
  const std::lock_guard guard(mutex_);
  const auto found = open_.find(Bytes(nonce.begin(), nonce.end()));
  if (found == open_.end()) return false;
  const bool good = found->second.subject == subject && now < found->second.expires;
  open_.erase(found);
  return good;
}

void Challenges::count_failure(const std::string& caller, Instant now) {
  const std::lock_guard guard(mutex_);
  if (failures_.size() >= kCallersMax && !failures_.contains(caller)) {
    std::erase_if(failures_,
                  [now](const auto& entry) { return entry.second.back() + kFailureMemory <= now; });
    // Whoever failed last stays: room is made by forgetting anybody else.
    if (failures_.size() >= kCallersMax) failures_.erase(failures_.begin());
  }
  std::deque<Instant>& times = failures_[caller];
  times.push_back(now);
  if (times.size() > kFailuresMax) times.pop_front();
}

bool Challenges::may_be_challenged(const std::string& caller, Instant now) {
  const std::lock_guard guard(mutex_);
  return may_be_challenged_locked(caller, now);
}

bool Challenges::may_be_challenged_locked(const std::string& caller, Instant now) {
  const auto found = failures_.find(caller);
  if (found == failures_.end() || found->second.size() < kFailuresMax) return true;
  return found->second.front() + kFailureMemory <= now;
}

}  // namespace cairn::native
