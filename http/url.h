// The parts of an http or https URL that a client needs. Nothing is decoded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn::http {

struct Url {
  bool is_https = false;
  std::string host;  // Without brackets.
  uint16_t port = 80;
  std::string target = "/";  // Path and query as sent.

  // "http://host[:port][/path][?query]". User information and fragments are refused, as are bytes
  // that may not stand in a request line. kInvalidArgument.
  static Result<Url> parse(std::string_view text);

  // Value of the Host field: the port only where it is not the scheme's own; IPv6 in brackets.
  std::string authority() const;
  friend bool operator==(const Url&, const Url&) = default;
};

}  // namespace cairn::http
