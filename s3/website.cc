#include "s3/website.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "s3/access.h"
#include "s3/bucket_cache.h"
#include "s3/config_kinds.h"
#include "s3/handlers.h"
#include "s3/object_headers.h"
#include "s3/requester_pays.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

// What status lines and pages call the statuses that sites answer with.
std::string_view status_text(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 412: return "Precondition Failed";
    case 416: return "Requested Range Not Satisfiable";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
  }
}

std::string_view protocol_of(const Call& call) {
  return call.exchange.is_encrypted() ? "https" : "http";
}

io::Task<S3Status> redirect(Call& call, int status, std::string location) {
  http::ResponseHead head = call.make_head(status);
  head.add("Location", location);
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return S3Status();
}

// Opens what everybody may read.
io::Task<S3Result<std::unique_ptr<object::ObjectReader>>> open_public(Call& call, std::string key) {
  Asked asked;
  asked.action = "s3:GetObject";
  asked.bucket = call.bucket;
  asked.key = key;
  const S3Status allowed = co_await authorize(call, std::move(asked));
  if (!allowed) co_return std::unexpected(allowed.error());
  Result<std::unique_ptr<object::ObjectReader>> opened =
      co_await call.objects().open(call.bucket, key, {});
  if (!opened) {
    S3Error error = translate_named(call, opened.error(), call.bucket.name, key);
    co_return std::unexpected(hide_missing(call, call.bucket, std::move(error)));
  }
  co_return std::move(*opened);
}

// The object behind a page, with conditions and ranges as in any GET; or where it redirects to.
io::Task<S3Status> serve_object(Call& call, std::string key) {
  S3Result<std::unique_ptr<object::ObjectReader>> opened = co_await open_public(call, key);
  const std::unique_ptr<object::ObjectReader> reader = co_await or_fail(std::move(opened));
  const std::string location = reader->info().metadata.website_redirect;
  if (!location.empty()) co_return co_await redirect(call, 301, location);
  call.target.key = std::move(key);
  if (call.exchange.head().is_head()) co_return co_await handlers::head_object(call);
  co_return co_await handlers::get_object(call);
}

// The error document with the status of the error. A body that cannot be read to its end is cut.
io::Task<S3Status> serve_error_document(Call& call, std::string key, int status) {
  S3Result<std::unique_ptr<object::ObjectReader>> opened =
      co_await open_public(call, std::move(key));
  const std::unique_ptr<object::ObjectReader> reader = co_await or_fail(std::move(opened));
  const object::ObjectInfo& info = reader->info();
  const uint64_t size_bytes = info.size_bytes;
  http::ResponseHead head = call.make_head(status);
  add_object_headers(head, call, info, false);
  if (size_bytes > 0) co_await or_fail(translated(call, reader->start({0, size_bytes})));
  Status sent = co_await call.exchange.start_response(head, size_bytes);
  const bool has_body = size_bytes > 0 && !call.exchange.head().is_head();
  while (sent && has_body) {
    Result<Buffer> piece = co_await reader->next();
    if (!piece) {
      static_cast<void>(translate(call, piece.error()));  // Logged there.
      co_return S3Status();
    }
    if (piece->empty()) break;
    sent = co_await call.exchange.send_body(piece->view());
  }
  if (sent) static_cast<void>(co_await call.exchange.finish_response());
  co_return S3Status();
}

// A path without its slash leads to the folder of that name, when that has an index.
io::Task<bool> is_folder(Call& call, const WebsiteConfig& site, std::string key) {
  if (key.empty() || key.ends_with('/')) co_return false;
  const S3Result<std::unique_ptr<object::ObjectReader>> index =
      co_await open_public(call, key + "/" + site.index_suffix);
  co_return index.has_value();
}

