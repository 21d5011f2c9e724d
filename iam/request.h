// One question to the policies: may this principal do this action on this resource now? Condition
// keys are read only when a policy asks for them, once per request.
// Used by one request at a time; not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "iam/condition_keys.h"
#include "iam/principal.h"
#include "iam/resource_words.h"
#include "iam/values.h"

namespace cairn::iam {

// The condition keys of a request. Keys of the principal and of the clock are answered here, all
// others by the door that received the request.
class RequestKeys {
 public:
  // `principal` outlives it; null = anonymous.
  RequestKeys(const Principal* principal, WallTime now) : principal_(principal), now_(now) {}
  virtual ~RequestKeys();
  RequestKeys(const RequestKeys&) = delete;
  RequestKeys& operator=(const RequestKeys&) = delete;

  // The values of a key; null when the request does not have it. `key` as Policy keeps keys: in
  // lower case up to the first '/', as written after it ("aws:principaltag/Team").
  // `number` is number_of_key(key) where that is known beforehand: then no text is compared.
  const std::vector<std::string>* find(std::string_view key, uint8_t number = 0) const {
    const Known& known = look_up(key, number);
    return known.is_present ? &known.values : nullptr;
  }
  // The same values as addresses, parsed once; nullopt for those that are none.
  const std::vector<std::optional<IpNetwork>>* find_addresses(std::string_view key,
                                                              uint8_t number = 0) const {
    Known& known = look_up(key, number);
    if (!known.is_present) return nullptr;
    if (known.addresses.size() < known.values.size()) parse_addresses(known);
    return &known.addresses;
  }
  const Principal* principal() const { return principal_; }

 private:
  // Appends the values and returns true when the request has the key.
  virtual bool fetch(std::string_view key, std::vector<std::string>& values) const = 0;
  bool fetch_own(std::string_view key, std::vector<std::string>& values) const;

  struct Known {
    std::string key;
    bool is_present = false;
    std::vector<std::string> values;
    std::vector<std::optional<IpNetwork>> addresses;  // Empty until they are asked for.
  };
  // `number` 0 is never known.
  Known& look_up(std::string_view key, uint8_t number) const {
    if (places_[number] != 0) return *known_[places_[number] - size_t{1}];
    return look_up_text(key, number);
  }
  Known& look_up_text(std::string_view key, uint8_t number) const;
  static void parse_addresses(Known& known);

  const Principal* principal_;
  WallTime now_;
  mutable std::vector<std::unique_ptr<Known>> known_;
  // By number of the key (condition_keys.h): its place in known_, plus 1; 0 = not looked up yet.
  mutable std::array<uint8_t, kNumberedKeysMax + 1> places_{};
};

// Views must outlive the request.
struct Request {
  std::string_view action;    // "s3:GetObject", in the case of the AWS reference.
  std::string_view resource;  // ARN: "arn:aws:s3:::bucket/key"; "*" where there is none.
  const RequestKeys* keys = nullptr;
  // Found out by the first policy that is asked: the position of the action in known_actions().
  mutable int16_t action_index = kActionNotLookedUp;
  mutable std::optional<ResourceWords> words = {};

  static constexpr int16_t kActionNotLookedUp = -2;
  static constexpr int16_t kActionUnknown = -1;
  const Principal* principal() const { return keys->principal(); }
  const ResourceWords& resource_words() const {
    if (!words) words.emplace(resource);
    return *words;
  }
};

}  // namespace cairn::iam
