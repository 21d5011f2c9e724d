#include "gateway/copy.h"

#include "gateway/copy_source.h"
#include "s3/checksum_headers.h"
#include "s3/events.h"
#include "s3/object_headers.h"
#include "s3/put_object.h"
#include "s3/write_conditions.h"
#include "s3/xml_writer.h"

namespace cairn::gateway {
namespace {

using s3::Call;
using s3::or_fail;
using s3::S3Code;
using s3::S3Result;
using s3::S3Status;

io::Task<Status> pour(Source& source, object::ObjectWriter& writer) {
  while (true) {
    const Buffer piece = co_await io::or_return(source.next());
    if (piece.empty()) co_return Status();
    co_await io::or_return(writer.write(piece.view()));
  }
}

// All of the source's range into `writer`, and the commit.
io::Task<S3Result<object::ObjectInfo>> fill(Call& call, Source& source,
                                            std::unique_ptr<object::ObjectWriter> writer) {
  Status poured = co_await pour(source, *writer);
  if (!poured) {
    co_await writer->abort();
    co_return std::unexpected(s3::translate(call, poured.error()));
  }
  const Result<object::BodyDigests> digests = co_await writer->digests();
  if (!digests) {
    co_await writer->abort();
    co_return std::unexpected(s3::translate(call, digests.error()));
  }
  Result<object::ObjectInfo> stored = co_await writer->finish(object::ExpectedBody());
  co_return s3::translated(call, std::move(stored));
}

io::Task<S3Status> respond(Call& call, object::ObjectInfo info, std::string_view root) {
  std::string body;
  s3::XmlWriter xml(body);
  xml.declaration();
  xml.open_root(root);
  xml.element("LastModified", info.modified);
  xml.etag_element("ETag", info.etag);
  if (info.checksum) s3::write_checksum(xml, *info.checksum, root == "CopyObjectResult");
  xml.close(root);
  http::ResponseHead head = call.make_head(200);
  if (!info.version_id.empty()) head.add("x-amz-version-id", info.version_id);
  co_return co_await call.respond_xml(std::move(head), std::move(body));
}

io::Task<S3Status> copy_object_here(Call& call, Source source) {
  object::PutOptions options = co_await or_fail(s3::put_options(call));
  const s3::UploadChecksum checksum = co_await or_fail(s3::parse_upload_checksum(call.view));
  if (checksum.kind) options.digests = {*checksum.kind};
  if (call.header("x-amz-metadata-directive").value_or("COPY") != "REPLACE") {
    // These belong to the request, never to the source.
    source.metadata.storage_class = options.metadata.storage_class;
    source.metadata.website_redirect = options.metadata.website_redirect;
    source.metadata.tags = options.metadata.tags;
    options.metadata = source.metadata;
  }
  options.conditions = s3::write_conditions(call);
  options.size_bytes = source.size_bytes;
  options.hook = s3::event_hook(call, s3::event::kCopy);
  co_await or_fail(s3::translated(call, source.start({0, source.size_bytes})));
  Result<std::unique_ptr<object::ObjectWriter>> opened =
      co_await call.objects().put(call.bucket, call.target.key, std::move(options));
  std::unique_ptr<object::ObjectWriter> writer =
      co_await or_fail(s3::translated(call, std::move(opened)));
  S3Result<object::ObjectInfo> stored = co_await fill(call, source, std::move(writer));
  object::ObjectInfo info = co_await or_fail(std::move(stored));
  co_return co_await respond(call, std::move(info), "CopyObjectResult");
}

io::Task<S3Status> copy_part_here(Call& call, Source source) {
  const std::optional<uint64_t> number =
      s3::parse_number(call.param("partNumber"), 1, object::kPartNumberMax);
  if (!number) {
    co_return s3::invalid_argument("Part number must be an integer between 1 and 10000, inclusive",
                                   "partNumber", call.param("partNumber"));
  }
  const ByteRange range = co_await or_fail(range_of_copy(call, source));
  Result<object::UploadInfo> found = co_await call.objects().upload(
      call.bucket, call.target.key, std::string(call.param("uploadId")));
  object::UploadInfo upload = co_await or_fail(s3::translated(call, std::move(found)));
  object::PutOptions options;
  options.digests = {upload.checksum};
  options.size_bytes = range.size_bytes;
  co_await or_fail(s3::translated(call, source.start(range)));
  Result<std::unique_ptr<object::ObjectWriter>> opened = co_await call.objects().put_part(
      call.bucket, std::move(upload), static_cast<uint32_t>(*number), std::move(options));
  std::unique_ptr<object::ObjectWriter> writer =
      co_await or_fail(s3::translated(call, std::move(opened)));
  S3Result<object::ObjectInfo> stored = co_await fill(call, source, std::move(writer));
  object::ObjectInfo info = co_await or_fail(std::move(stored));
  co_return co_await respond(call, std::move(info), "CopyPartResult");
}

}  // namespace

io::Task<S3Status> copy_here(Served& served, object::BucketInfo, s3::CopySource source) {
  S3Result<Source> opened = co_await open_remote_source(served, served.link, std::move(source));
  Source from = co_await or_fail(std::move(opened));
  if (served.call.query.has("uploadId")) {
    co_return co_await copy_part_here(served.call, std::move(from));
  }
  co_await or_fail(check_copy_size(from.size_bytes));
  co_return co_await copy_object_here(served.call, std::move(from));
}

}  // namespace cairn::gateway
