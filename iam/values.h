// The typed values of conditions: addresses, numbers, dates, booleans. Pure parsers; nullopt on
// anything that is not exactly one value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace cairn::iam {

// A network in CIDR notation, or one address. IPv4 is kept as IPv4-mapped IPv6 (RFC 4291 2.5.5.2),
// so that a peer of a dual-stack socket compares equal.
struct IpNetwork {
  struct Words {
    uint64_t high = 0;
    uint64_t low = 0;
  };
  Words address;
  Words mask;  // The first `prefix_bits`.
  uint8_t prefix_bits = 0;
  bool is_v4 = false;  // ::/0 is every IPv6 address and no IPv4 one.

  bool contains(const IpNetwork& other) const {
    return is_v4 == other.is_v4 && prefix_bits <= other.prefix_bits &&
           ((address.high ^ other.address.high) & mask.high) == 0 &&
           ((address.low ^ other.address.low) & mask.low) == 0;
  }
};
std::optional<IpNetwork> parse_ip_network(std::string_view text);

// Decimal, integer or with a fraction.
std::optional<double> parse_decimal(std::string_view text);

// ISO 8601 ("2026-01-02", "2026-01-02T03:04:05Z", with fraction or offset) or seconds since 1970.
std::optional<WallTime> parse_policy_date(std::string_view text);
// "2026-01-02T03:04:05Z"
std::string format_policy_date(WallTime time);

// "true" and "false" in any case.
std::optional<bool> parse_policy_bool(std::string_view text);

}  // namespace cairn::iam
