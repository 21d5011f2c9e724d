// CopyObject and UploadPartCopy into a gateway bucket. Between buckets of one upstream it copies by
// itself; from anywhere else the bytes are read here and written there.
#include <algorithm>

#include "gateway/copy_source.h"
#include "gateway/forward.h"
#include "gateway/handlers.h"
#include "gateway/reply.h"
#include "s3/access.h"
#include "s3/elsewhere.h"
#include "s3/xml_writer.h"

namespace cairn::gateway::handlers {
namespace {

using s3::Call;
using s3::or_fail;
using s3::S3Code;
using s3::S3Result;
using s3::S3Status;

// The bucket of the source, when it is behind the same upstream; null when its bytes come by here.
struct Origin {
  s3::CopySource named;
  object::BucketInfo bucket;
  std::shared_ptr<Link> link;  // Null: the bucket is here.
};

io::Task<S3Result<Origin>> find_origin(Served& served) {
  const Call& call = served.call;
  Origin origin;
  origin.named =
      co_await or_fail(s3::parse_copy_source(call.header("x-amz-copy-source").value_or("")));
  S3Result<object::BucketInfo> opened = co_await s3::open_source_bucket(call, origin.named);
  origin.bucket = co_await or_fail(std::move(opened));
  if (s3::is_elsewhere(origin.bucket)) {
    Result<std::shared_ptr<Link>> link =
        served.services.links.find(origin.bucket, served.services.keys);
    origin.link = co_await or_fail(s3::translated(call, std::move(link)));
  }
  co_return origin;
}

io::Task<S3Status> respond_answer(Served& served, WholeAnswer answer) {
  co_return co_await served.call.respond_xml(std::move(answer.head), std::move(answer.body));
}

// The upstream's own copy.
io::Task<S3Status> copy_there(Served& served, Link::Request request, Origin origin) {
  std::string source = "/";
  s3::append_uri_encoded(source, origin.link->settings().bucket, s3::Slash::kEncode);
  source += '/';
  s3::append_uri_encoded(source, origin.link->upstream_key(origin.named.key), s3::Slash::kKeep);
  if (origin.named.version_id) {
    source += "?versionId=";
    s3::append_uri_encoded(source, *origin.named.version_id, s3::Slash::kEncode);
  }
  request.headers.emplace_back("x-amz-copy-source", std::move(source));
  add_headers(request, served,
              {"x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match",
               "x-amz-copy-source-if-modified-since", "x-amz-copy-source-if-unmodified-since",
               "x-amz-metadata-directive", "x-amz-tagging-directive"});
  if (served.call.query.has("uploadId")) {
    add_headers(request, served, {"x-amz-copy-source-range"});
  }
  const io::Until until{.deadline = io::Reactor::current().now() + kWorkPatience};
  S3Result<WholeAnswer> got = co_await ask(served, std::move(request), until);
  served.services.resolver.forget(*served.link, served.call.target.key);
  WholeAnswer answer = co_await or_fail(std::move(got));
  co_return co_await respond_answer(served, std::move(answer));
}

void add_metadata(Link::Request& request, const object::ObjectMetadata& metadata) {
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) request.headers.emplace_back(name, value);
  };
  std::erase_if(request.headers, [](const transfer::HeaderPair& header) {
    static constexpr std::string_view kStored[] = {"content-type",        "cache-control",
                                                   "content-disposition", "content-encoding",
                                                   "content-language",    "expires"};
    return header.first.starts_with("x-amz-meta-") ||
           std::ranges::find(kStored, header.first) != std::end(kStored);
  });
  add("content-type", metadata.content_type);
  add("cache-control", metadata.cache_control);
  add("content-disposition", metadata.content_disposition);
  add("content-encoding", metadata.content_encoding);
  add("content-language", metadata.content_language);
  add("expires", metadata.expires);
  for (const auto& [name, value] : metadata.user) add("x-amz-meta-" + name, value);
}

io::Task<S3Status> respond_copied(Served& served, http::ResponseHead head, std::string_view root,
                                  std::string etag) {
  std::string body;
  s3::XmlWriter xml(body);
  xml.declaration();
  xml.open_root(root);
  xml.element("LastModified", served.call.now());
  xml.etag_element("ETag", etag);
  xml.close(root);
  co_return co_await served.call.respond_xml(std::move(head), std::move(body));
}

io::Task<S3Result<Source>> open_source(Served& served, Origin origin) {
  if (origin.link == nullptr) {
    co_return co_await open_local_source(served, std::move(origin.bucket), std::move(origin.named));
  }
  co_return co_await open_remote_source(served, std::move(origin.link), std::move(origin.named));
}

// Through this server.
io::Task<S3Status> copy_by_here(Served& served, Link::Request request, Origin origin,
                                std::string_view root) {
  Call& call = served.call;
  S3Result<Source> opened = co_await open_source(served, std::move(origin));
  Source source = co_await or_fail(std::move(opened));
  const ByteRange range = co_await or_fail(range_of_copy(call, source));
  const bool replaces = call.header("x-amz-metadata-directive").value_or("COPY") == "REPLACE";
  const bool is_part = call.query.has("uploadId");
  if (!replaces && !is_part) add_metadata(request, source.metadata);
  co_await or_fail(s3::translated(call, source.start(range)));
  SourceBody body(source, range.size_bytes);
  request.body.source = &body;
  request.body.is_unsigned = true;
  transfer::S3Result<http::ClientResponse> answer =
      co_await served.link->send(std::move(request), {.stop = call.exchange.stop_token()},
                                 [&body] { return body.failure().has_value(); });
  served.services.resolver.forget(*served.link, call.target.key);
  if (body.failure()) co_return std::unexpected(s3::translate(call, *body.failure()));
  if (!answer) co_return std::unexpected(error_of(call, answer.error()));
  LinkCounters::add(served.link->counters().sent_bytes, range.size_bytes);
  http::ResponseHead head = call.make_head(200);
  if (const auto version = answer->head().get("x-amz-version-id")) {
    head.add("x-amz-version-id", *version);
  }
  std::string etag(bare_etag(answer->head().get("etag").value_or("")));
  static_cast<void>(co_await answer->receive_all(kReplyBytesMax));
  co_return co_await respond_copied(served, std::move(head), root, std::move(etag));
}

io::Task<S3Status> copy(Served& served, Link::Request request, std::string_view root) {
  S3Result<Origin> found = co_await find_origin(served);
  Origin origin = co_await or_fail(std::move(found));
  const bool is_theirs = origin.link != nullptr && origin.link->shares_server_with(*served.link);
  if (is_theirs) co_return co_await copy_there(served, std::move(request), std::move(origin));
  co_return co_await copy_by_here(served, std::move(request), std::move(origin), root);
}

}  // namespace

Reply copy_object(Served& served) {
  Link::Request request = request_of(served);
  co_await or_fail(add_write_headers(request, served));
  co_return co_await copy(served, std::move(request), "CopyObjectResult");
}

Reply copy_part(Served& served) {
  Link::Request request = request_of(served);
  add_params(request, served, {"partNumber", "uploadId"});
  co_await or_fail(add_write_headers(request, served));
  co_return co_await copy(served, std::move(request), "CopyPartResult");
}

}  // namespace cairn::gateway::handlers
