// DeleteObject and DeleteObjects of a gateway bucket.
#include "base/encoding.h"
#include "base/log.h"
#include "gateway/forward.h"
#include "gateway/handlers.h"
#include "gateway/reply.h"
#include "s3/access.h"
#include "s3/checksum_headers.h"
#include "s3/xml_reader.h"
#include "s3/xml_tree.h"
#include "s3/xml_writer.h"

namespace cairn::gateway::handlers {
namespace {

using s3::Call;
using s3::or_fail;
using s3::S3Code;
using s3::S3Result;
using s3::S3Status;
using s3::XmlElement;
using s3::XmlWriter;

void write_entry(XmlWriter& xml, const s3::DeleteEntry& entry, std::string_view key) {
  xml.open("Object");
  xml.element("Key", key);
  if (entry.version_id) xml.element("VersionId", *entry.version_id);
  if (entry.etag) xml.etag_element("ETag", *entry.etag);
  xml.close("Object");
}

void write_error(XmlWriter& xml, const s3::DeleteEntry& entry, std::string_view code,
                 std::string_view message) {
  xml.open("Error");
  xml.element("Key", entry.key);
  if (entry.version_id) xml.element("VersionId", *entry.version_id);
  xml.element("Code", code);
  xml.element("Message", message);
  xml.close("Error");
}

S3Status authorize_entry(const Call& call, const s3::DeleteEntry& entry) {
  const std::string version = entry.version_id.value_or("");
  const S3Status allowed =
      s3::authorize_now(call, s3::versioned_action("s3:DeleteObject", entry.version_id.has_value()),
                        call.bucket, entry.key, version);
  const bool bypasses = s3::equal_ignoring_case(
      call.header("x-amz-bypass-governance-retention").value_or(""), "true");
  if (!allowed || !bypasses) return allowed;
  return s3::authorize_now(call, "s3:BypassGovernanceRetention", call.bucket, entry.key, version);
}

// RequestRecord::detail: which keys were to go.
std::string audit_detail(const s3::DeleteRequest& wanted) {
  std::string out = "[";
  for (const s3::DeleteEntry& entry : wanted.objects) {
    out += out.size() == 1 ? "{\"key\":\"" : ",{\"key\":\"";
    log::append_json_escaped(out, entry.key);
    if (entry.version_id) {
      out += "\",\"version\":\"";
      log::append_json_escaped(out, *entry.version_id);
    }
    out += "\"}";
  }
  return out + "]";
}

// <Deleted> and <Error> of the upstream with our keys. False when the answer names another key.
bool write_outcomes(XmlWriter& xml, const XmlElement& tree, std::string_view prefix, bool quiet) {
  for (const XmlElement& outcome : tree.children) {
    const bool is_deleted = outcome.name == "Deleted";
    if (!is_deleted && outcome.name != "Error") continue;
    if (is_deleted && quiet) continue;
    xml.open(outcome.name);
    for (const XmlElement& child : outcome.children) {
      std::string_view text = child.text;
      if (child.name == "Key") {
        if (!text.starts_with(prefix)) return false;
        text.remove_prefix(prefix.size());
      }
      xml.element(child.name, text);
    }
    xml.close(outcome.name);
  }
  return true;
}

// Conditions of single entries other than the ETag are not passed on: rather no deletion than one
// that was not meant.
S3Status check_entries(const s3::DeleteRequest& wanted) {
  for (const s3::DeleteEntry& entry : wanted.objects) {
    if (!entry.last_modified && !entry.size_bytes) continue;
    return s3::s3_fail(S3Code::kNotImplemented,
                       "A gateway bucket takes no condition on size or time of a deletion.");
  }
  return {};
}

io::Task<S3Result<WholeAnswer>> ask_delete(Served& served, std::string document) {
  Link::Request request = request_of(served);
  request.query.emplace_back("delete", "");
  add_headers(request, served, {"x-amz-bypass-governance-retention"});
  const crypto::DigestValue md5 = crypto::digest_of(crypto::DigestKind::kMd5, as_bytes(document));
  request.headers.emplace_back("Content-MD5", to_base64(md5.view()));
  request.headers.emplace_back("Content-Type", "application/xml");
  request.body.bytes = as_bytes(document);
  request.retry_safe = true;
  const io::Until until{.deadline = io::Reactor::current().now() + kWorkPatience};
  co_return co_await ask(served, std::move(request), until);
}

}  // namespace

Reply delete_object(Served& served) {
  Link::Request request = request_of(served);
  add_params(request, served, {"versionId"});
  add_headers(request, served,
              {"if-match", "x-amz-if-match-last-modified-time", "x-amz-if-match-size",
               "x-amz-bypass-governance-retention", "x-amz-mfa"});
  S3Result<WholeAnswer> got = co_await ask(served, std::move(request), question_deadline());
  served.services.resolver.forget(*served.link, served.call.target.key);
  WholeAnswer answer = co_await or_fail(std::move(got));
  answer.head.set_status(204);
  static_cast<void>(co_await served.call.exchange.respond(answer.head, BytesView()));
  co_return S3Status();
}

Reply delete_objects(Served& served) {
  Call& call = served.call;
  const s3::BodyChecksums claimed = co_await or_fail(s3::parse_body_checksums(call.view));
  if (!claimed.any()) {
    co_return s3::s3_fail(
        S3Code::kInvalidRequest,
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
  }
  s3::DeleteRequest wanted = co_await or_fail(s3::parse_delete(call.document));
  call.audit_detail = audit_detail(wanted);
  co_await or_fail(check_entries(wanted));
  std::string document;
  std::string body;
  XmlWriter out(document);
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("DeleteResult");
  out.declaration();
  out.open_root("Delete");
  size_t allowed_count = 0;
  for (const s3::DeleteEntry& entry : wanted.objects) {
    if (authorize_entry(call, entry)) {
      write_entry(out, entry, served.link->upstream_key(entry.key));
      ++allowed_count;
    } else {
      write_error(xml, entry, "AccessDenied", "Access Denied");
    }
  }
  out.close("Delete");
  if (allowed_count > 0) {
    S3Result<WholeAnswer> got = co_await ask_delete(served, std::move(document));
    for (const s3::DeleteEntry& entry : wanted.objects) {
      served.services.resolver.forget(*served.link, entry.key);
    }
    const WholeAnswer answer = co_await or_fail(std::move(got));
    const S3Result<XmlElement> tree =
        s3::parse_xml_tree(answer.body, "DeleteResult", kReplyBytesMax);
    const bool is_good =
        tree && write_outcomes(xml, *tree, served.link->settings().prefix, wanted.quiet);
    if (!is_good) {
      co_return s3::s3_fail(S3Code::kServiceUnavailable,
                            "The upstream of this bucket answers a deletion with something else.");
    }
  }
  xml.close("DeleteResult");
  co_return co_await call.respond_xml(std::move(body));
}

}  // namespace cairn::gateway::handlers
