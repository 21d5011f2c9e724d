#include "transfer/s3_endpoint.h"

#include <algorithm>

#include "sigv4/uri.h"

namespace cairn::transfer {
namespace {

std::string amazon_host(std::string_view region) {
  std::string host = "s3." + std::string(region) + ".amazonaws.com";
  if (region.starts_with("cn-")) host += ".cn";
  return host;
}

bool is_amazon_host(std::string_view host) {
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

// Regions become part of a host name.
bool is_region_name(std::string_view region) {
  return !region.empty() && region.size() <= 63 && std::ranges::all_of(region, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

Result<S3Endpoint> S3Endpoint::create(std::string_view url, std::string_view region,
                                      Addressing addressing) {
  S3Endpoint endpoint;
  endpoint.addressing_ = addressing;
  endpoint.from_region_ = url.empty();
  std::string made_up;
  if (url.empty()) {
    if (!is_region_name(region)) {
      return fail(Code::kInvalidArgument,
                  "region \"" + std::string(region) + "\" is no name of a region");
    }
    made_up = "https://" + amazon_host(region);
    url = made_up;
  }
  Result<http::Url> base = http::Url::parse(url);
  if (!base) return std::unexpected(base.error().with_context("endpoint"));
  if (base->target != "/") {
    return fail(Code::kInvalidArgument,
                "endpoint " + std::string(url) + " may not have a path or a query");
  }
  endpoint.is_amazon_ = is_amazon_host(base->host);
  endpoint.base_ = std::move(*base);
  return endpoint;
}

http::Url S3Endpoint::url(std::string_view bucket, std::string_view key,
                          std::string_view query) const {
  http::Url url = base_;
  url.target = "/";
  const bool covered = !base_.is_https || bucket.find('.') == std::string_view::npos;
  const bool in_host = addressing_ == Addressing::kVirtualHost ||
                       (addressing_ == Addressing::kAutomatic && is_amazon_ && covered);
  if (!bucket.empty()) {
    if (in_host) {
      url.host = std::string(bucket) + "." + url.host;
    } else {
      sigv4::append_uri_encoded(url.target, bucket, sigv4::Slash::kEncode);
      if (!key.empty()) url.target += '/';
    }
  }
  sigv4::append_uri_encoded(url.target, key, sigv4::Slash::kKeep);
  if (!query.empty()) {
    url.target += '?';
    url.target += query;
  }
  return url;
}

S3Endpoint S3Endpoint::in_region(std::string_view region) const {
  if (!from_region_ || !is_region_name(region)) return *this;
  S3Endpoint moved = *this;
  moved.base_.host = amazon_host(region);
  return moved;
}

}  // namespace cairn::transfer
