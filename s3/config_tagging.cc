#include "s3/config_tagging.h"

#include <algorithm>
#include <set>

#include "s3/uri.h"
#include "s3/xml_tree.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kReservedPrefix = "aws:";
constexpr std::string_view kDuplicate = "Cannot provide multiple Tags with the same key";

size_t count_code_points(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Letters, digits, space and `_ . : / = + - @`, as AWS; of what is beyond ASCII, everything.
bool is_tag_char(char c) {
  const bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return is_alnum || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view(" _.:/=+-@").contains(c);
}

bool is_tag_text(std::string_view text, size_t chars_max) {
  return is_valid_utf8(text) && count_code_points(text) <= chars_max &&
         std::ranges::all_of(text, is_tag_char);
}

std::unexpected<S3Error> invalid_tag(std::string message, std::string_view key,
                                     std::string_view value = {}) {
  std::vector<ErrorField> fields = {{"TagKey", std::string(key)}};
  if (!value.empty()) fields.push_back({"TagValue", std::string(value)});
  return s3_fail(S3Code::kInvalidTag, std::move(message), std::move(fields));
}

S3Status check_tag(std::string_view key, std::string_view value, TagOwner owner) {
  if (key.empty() || !is_tag_text(key, kTagKeyCharsMax)) {
    return invalid_tag("The TagKey you have provided is invalid", key);
  }
  if (starts_with_ignoring_case(key, kReservedPrefix)) {
    return invalid_tag(owner == TagOwner::kBucket
                           ? "System tags cannot be added/updated by requester"
                           : "Your TagKey cannot be prefixed with aws:",
                       key);
  }
  if (!is_tag_text(value, kTagValueCharsMax)) {
    return invalid_tag("The TagValue you have provided is invalid", key, value);
  }
  return {};
}

S3Result<Tags> parse_tag_set(const XmlElement& set) {
  Tags tags;
  for (const XmlElement& tag : set.children) {
    if (tag.name != "Tag" || !tag.has_only({"Key", "Value"})) return malformed_xml();
    std::optional<std::string> key = tag.child_text("Key");
    std::optional<std::string> value = tag.child_text("Value");
    if (!key || !value) return malformed_xml();
    tags.emplace_back(std::move(*key), std::move(*value));
  }
  return tags;
}

}  // namespace

S3Status check_tags(const Tags& tags, TagOwner owner) {
  if (owner == TagOwner::kObject && tags.size() > kObjectTagsMax) {
    return s3_fail(S3Code::kInvalidTag, "Object tags cannot be greater than 10");
  }
  if (owner == TagOwner::kBucket && tags.size() > kBucketTagsMax) {
    return s3_fail(S3Code::kBadRequest, "Bucket tag count cannot be greater than 50");
  }
  std::set<std::string_view> seen;
  for (const auto& [key, value] : tags) {
    if (S3Status checked = check_tag(key, value, owner); !checked) return checked;
    if (!seen.insert(key).second) return invalid_tag(std::string(kDuplicate), key);
  }
  return {};
}

S3Result<Tags> parse_tagging(std::string_view body, TagOwner owner) {
  const S3Result<XmlElement> root = parse_xml_tree(body, "Tagging");
  if (!root) return std::unexpected(root.error());
  const XmlElement* const set = root->child("TagSet");
  if (set == nullptr || !root->has_only({"TagSet"})) return malformed_xml();
  S3Result<Tags> tags = parse_tag_set(*set);
  if (!tags) return tags;
  if (S3Status checked = check_tags(*tags, owner); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  return tags;
}

S3Result<Tags> parse_tagging_header(std::string_view header) {
  const auto refuse = [&] {
    return invalid_argument(
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
        "without tag name duplicates.",
        "x-amz-tagging", header);
  };
  const S3Result<Query> pairs = parse_query(header);
  if (!pairs) return refuse();
  Tags tags;
  std::set<std::string_view> seen;
  for (const QueryParam& pair : pairs->params()) {
    if (pair.name.empty() || !seen.insert(pair.name).second) return refuse();
    tags.emplace_back(pair.name, pair.value);
  }
  if (S3Status checked = check_tags(tags, TagOwner::kObject); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  return tags;
}

std::string write_tagging(const Tags& tags) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("Tagging");
  xml.open("TagSet");
  for (const auto& [key, value] : tags) {
    xml.open("Tag");
    xml.element("Key", key);
    xml.element("Value", value);
    xml.close("Tag");
  }
  xml.close("TagSet");
  xml.close("Tagging");
  return body;
}

}  // namespace cairn::s3
