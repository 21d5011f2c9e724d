// Where a bucket is asked for: origin and addressing style.
//
// Path style for custom endpoints and literal addresses; virtual-host style for Amazon's, unless
// the bucket's name is no host name that a certificate covers (a dot under https).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/url.h"

namespace cairn::transfer {

enum class Addressing : unsigned char { kAutomatic, kPath, kVirtualHost };

class S3Endpoint {
 public:
  // `url` is "http[s]://host[:port]" without a path; empty = Amazon's endpoint of `region`.
  static Result<S3Endpoint> create(std::string_view url, std::string_view region,
                                   Addressing addressing);

  // URL of an object, a bucket (empty key) or the service (empty bucket). `query` without '?'. The
  // key is data: encoded once, never normalised.
  http::Url url(std::string_view bucket, std::string_view key, std::string_view query) const;
  bool is_https() const { return base_.is_https; }
  bool is_amazon() const { return is_amazon_; }
  // Of Amazon's endpoints alone: the same in another region. A custom endpoint stays what it is, so
  // that no answer of a server moves credentials to another origin.
  S3Endpoint in_region(std::string_view region) const;

 private:
  http::Url base_;
  Addressing addressing_ = Addressing::kAutomatic;
  bool is_amazon_ = false;
  bool from_region_ = false;  // The URL was made up from the region.
};

}  // namespace cairn::transfer
