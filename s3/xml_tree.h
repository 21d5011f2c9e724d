// A small XML document as a tree that owns its text: what the parsers of bucket configurations
// read. The same scan as for every body comes first (xml_reader.h), so depth and entities are
// bounded; the number of elements is bounded here. Names come without prefix and namespace.
//
// Configurations are strict: what a parser does not know it refuses (MalformedXML, as AWS's schema
// does), because a part of a configuration that is dropped in silence is worse than an error.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3/errors.h"
#include "s3/xml_reader.h"

namespace cairn::s3 {

inline constexpr size_t kXmlElementsMax = 32768;

struct XmlElement {
  std::string name;
  std::string text;  // Directly under the element, as it came.
  std::vector<XmlElement> children;

  // The first child of that name; null when there is none.
  const XmlElement* child(std::string_view wanted) const;
  size_t count(std::string_view wanted) const;
  // Text without white space around it, which pretty-printers add to numbers and names.
  std::string_view token() const;
  // The token as an integer; nullopt when it is none.
  std::optional<int64_t> number() const;
  // Text of the first child of that name, as it came; nullopt when there is none.
  std::optional<std::string> child_text(std::string_view wanted) const;

  // True when every child has one of these names, those of `once` at most one time each.
  bool has_only(std::initializer_list<std::string_view> once,
                std::initializer_list<std::string_view> repeated = {}) const;
};

// MissingRequestBodyError, MalformedXML, or MaxMessageLengthExceeded. The root has the given local
// name.
S3Result<XmlElement> parse_xml_tree(std::string_view body, std::string_view root_name,
                                    size_t size_bytes_max = kXmlBodyBytesMax);

// 400 MalformedXML, for a function that returns any S3Result<T>.
std::unexpected<S3Error> malformed_xml();

}  // namespace cairn::s3
