#include "transfer/xml_replies.h"

#include <charconv>
#include <pugixml.hpp>

#include "base/dates.h"
#include "base/encoding.h"
#include "sigv4/uri.h"

namespace cairn::transfer {
namespace {

std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node child_of(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() == pugi::node_element && local_name(child) == name) return child;
  }
  return {};
}

std::string text_of(const pugi::xml_node& parent, std::string_view name) {
  return child_of(parent, name).text().get();
}

uint64_t number_of(const pugi::xml_node& parent, std::string_view name) {
  const std::string text = text_of(parent, name);
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} ? value : 0;
}

WallTime time_of(const pugi::xml_node& parent, std::string_view name) {
  return parse_iso8601(text_of(parent, name)).value_or(WallTime{});
}

std::string without_quotes(std::string text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

// Parsed XML whose root has the expected name.
class Reply {
 public:
  Status parse(std::string_view body, std::string_view root_name) {
    if (body.size() > kXmlReplyBytesMax) {
      return fail(Code::kResourceExhausted, "the server's answer is larger than 8 MiB");
    }
    constexpr unsigned kOptions = pugi::parse_default | pugi::parse_ws_pcdata_single;
    const pugi::xml_parse_result parsed =
        document_.load_buffer(body.data(), body.size(), kOptions, pugi::encoding_utf8);
    root_ = document_.document_element();
    if (!parsed || local_name(root_) != root_name) {
      return fail(Code::kCorruption, "the server's answer is no " + std::string(root_name) +
                                         "; is the endpoint an S3 server?");
    }
    is_encoded_ = text_of(root_, "EncodingType") == "url";
    return {};
  }
  const pugi::xml_node& root() const { return root_; }
  std::string text(std::string_view name) const { return text_of(root_, name); }
  bool is_truncated() const { return text("IsTruncated") == "true"; }
  // A key of this answer. What does not decode is kept as it came.
  std::string decoded(const pugi::xml_node& parent, std::string_view name) const {
    std::string raw = text_of(parent, name);
    if (!is_encoded_) return raw;
    return sigv4::percent_decode(raw, sigv4::Plus::kSpace).value_or(raw);
  }
  // Calls `take` for each child of the root named `name`.
  template <typename Take>
  Status each(std::string_view name, Take take) const {
    size_t count = 0;
    for (const pugi::xml_node& child : root_.children()) {
      if (child.type() != pugi::node_element || local_name(child) != name) continue;
      if (++count > kReplyEntriesMax) {
        return fail(Code::kResourceExhausted, "the server's list has too many entries");
      }
      take(child);
    }
    return {};
  }
  Result<std::vector<std::string>> prefixes() const {
    std::vector<std::string> found;
    Status read = each("CommonPrefixes", [&](const pugi::xml_node& node) {
      found.push_back(decoded(node, "Prefix"));
    });
    if (!read) return std::unexpected(read.error());
    return found;
  }

 private:
  pugi::xml_document document_;
  pugi::xml_node root_;
  bool is_encoded_ = false;
};

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default:
        // Line ends and other controls would be normalised or refused.
        if (static_cast<uint8_t>(c) < 0x20) {
          out += "&#" + std::to_string(static_cast<int>(c)) + ";";
        } else {
          out += c;
        }
    }
  }
}

void append_element(std::string& out, std::string_view name, std::string_view text) {
  out.append("<").append(name).append(">");
  append_escaped(out, text);
  out.append("</").append(name).append(">");
}

constexpr std::string_view kNamespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";

std::optional<uint64_t> crc64_of(const pugi::xml_node& node) {
  const std::optional<Bytes> bytes = from_base64(text_of(node, "ChecksumCRC64NVME"));
  if (!bytes || bytes->size() != sizeof(uint64_t)) return std::nullopt;
  return load_be<uint64_t>(bytes->data());
}

}  // namespace

ErrorReply parse_error_reply(std::string_view body) {
  Reply reply;
  if (!reply.parse(body, "Error")) return {};
  ErrorReply told{.code = reply.text("Code"),
                  .message = reply.text("Message"),
                  .request_id = reply.text("RequestId"),
                  .region = reply.text("Region"),
                  .details = {}};
  for (const pugi::xml_node& node : reply.root().children()) {
    if (told.details.size() == kErrorDetailsMax) break;
    const std::string_view text = node.text().get();
    if (node.type() != pugi::node_element || text.size() > kErrorDetailBytesMax) continue;
    told.details.emplace_back(local_name(node), text);
  }
  return told;
}

