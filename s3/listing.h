// What all listings have in common: prefix, delimiter, limit and encoding.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "s3/call.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {

inline constexpr size_t kListLimitMax = 1000;

struct ListingParams {
  std::string prefix;
  std::string delimiter;
  size_t limit = kListLimitMax;
  bool url_encoded = false;
  bool with_restore = false;  // x-amz-optional-object-attributes asks for RestoreStatus.
  // A key or prefix as an element, coded as it was asked for.
  void write(XmlWriter& xml, std::string_view tag, std::string_view key) const;
};

// `limit_name` is max-keys or max-uploads: more than kListLimitMax is capped, no number is refused.
// encoding-type must be `url`.
S3Result<ListingParams> parse_listing_params(const Call& call, std::string_view limit_name);

// <Delimiter> and <EncodingType> where they were asked for.
void write_listing_common(XmlWriter& xml, const ListingParams& params);
void write_common_prefixes(XmlWriter& xml, const std::vector<std::string>& prefixes,
                           const ListingParams& params);

}  // namespace cairn::s3
