#include "s3/xml_tree.h"

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>

namespace cairn::s3 {
namespace {

std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

// Copies `node` and what is under it; false when the tree has more elements than are left. As deep
// as the scan lets documents be (kXmlDepthMax).
bool copy_element(const pugi::xml_node& node, XmlElement& element, size_t& left_count) {
  if (left_count == 0) return false;
  --left_count;
  element.name = local_name(node);
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
      element.text += child.value();
    } else if (child.type() == pugi::node_element) {
      if (!copy_element(child, element.children.emplace_back(), left_count)) return false;
    }
  }
  return true;
}

}  // namespace

const XmlElement* XmlElement::child(std::string_view wanted) const {
  const auto found = std::ranges::find(children, wanted, &XmlElement::name);
  return found == children.end() ? nullptr : &*found;
}

size_t XmlElement::count(std::string_view wanted) const {
  return static_cast<size_t>(std::ranges::count(children, wanted, &XmlElement::name));
}

std::string_view XmlElement::token() const {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::string_view all = text;
  const size_t first = all.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return all.substr(first, all.find_last_not_of(kBlanks) - first + 1);
}

std::optional<int64_t> XmlElement::number() const {
  const std::string_view digits = token();
  int64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<std::string> XmlElement::child_text(std::string_view wanted) const {
  const XmlElement* const found = child(wanted);
  if (found == nullptr) return std::nullopt;
  return found->text;
}

bool XmlElement::has_only(std::initializer_list<std::string_view> once,
                          std::initializer_list<std::string_view> repeated) const {
  const auto is_known = [&](const XmlElement& element) {
    return std::ranges::find(once, element.name) != once.end() ||
           std::ranges::find(repeated, element.name) != repeated.end();
  };
  return std::ranges::all_of(children, is_known) &&
         std::ranges::all_of(once, [&](std::string_view wanted) { return count(wanted) <= 1; });
}

S3Result<XmlElement> parse_xml_tree(std::string_view body, std::string_view root_name,
                                    size_t size_bytes_max) {
  if (body.empty()) return s3_fail(S3Code::kMissingRequestBodyError);
  if (S3Status checked = check_xml(body, size_bytes_max); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  // parse_ws_pcdata_single keeps a value that is only white space; UTF-8 is set so that the parser
  // does not guess another encoding than the one that was scanned.
  pugi::xml_document document;
  const pugi::xml_parse_result parsed =
      document.load_buffer(body.data(), body.size(),
                           pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (!parsed) return malformed_xml();
  size_t roots_count = 0;
  for (const pugi::xml_node& node : document.children()) {
    roots_count += node.type() == pugi::node_element ? 1 : 0;
  }
  XmlElement root;
  size_t left_count = kXmlElementsMax;
  if (roots_count != 1 || !copy_element(document.document_element(), root, left_count) ||
      root.name != root_name) {
    return malformed_xml();
  }
  return root;
}

std::unexpected<S3Error> malformed_xml() {
  return s3_fail(S3Code::kMalformedXML);
}

}  // namespace cairn::s3