bool is_error_reply(std::string_view body) {
  Reply reply;
  return reply.parse(body, "Error").has_value();
}

Result<std::vector<BucketEntry>> parse_buckets(std::string_view body) {
  Reply reply;
  if (Status parsed = reply.parse(body, "ListAllMyBucketsResult"); !parsed) {
    return std::unexpected(parsed.error());
  }
  std::vector<BucketEntry> buckets;
  for (const pugi::xml_node& node : child_of(reply.root(), "Buckets").children()) {
    if (local_name(node) != "Bucket") continue;
    if (buckets.size() == kReplyEntriesMax) {
      return fail(Code::kResourceExhausted, "the server's list has too many entries");
    }
    buckets.push_back({text_of(node, "Name"), time_of(node, "CreationDate")});
  }
  return buckets;
}

Result<ListPage> parse_list_page(std::string_view body) {
  Reply reply;
  if (Status parsed = reply.parse(body, "ListBucketResult"); !parsed) {
    return std::unexpected(parsed.error());
  }
  ListPage page;
  Status read = reply.each("Contents", [&](const pugi::xml_node& node) {
    page.objects.push_back({.key = reply.decoded(node, "Key"),
                            .size_bytes = number_of(node, "Size"),
                            .modified = time_of(node, "LastModified"),
                            .etag = without_quotes(text_of(node, "ETag")),
                            .storage_class = text_of(node, "StorageClass")});
  });
  if (!read) return std::unexpected(read.error());
  Result<std::vector<std::string>> prefixes = reply.prefixes();
  if (!prefixes) return std::unexpected(prefixes.error());
  page.prefixes = std::move(*prefixes);
  if (!reply.is_truncated()) return page;
  page.next_token = reply.text("NextContinuationToken");
  if (page.next_token.empty()) {
    return fail(Code::kCorruption, "the server's list goes on without saying where");
  }
  return page;
}

Result<VersionPage> parse_version_page(std::string_view body) {
  Reply reply;
  if (Status parsed = reply.parse(body, "ListVersionsResult"); !parsed) {
    return std::unexpected(parsed.error());
  }
  VersionPage page;
  for (const pugi::xml_node& node : reply.root().children()) {
    const bool is_marker = local_name(node) == "DeleteMarker";
    if (!is_marker && local_name(node) != "Version") continue;
    if (page.versions.size() == kReplyEntriesMax) {
      return fail(Code::kResourceExhausted, "the server's list has too many entries");
    }
    page.versions.push_back({.key = reply.decoded(node, "Key"),
                             .version_id = text_of(node, "VersionId"),
                             .is_latest = text_of(node, "IsLatest") == "true",
                             .is_delete_marker = is_marker,
                             .size_bytes = number_of(node, "Size"),
                             .modified = time_of(node, "LastModified"),
                             .etag = without_quotes(text_of(node, "ETag"))});
  }
  Result<std::vector<std::string>> prefixes = reply.prefixes();
  if (!prefixes) return std::unexpected(prefixes.error());
  page.prefixes = std::move(*prefixes);
  if (!reply.is_truncated()) return page;
  page.next_key = reply.decoded(reply.root(), "NextKeyMarker");
  page.next_version = reply.text("NextVersionIdMarker");
  if (page.next_key.empty()) {
    return fail(Code::kCorruption, "the server's list goes on without saying where");
  }
  return page;
}

Result<std::string> parse_upload_id(std::string_view body) {
  Reply reply;
  if (Status parsed = reply.parse(body, "InitiateMultipartUploadResult"); !parsed) {
    return std::unexpected(parsed.error());
  }
  std::string id = reply.text("UploadId");
  if (id.empty()) return fail(Code::kCorruption, "the server began an upload without an id");
  return id;
}

Result<PartsPage> parse_parts_page(std::string_view body) {
  Reply reply;
  if (Status parsed = reply.parse(body, "ListPartsResult"); !parsed) {
    return std::unexpected(parsed.error());
  }
  PartsPage page;
  Status read = reply.each("Part", [&](const pugi::xml_node& node) {
    page.parts.push_back({.number = static_cast<uint32_t>(number_of(node, "PartNumber")),
                          .etag = without_quotes(text_of(node, "ETag")),
                          .size_bytes = number_of(node, "Size"),
                          .crc64_nvme = crc64_of(node)});
  });
  if (!read) return std::unexpected(read.error());
  if (reply.is_truncated()) {
    page.next_marker = static_cast<uint32_t>(number_of(reply.root(), "NextPartNumberMarker"));
  }
  return page;
}