// What stands in place of a page that could not be shown.
io::Task<S3Status> serve_failure(Call& call, const WebsiteConfig& site, std::string key,
                                 S3Error error) {
  if (call.exchange.response_started()) co_return S3Status();
  const bool folder = co_await is_folder(call, site, key);
  if (folder) co_return co_await redirect(call, 302, "/" + url_encode_key(key) + "/");
  const int status = error.status();
  if (const RoutingRule* const rule = find_routing_rule(site, key, status)) {
    std::string location =
        redirect_location(*rule, key, protocol_of(call), call.exchange.head().host);
    co_return co_await redirect(call, rule->redirect_code, std::move(location));
  }
  if (!site.error_key.empty() && status >= 400 && status < 500) {
    const S3Status shown = co_await serve_error_document(call, site.error_key, status);
    if (shown) co_return S3Status();
  }
  co_return std::unexpected(std::move(error));
}

io::Task<S3Status> serve_site(Call& call, const WebsiteConfig& site) {
  const std::string key = call.target.key;
  if (!site.redirect_all_host.empty()) {
    std::string location = redirect_all_location(site, key, protocol_of(call));
    co_return co_await redirect(call, 301, std::move(location));
  }
  if (const RoutingRule* const rule = find_routing_rule(site, key, std::nullopt)) {
    std::string location =
        redirect_location(*rule, key, protocol_of(call), call.exchange.head().host);
    co_return co_await redirect(call, rule->redirect_code, std::move(location));
  }
  S3Status shown = co_await serve_object(call, index_key(site, key));
  if (shown) co_return S3Status();
  co_return co_await serve_failure(call, site, key, std::move(shown.error()));
}

const Route* route_of_reads() {
  return std::ranges::find(routes(), "GetObject", &Route::name).base();
}

}  // namespace

std::string render_html_error(const S3Error& error, const Call& call) {
  const std::string title =
      std::to_string(error.status()) + " " + std::string(status_text(error.status()));
  std::string page =
      "<html>\n<head><title>" + title + "</title></head>\n<body>\n<h1>" + title + "</h1>\n<ul>\n";
  const auto line = [&](std::string_view name, std::string_view value) {
    page.append("<li>").append(name).append(": ");
    append_xml_escaped(page, value);
    page += "</li>\n";
  };
  line("Code", code_info(error.code).name);
  line("Message", error.text());
  for (const ErrorField& field : error.fields) line(field.name, field.value);
  line("RequestId", call.request_id);
  line("HostId", call.context.host_id);
  page += "</ul>\n<hr/>\n</body>\n</html>\n";
  return page;
}

io::Task<S3Status> serve_website(Call& call) {
  const std::string_view method = call.view.method;
  if (method != "GET" && method != "HEAD") {
    co_return s3_fail(S3Code::kMethodNotAllowed, {},
                      {{"Method", std::string(method)}, {"ResourceType", "OBJECT"}});
  }
  Result<object::BucketInfo> found = co_await call.objects().find_bucket(call.target.bucket);
  call.bucket = co_await or_fail(translated(call, std::move(found)));
  const std::shared_ptr<const WebsiteConfig> site =
      call.context.bucket_cache->get<WebsiteKind>(call.bucket);
  // Visitors are nobody, and nobody pays.
  if (requesters_pay(call.bucket)) co_return s3_fail(S3Code::kAccessDenied);
  if (site == nullptr) {
    co_return s3_fail(S3Code::kNoSuchWebsiteConfiguration, {}, {{"BucketName", call.bucket.name}});
  }
  call.route = route_of_reads();
  // What stands behind a page's '?' is the page's business.
  call.query = Query();
  co_return co_await serve_site(call, *site);
}

io::Task<void> refuse_website(Call& call, const S3Error& error) {
  http::ResponseHead head = call.make_head(error.status());
  head.add("x-amz-error-code", code_info(error.code).name);
  head.add("x-amz-error-message", error.text());
  if (error.code == S3Code::kMethodNotAllowed) head.add("Allow", "GET, HEAD");
  head.add("Content-Type", "text/html; charset=utf-8");
  const bool is_head = call.exchange.head().is_head();
  const std::string page = is_head ? std::string() : render_html_error(error, call);
  static_cast<void>(co_await call.exchange.respond(head, as_bytes(page)));
}

}  // namespace cairn::s3
