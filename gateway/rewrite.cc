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
    const XmlElement* const marker = root.child("NextMarker");
    if (marker != nullptr) marker_ = key_of(*marker);
    for (const XmlElement& child : root.children) {
      if (&child == marker) continue;
      if (Status done = write(child); !done) return done;
    }
    // Some servers give a marker of their own: then the next page begins behind the last entry.
    if (marker != nullptr) {
      xml_.element("NextMarker", shown(is_marker_listed_ ? *marker_ : last_));
    }
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
    std::optional<std::string> key = key_of(element);
    if (!key && (is_echo || element.text.empty())) key.emplace();
    if (!key) {
      return fail(Code::kUnavailable, "the upstream's answer names a key that was not asked for");
    }
    xml_.element(element.name, shown(*key));
    if (is_echo) return {};
    is_marker_listed_ = is_marker_listed_ || key == marker_;
    last_ = std::max(last_, *key);
    return {};
  }

  // Without the prefix; nullopt for what is none, or is outside it.
  std::optional<std::string> key_of(const XmlElement& element) const {
    std::optional<std::string> key = element.text;
    if (is_coded_) key = s3::percent_decode(element.text, s3::Plus::kSpace);
    if (!key || !key->starts_with(names_.prefix)) return std::nullopt;
    key->erase(0, names_.prefix.size());
    return key;
  }

  std::string shown(const std::string& key) const {
    return is_coded_ ? s3::url_encode_key(key) : key;
  }

  const Names& names_;
  const bool is_coded_;
  s3::XmlWriter xml_;
  std::string last_;                   // The greatest key or common prefix so far.
  std::optional<std::string> marker_;  // Where the upstream says that its next page begins,
  bool is_marker_listed_ = false;      // and whether it is one of its entries.
};

// Some servers call their answers by another ending.
s3::S3Result<XmlElement> parse_reply(std::string_view body, std::string_view root) {
  s3::S3Result<XmlElement> tree = s3::parse_xml_tree(body, root, kReplyBytesMax);
  std::string_view stem = root;
  for (const std::string_view ending : {"Result", "Response"}) {
    if (stem.ends_with(ending)) stem.remove_suffix(ending.size());
  }
  for (const std::string_view ending : {"Output", "Response", "Result"}) {
    if (tree) break;
    const std::string other = std::string(stem) + std::string(ending);
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
