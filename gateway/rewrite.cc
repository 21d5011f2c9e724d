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
constexpr std::string_view kKeys[] = {"Key", "Prefix", "NextKeyMarker"};
// What the request said: some servers say it otherwise, and nobody reads it.
constexpr std::string_view kEchoes[] = {"Marker", "KeyMarker", "StartAfter"};
constexpr std::string_view kBuckets[] = {"Name", "Bucket"};
constexpr std::string_view kOwners[] = {"Owner", "Initiator"};

class Rewriter {
 public:
  Rewriter(const Names& names, bool is_coded, std::string& out)
      : names_(names), is_coded_(is_coded), xml_(out) {}

  Status write_root(const XmlElement& root, std::string_view name) {
    xml_.declaration();
    xml_.open_root(name);
    if (root.children.empty()) xml_.text(root.text);
    for (const XmlElement& child : root.children) {
      // Where the next page begins is behind the last entry, whatever some servers call it.
      if (child.name == "NextMarker") continue;
      if (Status done = write(child); !done) return done;
    }
    if (root.child("NextMarker") != nullptr) xml_.element("NextMarker", shown(last_));
    xml_.close(name);
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
    const bool is_echo = is_one_of(element.name, kEchoes);
    if (!is_echo && !is_one_of(element.name, kKeys)) {
      xml_.element(element.name, element.text);
      return {};
    }
    std::string key = element.text;
    if (is_coded_) {
      std::optional<std::string> decoded = s3::percent_decode(key, s3::Plus::kSpace);
      if (!decoded) return fail(Code::kUnavailable, "the upstream's listing is badly coded");
      key = std::move(*decoded);
    }
    if (key.starts_with(names_.prefix)) {
      key.erase(0, names_.prefix.size());
    } else if (is_echo || key.empty()) {
      key.clear();
    } else {
      return fail(Code::kUnavailable, "the upstream's answer names a key that was not asked for");
    }
    xml_.element(element.name, shown(key));
    last_ = std::max(last_, key);
    return {};
  }

  std::string shown(const std::string& key) const {
    return is_coded_ ? s3::url_encode_key(key) : key;
  }

  const Names& names_;
  const bool is_coded_;
  s3::XmlWriter xml_;
  std::string last_;  // The greatest key or common prefix so far.
};

// Some servers call their answers by another ending.
s3::S3Result<XmlElement> parse_reply(std::string_view body, std::string_view root) {
  s3::S3Result<XmlElement> tree = s3::parse_xml_tree(body, root, kReplyBytesMax);
  const size_t stem_bytes = root.ends_with("Result") ? root.size() - 6 : root.size();
  for (const std::string_view ending : {"Output", "Response"}) {
    if (tree) break;
    const std::string other = std::string(root.substr(0, stem_bytes)) + std::string(ending);
    tree = s3::parse_xml_tree(body, other, kReplyBytesMax);
  }
  return tree;
}

}  // namespace

Result<std::string> rewrite_reply(std::string_view body, std::string_view root,
                                  const Names& names) {
  // Blanks before the document keep connections alive while the upstream works.
  const size_t begin = std::min(body.find_first_not_of(" \t\r\n"), body.size());
  body.remove_prefix(begin);
  const s3::S3Result<XmlElement> tree = parse_reply(body, root);
  if (!tree) return fail(Code::kUnavailable, "the upstream's answer is no " + std::string(root));
  const XmlElement* const coding = tree->child("EncodingType");
  const bool is_coded = coding != nullptr && coding->token() == "url";
  std::string out;
  out.reserve(body.size() + body.size() / 8);
  Rewriter rewriter(names, is_coded, out);
  if (Status done = rewriter.write_root(*tree, root); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return out;
}

}  // namespace cairn::gateway
