// Challenges of proofs of possession (RELIABILITY.md 3.4, D4): who was asked for which chunk, with
// which nonce, and who failed too often.
//
// A nonce is random, for one answer, of the caller and the session that it was made for, within
// kLifetime. A caller who fails kFailuresMax times within kFailureMemory is challenged no more
// until the oldest is forgotten: what the pool has is then missing to him like all else. Kept in
// memory: a restart ends all challenges, and answers to them fail like any other wrong one,
// uncounted. Thread rule: any thread; one lock, held for look-ups.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "object/native_rows.h"

namespace cairn::native {

class Challenges {
 public:
  static constexpr Duration kLifetime = seconds(60);
  static constexpr size_t kFailuresMax = 5;
  static constexpr Duration kFailureMemory = seconds(3600);
  static constexpr size_t kOpenMax = 65'536;     // Of all callers; beyond, nobody is challenged.
  static constexpr size_t kCallersMax = 65'536;  // With failures; beyond, the oldest go.

  explicit Challenges(Random& random) : random_(random) {}

  // Whom and what a challenge is for.
  struct Subject {
    std::string caller;   // ARN.
    std::string session;  // Upload id.
    object::ContentName chunk;
    friend bool operator==(const Subject&, const Subject&) = default;
  };
  // A new nonce; nullopt when the caller is challenged no more, or there is no room.
  std::optional<Bytes> issue(Subject subject, Instant now);
  // Whether `nonce` was made for the subject and is still good. It is not afterwards.
  bool take(const Subject& subject, BytesView nonce, Instant now);
  // An answer was wrong.
  void count_failure(const std::string& caller, Instant now);
  bool may_be_challenged(const std::string& caller, Instant now);

 private:
  struct Open {
    Subject subject;
    Instant expires;
  };
  void forget_expired(Instant now);
  bool may_be_challenged_locked(const std::string& caller, Instant now);

  Random& random_;
  std::mutex mutex_;
  std::map<Bytes, Open> open_;
  std::deque<std::pair<Instant, Bytes>> by_age_;  // Of open_ and of what was taken since.
  std::unordered_map<std::string, std::deque<Instant>> failures_;
};

}  // namespace cairn::native
