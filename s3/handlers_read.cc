// GetObject, HeadObject and what else is read of one object.
#include <algorithm>

#include "base/dates.h"
#include "object/site_sync.h"
#include "s3/conditions.h"
#include "s3/encryption.h"
#include "s3/handlers.h"
#include "s3/listing.h"
#include "s3/object_headers.h"
#include "s3/range_header.h"
#include "s3/xml_writer.h"

namespace cairn::s3::handlers {
namespace {

// What of an object a GET or HEAD answers with.
struct ReadPlan {
  bool not_modified = false;
  bool partial = false;  // 206 with Content-Range.
  ByteRange range;
  std::optional<uint32_t> parts_count;  // Of a partNumber request to a multipart object.
  std::optional<object::ObjectChecksum> checksum;
};

// The bytes of part `number`. An object that was uploaded whole has one part, itself.
io::Task<S3Status> plan_part(object::ObjectReader& reader, const Call& call, uint32_t number,
                             ReadPlan& plan) {
  const object::ObjectInfo& info = reader.info();
  if (info.parts_count == 0 && number == 1) {
    plan.partial = info.size_bytes > 0;
    plan.range = {0, info.size_bytes};
    plan.checksum = info.checksum;
    co_return S3Status();
  }
  Result<std::optional<std::pair<ByteRange, object::PartInfo>>> found =
      co_await reader.part(number);
  const auto part = co_await or_fail(translated(call, std::move(found)));
  if (!part) {
    co_return s3_fail(S3Code::kInvalidPartNumber, {},
                      {{"ActualPartCount", std::to_string(std::max(1U, info.parts_count))},
                       {"PartNumberRequested", std::to_string(number)}});
  }
  plan.partial = part->first.size_bytes > 0;
  plan.range = part->first;
  plan.parts_count = info.parts_count;
  plan.checksum = part->second.checksum;
  co_return S3Status();
}

S3Result<std::optional<uint32_t>> parse_part_number(const Call& call) {
  const std::optional<std::string_view> text = call.query.find("partNumber");
  if (!text) return std::optional<uint32_t>();
  const std::optional<uint64_t> number = parse_number(*text, 1, object::kPartNumberMax);
  if (!number) {
    return invalid_argument("Part number must be an integer between 1 and 10000, inclusive",
                            "partNumber", *text);
  }
  if (call.view.header("range")) {
    return s3_fail(S3Code::kInvalidRequest,
                   "Cannot specify both Range header and partNumber query parameter");
  }
  return std::optional<uint32_t>(static_cast<uint32_t>(*number));
}

// Conditions and range. Parts are planned by plan_part.
S3Result<ReadPlan> plan_read(const Call& call, const object::ObjectInfo& info) {
  ReadPlan plan;
  const object::Conditions conditions = parse_conditions(call.view, call.now());
  if (conditions.any()) {
    const Evaluation evaluation = evaluate_read(conditions, info.etag, info.modified);
    if (evaluation.verdict == Verdict::kFailed) {
      return std::unexpected(precondition_failed(evaluation.condition));
    }
    plan.not_modified = evaluation.verdict == Verdict::kNotModified;
  }
  const std::string_view header = call.view.header("range").value_or("");
  std::optional<RangeSpec> spec;
  if (!header.empty()) spec = parse_range(header);
  const S3Result<ResolvedRange> resolved = resolve_range(spec, info.size_bytes, header);
  if (!resolved) {
    if (plan.not_modified) return plan;
    return std::unexpected(resolved.error());
  }
  plan.partial = resolved->is_partial;
  plan.range = resolved->range;
  if (!plan.partial) plan.checksum = info.checksum;
  return plan;
}

// Where the object stands with the sites that follow its bucket (S3's words for it).
io::Task<S3Status> add_replication_status(Call& call, const object::ObjectInfo& info,
                                          http::ResponseHead& head) {
  constexpr std::string_view kName = "x-amz-replication-status";
  if (!info.origin.empty()) {
    head.add(kName, "REPLICA");
    co_return S3Status();
  }
  object::SiteSync* const sync = call.objects().site_sync();
  if (sync == nullptr || !sync->tail().wants(call.bucket.id)) co_return S3Status();
  const std::string version_id = call.bucket.is_versioned() ? info.version_id : std::string();
  Result<std::string> found =
      co_await sync->tail().status_of(call.bucket, call.target.key, version_id);
  const std::string status = co_await or_fail(translated(call, std::move(found)));
  if (!status.empty()) head.add(kName, status);
  co_return S3Status();
}

http::ResponseHead make_read_head(const Call& call, const object::ObjectInfo& info,
                                  const ReadPlan& plan) {
  http::ResponseHead head = call.make_head(plan.partial ? 206 : 200);
  add_object_headers(head, call, info, true);
  if (plan.partial) head.add("Content-Range", content_range(plan.range, info.size_bytes));
  if (plan.parts_count) head.add("x-amz-mp-parts-count", uint64_t{*plan.parts_count});
  if (plan.checksum && checksum_mode_enabled(call.view)) add_checksum(head, *plan.checksum);
  return head;
}

io::Task<S3Status> respond_not_modified(Call& call, const object::ObjectInfo& info) {
  http::ResponseHead head = call.make_head(304);
  add_validators(head, info);
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return S3Status();
}

// The body in pieces, after the first one is at hand. A failure leaves the reply unfinished, which
// cuts the connection.
io::Task<S3Status> stream_body(Call& call, object::ObjectReader& reader, http::ResponseHead head,
                               uint64_t size_bytes, Buffer piece) {
  Status sent = co_await call.exchange.start_response(head, size_bytes);
  while (sent && !piece.empty()) {
    sent = co_await call.exchange.send_body(piece.view());
    if (!sent) break;
    piece = Buffer();
    Result<Buffer> next = co_await reader.next();
    if (!next) {
      static_cast<void>(translate(call, next.error()));  // Logged there.
      co_return S3Status();
    }
    piece = std::move(*next);
  }
  if (sent) static_cast<void>(co_await call.exchange.finish_response());
  co_return S3Status();
}

// HEAD with `x-cairn-cache: warm`: the caches take in what the range names; with `bytes=0-0`, which
// stock clients can ask for, and without a range, the whole object. The answer does not wait.
constexpr std::string_view kCacheHeader = "x-cairn-cache";

io::Task<S3Status> warm_object(Call& call, const ReadPlan& plan, crypto::SseKeyPointer key) {
  Result<std::unique_ptr<object::ObjectReader>> opened =
      co_await call.objects().open(call.bucket, call.target.key, call.version_id(), std::move(key));
  const std::unique_ptr<object::ObjectReader> reader =
      co_await or_fail(translated(call, std::move(opened)));
  const uint64_t size_bytes = reader->info().size_bytes;
  const bool is_probe = plan.partial && plan.range.offset_bytes == 0 && plan.range.size_bytes == 1;
  ByteRange range = plan.partial && !is_probe ? plan.range : ByteRange{0, size_bytes};
  if (range.size_bytes == 0) co_return S3Status();
  const Status begun = reader->warm_later(range);
  if (!begun && begun.error().code == Code::kResourceExhausted) {
    co_return s3_fail(S3Code::kSlowDown, begun.error().message);
  }
  co_return translated(call, begun);
}

// The whole of it, or nothing.
S3Result<bool> wants_warming(const Call& call) {
  const std::optional<std::string_view> text = call.view.header(kCacheHeader);
  if (!text) return false;
  if (*text == "warm") return true;
  return invalid_argument("The only value of this header is warm", kCacheHeader, *text);
}

}  // namespace

Reply get_object(Call& call) {
  const std::optional<uint32_t> part_number = co_await or_fail(parse_part_number(call));
  co_await or_fail(refuse_encryption_headers(call));
  crypto::SseKeyPointer key = co_await or_fail(customer_key_of(call));
  Result<std::unique_ptr<object::ObjectReader>> opened =
      co_await call.objects().open(call.bucket, call.target.key, call.version_id(), std::move(key));
  const std::unique_ptr<object::ObjectReader> reader =
      co_await or_fail(translated(call, std::move(opened)));
  const object::ObjectInfo& info = reader->info();
  co_await or_fail(check_kms_signature(call, info.sse));
  ReadPlan plan = co_await or_fail(plan_read(call, info));
  if (plan.not_modified) co_return co_await respond_not_modified(call, info);
  if (part_number) {
    const S3Status planned = co_await plan_part(*reader, call, *part_number, plan);
    if (!planned) co_return std::unexpected(planned.error());
  }
  Buffer first;
  if (plan.range.size_bytes > 0) {
    co_await or_fail(translated(call, reader->start(plan.range)));
    Result<Buffer> piece = co_await reader->next();
    first = co_await or_fail(translated(call, std::move(piece)));
  }
  http::ResponseHead head = make_read_head(call, info, plan);
  const S3Status told = co_await add_replication_status(call, info, head);
  if (!told) co_return std::unexpected(told.error());
  if (first.size() == plan.range.size_bytes) {
    static_cast<void>(co_await call.exchange.respond(head, first.view()));
    co_return S3Status();
  }
  co_return co_await stream_body(call, *reader, std::move(head), plan.range.size_bytes,
                                 std::move(first));
}

Reply head_object(Call& call) {
  const std::optional<uint32_t> part_number = co_await or_fail(parse_part_number(call));
  co_await or_fail(refuse_encryption_headers(call));
  crypto::SseKeyPointer key = co_await or_fail(customer_key_of(call));
  const bool warms = co_await or_fail(wants_warming(call));
  std::unique_ptr<object::ObjectReader> reader;
  object::ObjectInfo info;
  if (part_number) {
    Result<std::unique_ptr<object::ObjectReader>> opened =
        co_await call.objects().open(call.bucket, call.target.key, call.version_id(), key);
    reader = co_await or_fail(translated(call, std::move(opened)));
    info = reader->info();
  } else {
    Result<object::ObjectInfo> found =
        co_await call.objects().head(call.bucket, call.target.key, call.version_id());
    info = co_await or_fail(translated(call, std::move(found)));
    co_await or_fail(translated(call, call.objects().check_customer_key(call.bucket, info, key)));
  }
  ReadPlan plan = co_await or_fail(plan_read(call, info));
  if (plan.not_modified) co_return co_await respond_not_modified(call, info);
  if (part_number) {
    const S3Status planned = co_await plan_part(*reader, call, *part_number, plan);
    if (!planned) co_return std::unexpected(planned.error());
  }
  http::ResponseHead head = make_read_head(call, info, plan);
  const S3Status told = co_await add_replication_status(call, info, head);
  if (!told) co_return std::unexpected(told.error());
  if (warms) {
    const S3Status warmed = co_await warm_object(call, plan, std::move(key));
    if (!warmed) co_return std::unexpected(warmed.error());
    head.add(kCacheHeader, "warming");
  }
  const Status started = co_await call.exchange.start_response(head, plan.range.size_bytes);
  if (started) static_cast<void>(co_await call.exchange.finish_response());
  co_return S3Status();
}

namespace {

// Which parts of GetObjectAttributes are asked for.
struct Attributes {
  bool etag = false;
  bool checksum = false;
  bool parts = false;
  bool storage_class = false;
  bool size = false;
  size_t parts_max = 0;      // x-amz-max-parts
  uint64_t parts_after = 0;  // x-amz-part-number-marker
};

// Where the list of parts begins and how long it may be.
S3Status parse_parts_page(const Call& call, Attributes& wanted) {
  const std::string_view max_text = call.view.header("x-amz-max-parts").value_or("1000");
  const std::string_view marker_text = call.view.header("x-amz-part-number-marker").value_or("0");
  const std::optional<uint64_t> limit = parse_number(max_text, 0, INT32_MAX);
  const std::optional<uint64_t> after = parse_number(marker_text, 0, INT32_MAX);
  if (!limit) return invalid_argument("Invalid max parts", "x-amz-max-parts", max_text);
  if (!after) {
    return invalid_argument("Invalid part number marker", "x-amz-part-number-marker", marker_text);
  }
  wanted.parts_max = static_cast<size_t>(std::min<uint64_t>(*limit, kListLimitMax));
  wanted.parts_after = *after;
  return {};
}

S3Result<Attributes> parse_attributes(const Call& call) {
  Attributes wanted;
  const std::pair<std::string_view, bool*> names[] = {{"ETag", &wanted.etag},
                                                      {"Checksum", &wanted.checksum},
                                                      {"ObjectParts", &wanted.parts},
                                                      {"StorageClass", &wanted.storage_class},
                                                      {"ObjectSize", &wanted.size}};
  bool any = false;
  for (const HeaderView& header : call.headers) {
    if (!equal_ignoring_case(header.name, "x-amz-object-attributes")) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(','), rest.size());
      const std::string_view name = trimmed(rest.substr(0, end));
      const auto* row = std::ranges::find(names, name, [](const auto& pair) { return pair.first; });
      if (row == std::end(names)) {
        return invalid_argument("Invalid attribute name specified.", "x-amz-object-attributes",
                                name);
      }
      *row->second = any = true;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  if (!any) {
    return s3_fail(S3Code::kInvalidRequest,
                   "The x-amz-object-attributes header specifying the attributes to be retrieved "
                   "is either missing or empty");
  }
  const S3Status page = parse_parts_page(call, wanted);
  if (!page) return std::unexpected(page.error());
  return wanted;
}

// <ObjectParts> of a multipart object; single parts are listed only where they carry checksums.
io::Task<S3Status> write_object_parts(Call& call, object::ObjectReader& reader, Attributes wanted,
                                      XmlWriter& xml) {
  const size_t capped = wanted.parts_max;
  Result<std::vector<object::PartInfo>> found =
      co_await reader.parts(static_cast<uint32_t>(wanted.parts_after), capped + 1);
  std::vector<object::PartInfo> parts = co_await or_fail(translated(call, std::move(found)));
  const bool truncated = parts.size() > capped;
  if (truncated) parts.resize(capped);
  xml.open("ObjectParts");
  xml.element("PartsCount", uint64_t{reader.info().parts_count});
  xml.element("PartNumberMarker", wanted.parts_after);
  xml.element("NextPartNumberMarker", uint64_t{parts.empty() ? 0 : parts.back().number});
  xml.element("MaxParts", uint64_t{capped});
  xml.element("IsTruncated", truncated);
  for (const object::PartInfo& part : parts) {
    if (!part.checksum) continue;
    xml.open("Part");
    xml.element("PartNumber", uint64_t{part.number});
    xml.element("Size", part.size_bytes);
    write_checksum(xml, *part.checksum, false);
    xml.close("Part");
  }
  xml.close("ObjectParts");
  co_return S3Status();
}

}  // namespace

Reply get_object_attributes(Call& call) {
  const Attributes wanted = co_await or_fail(parse_attributes(call));
  crypto::SseKeyPointer key = co_await or_fail(customer_key_of(call));
  Result<std::unique_ptr<object::ObjectReader>> opened =
      co_await call.objects().open(call.bucket, call.target.key, call.version_id(), std::move(key));
  const std::unique_ptr<object::ObjectReader> reader =
      co_await or_fail(translated(call, std::move(opened)));
  const object::ObjectInfo& info = reader->info();
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("GetObjectAttributesResponse");
  if (wanted.etag) xml.element("ETag", info.etag);
  if (wanted.checksum && info.checksum) {
    xml.open("Checksum");
    write_checksum(xml, *info.checksum, true);
    xml.close("Checksum");
  }
  if (wanted.parts && info.parts_count > 0) {
    const S3Status written = co_await write_object_parts(call, *reader, wanted, xml);
    if (!written) co_return std::unexpected(written.error());
  }
  if (wanted.storage_class) {
    xml.element("StorageClass", info.metadata.storage_class.empty()
                                    ? std::string_view("STANDARD")
                                    : std::string_view(info.metadata.storage_class));
  }
  if (wanted.size) xml.element("ObjectSize", info.size_bytes);
  xml.close("GetObjectAttributesResponse");
  http::ResponseHead head = call.make_head(200);
  head.add("Last-Modified", format_http_date(info.modified));
  if (!info.version_id.empty()) head.add("x-amz-version-id", info.version_id);
  co_return co_await call.respond_xml(std::move(head), std::move(body));
}

}  // namespace cairn::s3::handlers
