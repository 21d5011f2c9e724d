#include "s3/listing.h"

#include <algorithm>
#include <limits>

namespace cairn::s3 {
namespace {

constexpr std::string_view kOptionalAttributesHeader = "x-amz-optional-object-attributes";

// A list of names. Those that S3 may have besides are left out of listings, as S3 leaves out what
// an object does not have.
bool asks_for_restore(std::string_view names) {
  while (!names.empty()) {
    const size_t comma = names.find(',');
    std::string_view name = names.substr(0, comma);
    name.remove_prefix(std::min(name.find_first_not_of(" \t"), name.size()));
    name = name.substr(0, name.find_last_not_of(" \t") + 1);
    if (name == "RestoreStatus") return true;
    names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
  }
  return false;
}

}  // namespace

void ListingParams::write(XmlWriter& xml, std::string_view tag, std::string_view key) const {
  if (url_encoded) {
    xml.element(tag, url_encode_key(key));
  } else {
    xml.element(tag, key);
  }
}

S3Result<ListingParams> parse_listing_params(const Call& call, std::string_view limit_name) {
  ListingParams params;
  params.prefix = call.param("prefix");
  params.delimiter = call.param("delimiter");
  if (const auto encoding = call.query.find("encoding-type")) {
    if (*encoding != "url") {
      return invalid_argument("Invalid Encoding Method specified in Request", "encoding-type",
                              *encoding);
    }
    params.url_encoded = true;
  }
  params.with_restore = asks_for_restore(call.header(kOptionalAttributesHeader).value_or(""));
  const std::string_view limit_text = call.param(limit_name);
  if (!limit_text.empty()) {
    const std::optional<uint64_t> limit =
        parse_number(limit_text, 0, std::numeric_limits<int32_t>::max());
    if (!limit) {
      return invalid_argument(
          "Provided " + std::string(limit_name) + " not an integer or within integer range",
          limit_name, limit_text);
    }
    params.limit = static_cast<size_t>(std::min<uint64_t>(*limit, kListLimitMax));
  }
  return params;
}

void write_listing_common(XmlWriter& xml, const ListingParams& params) {
  if (!params.delimiter.empty()) params.write(xml, "Delimiter", params.delimiter);
  if (params.url_encoded) xml.element("EncodingType", "url");
}

void write_common_prefixes(XmlWriter& xml, const std::vector<std::string>& prefixes,
                           const ListingParams& params) {
  for (const std::string& prefix : prefixes) {
    xml.open("CommonPrefixes");
    params.write(xml, "Prefix", prefix);
    xml.close("CommonPrefixes");
  }
}

}  // namespace cairn::s3