Result<UploadsPage> parse_uploads_page(std::string_view body) {
  Reply reply;
  if (Status parsed = reply.parse(body, "ListMultipartUploadsResult"); !parsed) {
    return std::unexpected(parsed.error());
  }
  UploadsPage page;
  Status read = reply.each("Upload", [&](const pugi::xml_node& node) {
    page.uploads.push_back({.key = reply.decoded(node, "Key"),
                            .upload_id = text_of(node, "UploadId"),
                            .initiated = time_of(node, "Initiated")});
  });
  if (!read) return std::unexpected(read.error());
  if (reply.is_truncated()) {
    page.next_key = reply.decoded(reply.root(), "NextKeyMarker");
    page.next_upload_id = reply.text("NextUploadIdMarker");
  }
  return page;
}

Result<std::vector<HeaderPair>> parse_tagging(std::string_view body) {
  Reply reply;
  if (Status parsed = reply.parse(body, "Tagging"); !parsed) {
    return std::unexpected(parsed.error());
  }
  std::vector<HeaderPair> tags;
  for (const pugi::xml_node& node : child_of(reply.root(), "TagSet").children()) {
    if (local_name(node) != "Tag") continue;
    if (tags.size() == kTagsMax) {
      return fail(Code::kResourceExhausted, "the server's answer has too many tags");
    }
    tags.emplace_back(text_of(node, "Key"), text_of(node, "Value"));
  }
  return tags;
}

Result<std::string> parse_result_etag(std::string_view body) {
  for (const std::string_view root :
       {"CompleteMultipartUploadResult", "CopyObjectResult", "CopyPartResult",
        // As moto names it; clients of AWS do not look at the root.
        "CompleteMultipartUploadResponse"}) {
    Reply reply;
    if (reply.parse(body, root)) return without_quotes(reply.text("ETag"));
  }
  return fail(Code::kCorruption, "the server's answer tells no ETag");
}

Result<std::vector<DeleteProblem>> parse_delete_result(std::string_view body) {
  Reply reply;
  if (Status parsed = reply.parse(body, "DeleteResult"); !parsed) {
    return std::unexpected(parsed.error());
  }
  std::vector<DeleteProblem> problems;
  Status read = reply.each("Error", [&](const pugi::xml_node& node) {
    problems.push_back({.key = text_of(node, "Key"),
                        .version_id = text_of(node, "VersionId"),
                        .code = text_of(node, "Code"),
                        .message = text_of(node, "Message")});
  });
  if (!read) return std::unexpected(read.error());
  return problems;
}

std::string write_create_bucket(std::string_view region) {
  std::string out("<CreateBucketConfiguration");
  out += kNamespace;
  append_element(out, "LocationConstraint", region);
  out += "</CreateBucketConfiguration>";
  return out;
}

std::string write_complete(std::span<const PartEntry> parts) {
  std::string out("<CompleteMultipartUpload");
  out += kNamespace;
  for (const PartEntry& part : parts) {
    out += "<Part>";
    append_element(out, "PartNumber", std::to_string(part.number));
    append_element(out, "ETag", "\"" + part.etag + "\"");
    if (part.crc64_nvme) {
      std::array<uint8_t, sizeof(uint64_t)> bytes;
      store_be(bytes.data(), *part.crc64_nvme);
      append_element(out, "ChecksumCRC64NVME", to_base64(bytes));
    }
    out += "</Part>";
  }
  out += "</CompleteMultipartUpload>";
  return out;
}

std::string write_delete(std::span<const DeleteKey> keys) {
  std::string out("<Delete");
  out += kNamespace;
  out += "<Quiet>true</Quiet>";
  for (const DeleteKey& key : keys) {
    out += "<Object>";
    append_element(out, "Key", key.key);
    if (!key.version_id.empty()) append_element(out, "VersionId", key.version_id);
    out += "</Object>";
  }
  out += "</Delete>";
  return out;
}

}  // namespace cairn::transfer
