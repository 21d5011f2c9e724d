#include "s3/xml_reader.h"

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>

#include "base/dates.h"
#include "s3/checksum_headers.h"
#include "s3/conditions.h"
#include "s3/uri.h"

namespace cairn::s3 {
namespace {

std::unexpected<S3Error> malformed() {
  return s3_fail(S3Code::kMalformedXML);
}

// The local name of an element: what follows the prefix.
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool is_element(const pugi::xml_node& node) {
  return node.type() == pugi::node_element;
}

// All text directly under an element; CDATA and comments may have cut it in pieces.
std::string text_of(const pugi::xml_node& node) {
  std::string text;
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata)
      text += child.value();
  }
  return text;
}

// White space around numbers, booleans and names, which pretty-printers add.
std::string_view stripped(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<uint64_t> parse_number(std::string_view text) {
  text = stripped(text);
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_integer(std::string_view text) {
  text = stripped(text);
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_valid_reference(std::string_view name) {
  constexpr std::string_view kPredefined[] = {"amp", "lt", "gt", "quot", "apos"};
  if (!name.starts_with('#')) return std::ranges::find(kPredefined, name) != std::end(kPredefined);
  name.remove_prefix(1);
  const bool is_hex = name.starts_with('x');
  if (is_hex) name.remove_prefix(1);
  uint32_t code_point = 0;
  const auto parsed =
      std::from_chars(name.data(), name.data() + name.size(), code_point, is_hex ? 16 : 10);
  if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size()) return false;
  // NUL would end the parser's strings; surrogates are no characters.
  return code_point != 0 && code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
}

// Walks the markup without building anything. `at` always moves forward: one pass.
class Scan {
 public:
  explicit Scan(std::string_view body) : body_(body) {}

  bool run() {
    skip_declaration();
    while (at_ < body_.size()) {
      const char c = body_[at_];
      if (c == '&') {
        if (!reference()) return false;
      } else if (c == '<') {
        if (!markup()) return false;
      } else {
        ++at_;
      }
    }
    return depth_ == 0;
  }

 private:
  // `<?xml ... ?>` may only come first; a byte order mark before it is dropped by the parser.
  void skip_declaration() {
    if (body_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    while (at_ < body_.size() && std::string_view(" \t\r\n").contains(body_[at_])) ++at_;
    const std::string_view rest = body_.substr(at_);
    if (!rest.starts_with("<?xml") || rest.size() < 6) return;
    if (!std::string_view(" \t\r\n").contains(rest[5])) return;
    const size_t end = rest.find("?>");
    if (end != std::string_view::npos) at_ += end + 2;
  }
  bool reference() {
    constexpr size_t kReferenceBytesMax = 12;  // &#x0010FFFF;
    const size_t semicolon = body_.substr(at_, kReferenceBytesMax).find(';');
    if (semicolon == std::string_view::npos) return false;
    if (!is_valid_reference(body_.substr(at_ + 1, semicolon - 1))) return false;
    at_ += semicolon + 1;
    return true;
  }
  bool skip_past(std::string_view open, std::string_view close) {
    const size_t end = body_.find(close, at_ + open.size());
    if (end == std::string_view::npos) return false;
    at_ = end + close.size();
    return true;
  }
  bool markup() {
    const std::string_view rest = body_.substr(at_);
    if (rest.starts_with("<!--")) return skip_past("<!--", "-->");
    if (rest.starts_with("<![CDATA[")) return depth_ > 0 && skip_past("<![CDATA[", "]]>");
    if (rest.starts_with("<!") || rest.starts_with("<?")) return false;
    if (rest.starts_with("</")) {
      if (depth_ == 0) return false;
      --depth_;
      return skip_past("</", ">");
    }
    return open_tag();
  }
  // Attribute values may hold '>' and references.
  bool open_tag() {
    char quote = '\0';
    for (++at_; at_ < body_.size();) {
      const char c = body_[at_];
      if (c == '<') return false;
      if (c == '&') {
        if (!reference()) return false;
        continue;
      }
      ++at_;
      if (quote != '\0') {
        if (c == quote) quote = '\0';
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        const bool is_closed = body_[at_ - 2] == '/';
        if (depth_ + 1 > kXmlDepthMax) return false;
        if (!is_closed) ++depth_;
        return true;
      }
    }
    return false;
  }

  std::string_view body_;
  size_t at_ = 0;
  size_t depth_ = 0;
};

// Scans and parses; the root element must have the given local name.
S3Status load(std::string_view body, size_t size_bytes_max, std::string_view root_name,
              pugi::xml_document& document) {
  if (S3Status checked = check_xml(body, size_bytes_max); !checked) return checked;
  // parse_ws_pcdata_single keeps a key that is only white space; UTF-8 is set so that the parser
  // does not guess another encoding than the one that was scanned.
  const pugi::xml_parse_result parsed =
      document.load_buffer(body.data(), body.size(),
                           pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (!parsed) return malformed();
  size_t roots_count = 0;
  for (const pugi::xml_node& node : document.children()) roots_count += is_element(node) ? 1 : 0;
  if (roots_count != 1 || local_name(document.document_element()) != root_name) return malformed();
  return {};
}

S3Result<DeleteEntry> parse_delete_entry(const pugi::xml_node& object) {
  DeleteEntry entry;
  bool has_key = false;
  for (const pugi::xml_node& child : object.children()) {
    if (!is_element(child)) continue;
    const std::string_view name = local_name(child);
    std::string text = text_of(child);
    if (name == "Key") {
      if (has_key) return malformed();
      has_key = true;
      entry.key = std::move(text);
    } else if (name == "VersionId") {
      entry.version_id = std::move(text);
    } else if (name == "ETag") {
      entry.etag = std::string(unquoted_etag(stripped(text)));
    } else if (name == "LastModifiedTime") {
      entry.last_modified = parse_any_date(stripped(text));
      if (!entry.last_modified) return malformed();
    } else if (name == "Size") {
      entry.size_bytes = parse_number(text);
      if (!entry.size_bytes) return malformed();
    }
  }
  if (!has_key || entry.key.empty()) return malformed();
  return entry;
}

AclGrant parse_grant(const pugi::xml_node& node) {
  AclGrant grant;
  for (const pugi::xml_node& child : node.children()) {
    if (!is_element(child)) continue;
    if (local_name(child) == "Permission") grant.permission = stripped(text_of(child));
    if (local_name(child) != "Grantee") continue;
    for (const pugi::xml_attribute& attribute : child.attributes()) {
      const std::string_view name = attribute.name();
      if (name == "type" || name.ends_with(":type")) grant.type = attribute.value();
    }
    for (const pugi::xml_node& name : child.children()) {
      if (!is_element(name)) continue;
      if (local_name(name) == "ID") grant.id = stripped(text_of(name));
      if (local_name(name) == "URI") grant.uri = stripped(text_of(name));
      if (local_name(name) == "EmailAddress") grant.email = stripped(text_of(name));
    }
  }
  return grant;
}

S3Status parse_bucket_tags(const pugi::xml_node& list,
                           std::vector<std::pair<std::string, std::string>>& tags) {
  for (const pugi::xml_node& tag : list.children()) {
    if (!is_element(tag)) continue;
    if (local_name(tag) != "Tag") return malformed();
    std::optional<std::string> key;
    std::optional<std::string> value;
    for (const pugi::xml_node& part : tag.children()) {
      if (!is_element(part)) continue;
      if (local_name(part) == "Key") key = text_of(part);
      if (local_name(part) == "Value") value = text_of(part);
    }
    if (!key || !value) return malformed();
    tags.emplace_back(std::move(*key), std::move(*value));
  }
  return {};
}

S3Result<CompletePart> parse_complete_part(const pugi::xml_node& node) {
  CompletePart part;
  for (const pugi::xml_node& child : node.children()) {
    if (!is_element(child)) continue;
    const std::string_view name = local_name(child);
    const std::string text = text_of(child);
    if (name == "PartNumber") {
      const std::optional<uint64_t> number = parse_number(text);
      if (!number && !is_integer(text)) return malformed();
      if (!number || *number < 1 || *number > kCompletePartsMax) {
        return invalid_argument("PartNumber must be >= 1 and <= 10000", "PartNumber", text);
      }
      part.number = static_cast<uint32_t>(*number);
    } else if (name == "ETag") {
      part.etag = std::string(unquoted_etag(stripped(text)));
    } else if (name.starts_with("Checksum")) {
      const std::optional<crypto::DigestKind> kind = checksum_kind(name.substr(8));
      if (!kind) continue;
      const std::optional<crypto::DigestValue> value = parse_checksum_value(*kind, stripped(text));
      if (!value || !part.checksums.empty()) {
        return invalid_argument("Invalid Base64 or multiple checksums present in request",
                                "Checksum", text);
      }
      part.checksums.emplace_back(*kind, *value);
    }
  }
  if (part.number == 0 || part.etag.empty()) return malformed();
  return part;
}

}  // namespace

S3Status check_xml(std::string_view body, size_t size_bytes_max) {
  if (body.size() > size_bytes_max) {
    return s3_fail(S3Code::kMaxMessageLengthExceeded, {},
                   {{"MaxMessageLengthBytes", std::to_string(size_bytes_max)}});
  }
  if (body.find('\0') != std::string_view::npos || !is_valid_utf8(body)) return malformed();
  if (!Scan(body).run()) return malformed();
  return {};
}

S3Result<AclDocument> parse_acl(std::string_view body) {
  pugi::xml_document document;
  if (S3Status loaded = load(body, kXmlBodyBytesMax, "AccessControlPolicy", document); !loaded) {
    return std::unexpected(std::move(loaded.error()));
  }
  AclDocument acl;
  bool has_owner = false;
  bool has_list = false;
  for (const pugi::xml_node& part : document.document_element().children()) {
    if (!is_element(part)) continue;
    if (local_name(part) == "Owner") {
      for (const pugi::xml_node& name : part.children()) {
        if (is_element(name) && local_name(name) == "ID") acl.owner_id = stripped(text_of(name));
      }
      has_owner = !acl.owner_id.empty();
    }
    if (local_name(part) != "AccessControlList") continue;
    has_list = true;
    for (const pugi::xml_node& grant : part.children()) {
      if (!is_element(grant)) continue;
      if (local_name(grant) != "Grant" || acl.grants.size() == kAclGrantsMax) return malformed();
      acl.grants.push_back(parse_grant(grant));
    }
  }
  if (!has_owner || !has_list) return s3_fail(S3Code::kMalformedACLError);
  return acl;
}

S3Result<std::vector<std::pair<std::string, bool>>> parse_public_access_block(
    std::string_view body) {
  pugi::xml_document document;
  if (S3Status loaded = load(body, kXmlBodyBytesMax, "PublicAccessBlockConfiguration", document);
      !loaded) {
    return std::unexpected(std::move(loaded.error()));
  }
  std::vector<std::pair<std::string, bool>> settings;
  for (const pugi::xml_node& child : document.document_element().children()) {
    if (!is_element(child)) continue;
    const std::string text = text_of(child);
    const std::string_view value = stripped(text);
    const bool is_true = equal_ignoring_case(value, "true");
    if ((!is_true && !equal_ignoring_case(value, "false")) || settings.size() == 4) {
      return malformed();
    }
    settings.emplace_back(local_name(child), is_true);
  }
  return settings;
}

S3Result<std::string> parse_ownership_controls(std::string_view body) {
  pugi::xml_document document;
  if (S3Status loaded = load(body, kXmlBodyBytesMax, "OwnershipControls", document); !loaded) {
    return std::unexpected(std::move(loaded.error()));
  }
  std::string ownership;
  size_t rules_count = 0;
  for (const pugi::xml_node& rule : document.document_element().children()) {
    if (!is_element(rule)) continue;
    if (local_name(rule) != "Rule" || ++rules_count > 1) return malformed();
    for (const pugi::xml_node& child : rule.children()) {
      if (!is_element(child)) continue;
      if (local_name(child) != "ObjectOwnership" || !ownership.empty()) return malformed();
      ownership = stripped(text_of(child));
    }
  }
  if (ownership.empty()) return malformed();
  return ownership;
}

S3Result<CreateBucketConfiguration> parse_create_bucket(std::string_view body) {
  CreateBucketConfiguration configuration;
  if (stripped(body).empty()) return configuration;
  pugi::xml_document document;
  if (S3Status loaded = load(body, kXmlBodyBytesMax, "CreateBucketConfiguration", document);
      !loaded) {
    return std::unexpected(std::move(loaded.error()));
  }
  for (const pugi::xml_node& child : document.document_element().children()) {
    if (!is_element(child)) continue;
    if (local_name(child) == "LocationConstraint") {
      configuration.location_constraint = std::string(stripped(text_of(child)));
    }
    if (local_name(child) == "Tags") {
      S3Status parsed = parse_bucket_tags(child, configuration.tags);
      if (!parsed) return std::unexpected(std::move(parsed.error()));
    }
  }
  return configuration;
}

S3Result<DeleteRequest> parse_delete(std::string_view body) {
  pugi::xml_document document;
  if (S3Status loaded = load(body, kXmlListBodyBytesMax, "Delete", document); !loaded) {
    return std::unexpected(std::move(loaded.error()));
  }
  DeleteRequest request;
  for (const pugi::xml_node& child : document.document_element().children()) {
    if (!is_element(child)) continue;
    const std::string_view name = local_name(child);
    if (name == "Quiet") {
      const std::string text = text_of(child);
      const std::string_view value = stripped(text);
      if (value != "true" && value != "false") return malformed();
      request.quiet = value == "true";
    } else if (name == "Object") {
      if (request.objects.size() == kDeleteKeysMax) return malformed();
      S3Result<DeleteEntry> entry = parse_delete_entry(child);
      if (!entry) return std::unexpected(std::move(entry.error()));
      request.objects.push_back(std::move(*entry));
    }
  }
  if (request.objects.empty()) return malformed();
  return request;
}

S3Result<CompleteRequest> parse_complete(std::string_view body) {
  pugi::xml_document document;
  if (S3Status loaded = load(body, kXmlListBodyBytesMax, "CompleteMultipartUpload", document);
      !loaded) {
    return std::unexpected(std::move(loaded.error()));
  }
  CompleteRequest request;
  for (const pugi::xml_node& child : document.document_element().children()) {
    if (!is_element(child) || local_name(child) != "Part") continue;
    if (request.parts.size() == kCompletePartsMax) return malformed();
    S3Result<CompletePart> part = parse_complete_part(child);
    if (!part) return std::unexpected(std::move(part.error()));
    request.parts.push_back(std::move(*part));
  }
  if (request.parts.empty()) return malformed();
  return request;
}

}  // namespace cairn::s3
