#include "gateway/rewrite.h"

#include <algorithm>

#include "gateway/limits.h"
#include "s3/uri.h"
#include "s3/xml_tree.h"
#include "s3/xml_writer.h"

namespace cairn::gateway {
namespace {

using s3::XmlElement;

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

// Elements whose text is a key, or the beginning of one.
constexpr std::string_view kKeys[] = {"Key",       "Prefix",     "Marker",       "NextMarker",
                                      "KeyMarker", "StartAfter", "NextKeyMarker"};
constexpr std::string_view kBuckets[] = {"Name", "Bucket"};
constexpr std::string_view kOwners[] = {"Owner", "Initiator"};

class Rewriter {
 public:
  Rewriter(const Names& names, bool is_coded, std::string& out)
      : names_(names), is_coded_(is_coded), xml_(out) {}

  Status write_root(const XmlElement& root) {
    xml_.declaration();
    xml_.open_root(root.name);
    if (root.children.empty()) xml_.text(root.text);
    for (const XmlElement& child : root.children) {
      if (Status done = write(child); !done) return done;
    }
    xml_.close(root.name);
    return {};
  }

 private:
  Status write(const XmlElement& element) {
    if (is_one_of(element.name, kOwners)) {
      xml_.open(element.name);
      xml_.element("ID", names_.owner_id);
      xml_.element("DisplayName", names_.owner_name);
      xml_.close(element.name);
      return {};
    }
    if (element.children.empty()) return write_leaf(element);
    xml_.open(element.name);
    for (const XmlElement& child : element.children) {
      if (Status done = write(child); !done) return done;
    }
    xml_.close(element.name);
    return {};
  }

  Status write_leaf(const XmlElement& element) {
    if (is_one_of(element.name, kBuckets)) {
      xml_.element(element.name, names_.bucket);
      return {};
    }
    if (element.name == "Location" && !names_.location.empty()) {
      xml_.element(element.name, names_.location);
      return {};
    }
    if (!is_one_of(element.name, kKeys) || names_.prefix.empty() || element.text.empty()) {
      xml_.element(element.name, element.text);
      return {};
    }
    std::string key = element.text;
    if (is_coded_) {
      std::optional<std::string> decoded = s3::percent_decode(key, s3::Plus::kSpace);
      if (!decoded) return fail(Code::kUnavailable, "the upstream's listing is badly coded");
      key = std::move(*decoded);
    }
    if (!key.starts_with(names_.prefix)) {
      return fail(Code::kUnavailable, "the upstream's answer names a key that was not asked for");
    }
    key.erase(0, names_.prefix.size());
    xml_.element(element.name, is_coded_ ? s3::url_encode_key(key) : key);
    return {};
  }

  const Names& names_;
  const bool is_coded_;
  s3::XmlWriter xml_;
};

}  // namespace

Result<std::string> rewrite_reply(std::string_view body, std::string_view root,
                                  const Names& names) {
  const s3::S3Result<XmlElement> tree = s3::parse_xml_tree(body, root, kReplyBytesMax);
  if (!tree) return fail(Code::kUnavailable, "the upstream's answer is no " + std::string(root));
  const XmlElement* const coding = tree->child("EncodingType");
  const bool is_coded = coding != nullptr && coding->token() == "url";
  std::string out;
  out.reserve(body.size() + body.size() / 8);
  Rewriter rewriter(names, is_coded, out);
  if (Status done = rewriter.write_root(*tree); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return out;
}

}  // namespace cairn::gateway
