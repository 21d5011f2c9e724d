#include "s3/door.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/encoding.h"
#include "io/reactor.h"
#include "object/quota_store.h"
#include "object/stale_reads.h"
#include "s3/access.h"
#include "s3/body.h"
#include "s3/call.h"
#include "s3/cors.h"
#include "s3/encryption.h"
#include "s3/request_keys.h"
#include "s3/requester_pays.h"
#include "s3/routes.h"
#include "s3/stale_reads.h"
#include "s3/website.h"
#include "sigv4/uri.h"

namespace cairn::s3 {
namespace {

// Parameters of presigned URLs whose values are worth stealing from a log.
constexpr std::string_view kSecretParameters[] = {
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "Signature",
    "AWSAccessKeyId",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key"};

// How long a request waits for its observer, and how often it looks.
constexpr Duration kRoomWaitMax = seconds(10);
constexpr Duration kRoomPoll = milliseconds(10);

// Of a parameter's name as it was sent: it counts decoded, as in sigv4::Query.
bool is_secret(std::string_view raw_name) {
  const std::optional<std::string> decoded = sigv4::percent_decode(raw_name, sigv4::Plus::kLiteral);
  return std::ranges::any_of(kSecretParameters, [&](std::string_view secret) {
    return equal_ignoring_case(decoded ? *decoded : raw_name, secret);
  });
}

// The target with the values of kSecretParameters replaced by "-".
std::string redacted_target(std::string_view target) {
  const size_t mark = target.find('?');
  std::string out(target.substr(0, mark));
  if (mark == std::string_view::npos) return out;
  std::string_view rest = target.substr(mark + 1);
  char separator = '?';
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view piece = rest.substr(0, end);
    const size_t equals = piece.find('=');
    out += separator;
    if (equals != std::string_view::npos && is_secret(piece.substr(0, equals))) {
      out.append(piece.substr(0, equals)).append("=-");
    } else {
      out.append(piece);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
    separator = '&';
  }
  return out;
}

std::string request_id_text(uint64_t number) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text(16, '0');
  for (size_t i = 16; i-- > 0; number >>= 4) text[i] = kDigits[number & 15];
  return text;
}

constexpr std::string_view kRetryAfter = "Retry-After";

// `/bucket/key`, decoded, for <Resource>.
std::string resource_text(const Target& target) {
  std::string text = "/" + target.bucket;
  if (!target.key.empty()) text.append("/").append(target.key);
  return text;
}

const ErrorField* find_field(const S3Error& error, std::string_view name) {
  const auto found = std::ranges::find(error.fields, name, &ErrorField::name);
  return found == error.fields.end() ? nullptr : &*found;
}

}  // namespace

struct Door::State {
  explicit State(DoorOptions options_in)
      : options(std::move(options_in)),
        authenticator(*options.credentials, *options.clock, options.auth),
        ids((options.random ? *options.random : system_random()).next_u64()) {
    uint8_t host[24];
    (options.random ? *options.random : system_random()).fill(host);
    context.objects = options.objects;
    context.events = options.events;
    context.clock = options.clock;
    context.region = options.auth.region;
    context.allow_ssec_over_http = options.allow_ssec_over_http;
    context.host_id = to_base64(host);
    context.webhooks = options.webhooks;
    context.lifecycle_day_ms = options.lifecycle_day_ms;
    context.authenticator = &authenticator;
    context.bucket_cache = &bucket_cache;
    context.accounts = options.accounts;
    context.object_ownership = options.object_ownership;
    context.trusted_proxies = options.trusted_proxies;
    context.guest = options.guest;
    context.elsewhere = options.elsewhere;
  }

  // What on_exchange_end() tells the observer about a request that has been handled.
  struct Finished {
    const http::RequestHead* head = nullptr;
    const Route* route = nullptr;
    std::string request_id;
    std::string access_key;
    std::shared_ptr<const iam::Principal> principal;
    Target target;
    std::string version_id;
    S3Code error = S3Code::kCount;  // kCount = none.
    std::string detail;
    RateLimiter::Owners rate_owners;
    uint64_t rated_bytes_in = 0;
    uint64_t instant_bytes = 0;
    object::BucketInfo bucket;
    AuthKind auth = AuthKind::kAnonymous;
  };

  io::Task<S3Status> serve(Call& call);
  void take_head(Call& call);
  void find_site(Call& call);
  S3Status parse(Call& call);
  S3Status parse_guest(Call& call);
  size_t route_index(const Route* route) const;
  S3Status admit(Call& call);
  io::Task<S3Status> wait_for_room();
  // Makes what is looked up for the call as fresh as it has to be.
  io::Task<S3Status> freshen(Call& call);
  io::Task<bool> is_of_stale_bucket(Call& call);
  S3Status limit(Call& call);
  std::string shown_client(const http::ExchangeSummary& summary) const;
  void remember(Call& call, S3Code error);
  io::Task<void> refuse(Call& call, S3Error error);
  io::Task<bool> answer_probe(http::Exchange& exchange);

  DoorOptions options;
  Authenticator authenticator;
  SeededRandom ids;  // Request ids only: unique, not secret.
  BucketCache bucket_cache;
  StaleReads stale_reads;
  DoorContext context;
  std::vector<Finished> finished;  // Between handle() and on_exchange_end(): one per connection.
  bool ready = false;
};

// The version that the request names; writes name none.
S3Status check_version(const Call& call) {
  const std::optional<std::string_view> id = call.query.find("versionId");
  if (!id || call.target.key.empty()) return {};
  if (call.route->action == "s3:PutObject") {
    return invalid_argument("This operation does not accept a version-id.", "versionId", *id);
  }
  return check_version_id(*id, "versionId");
}

// Whether a read asks for other headers than the stored ones, which only signed requests may.
bool overrides_response(const Call& call) {
  const bool is_read = call.route->method == Method::kGet || call.route->method == Method::kHead;
  return is_read && std::ranges::any_of(call.query.params(), [](const QueryParam& param) {
           return param.name.starts_with("response-");
         });
}

void Door::State::take_head(Call& call) {
  const http::RequestHead& head = call.exchange.head();
  call.headers.reserve(head.fields.size());
  for (const http::Field field : head.fields) call.headers.push_back({field.name, field.value});
  call.view = {head.method, head.path, head.query, call.headers};
}

// Sets the target when the host is that of a site. A path that is no key is left to the door, which
// says what is wrong with it.
void Door::State::find_site(Call& call) {
  if (options.website_domains.empty()) return;
  const http::RequestHead& head = call.exchange.head();
  S3Result<Target> target = split_target(head.host, head.path, options.website_domains);
  if (!target || !target->virtual_host) return;
  call.target = std::move(*target);
  call.is_site = true;
}

// Target and route: what the request is about.
S3Status Door::State::parse(Call& call) {
  const http::RequestHead& head = call.exchange.head();
  S3Result<Query> query = parse_query(head.query);
  if (!query) return std::unexpected(query.error());
  call.query = std::move(*query);
  if (options.guest != nullptr && options.guest->wants(head)) return parse_guest(call);
  S3Result<Target> target = split_target(head.host, head.path, options.base_domains);
  if (!target) return std::unexpected(target.error());
  call.target = std::move(*target);
  if (head.method == "OPTIONS") return {};
  const S3Result<const Route*> route = find_route(call.view, call.query, call.target);
  if (!route) return std::unexpected(route.error());
  call.route = *route;
  return check_version(call);
}

S3Status Door::State::parse_guest(Call& call) {
  const Guest& guest = *options.guest;
  call.reply_headers.push_back(guest.reply_header());
  S3Result<Target> target = guest.target(call.exchange.head());
  if (!target) return std::unexpected(target.error());
  call.target = std::move(*target);
  const S3Result<const Route*> route = guest.find_route(call.view, call.query);
  if (!route) return std::unexpected(route.error());
  call.route = *route;
  return check_version(call);
}

// Who asks: refuses everything that the route does not name.
S3Status Door::State::admit(Call& call) {
  S3Result<AuthResult> auth = authenticator.authenticate(call.view, call.query, call.target);
  if (!auth) return std::unexpected(auth.error());
  call.auth = std::move(*auth);
  if ((call.route->auth & auth_bit(call.auth.kind)) == 0) return s3_fail(S3Code::kAccessDenied);
  if (call.auth.kind == AuthKind::kAnonymous && overrides_response(call)) {
    return s3_fail(S3Code::kInvalidRequest,
                   "Request specific response headers cannot be used for anonymous GET requests.");
  }
  if (call.auth.payload.is_streaming() && call.route->body != BodyKind::kStream) {
    return s3_fail(S3Code::kInvalidRequest,
                   "This operation does not take a streaming payload: sign the payload's hash.");
  }
  return {};
}

// Nothing is done that could not be told: whoever keeps the records is waited for, and not for
// ever.
io::Task<S3Status> Door::State::wait_for_room() {
  for (Duration waited; !options.observer->has_room(); waited = waited + kRoomPoll) {
    if (waited >= kRoomWaitMax) {
      co_return s3_fail(S3Code::kServiceUnavailable, "The audit log cannot be written.");
    }
    static_cast<void>(co_await io::sleep_for(kRoomPoll));
  }
  co_return S3Status();
}

// Holds the request against the rates of its key, its tenant and its bucket.
S3Status Door::State::limit(Call& call) {
  if (options.rates == nullptr || !options.rates->is_active()) return {};
  const std::optional<Identity>& who = call.auth.identity;
  RateLimiter::Owners& owners = call.rate_owners;
  if (who) {
    owners.access_key = rate_key('k', who->access_key);
    if (who->principal) owners.user = rate_key('u', who->principal->arn);
    owners.tenant = rate_key('t', object::QuotaOwner::tenant(who->tenant).id);
  }
  if (call.route->needs_bucket) {
    owners.bucket = rate_key('b', object::QuotaOwner::bucket(call.bucket.id).id);
  }
  call.rated_bytes_in = call.exchange.body_size().value_or(0);
  const std::optional<Duration> wait =
      options.rates->admit(owners, call.rated_bytes_in, options.clock->now());
  if (!wait) return {};
  owners = {};
  constexpr int64_t kSecondNs = 1'000'000'000;
  const int64_t seconds = (wait->nanoseconds + kSecondNs - 1) / kSecondNs;
  S3Error slow_down;
  slow_down.code = S3Code::kSlowDown;
  slow_down.headers.push_back({kRetryAfter, std::to_string(seconds)});
  return std::unexpected(std::move(slow_down));
}

// Who asked, for the logs: the peer with its port, or whom a trusted proxy says it asks for.
std::string Door::State::shown_client(const http::ExchangeSummary& summary) const {
  if (summary.head == nullptr || context.trusted_proxies.empty()) return summary.peer->to_string();
  std::string client = client_address(summary.peer->host, *summary.head, context.trusted_proxies);
  return client == summary.peer->host ? summary.peer->to_string() : client;
}

void Door::State::remember(Call& call, S3Code error) {
  Finished end;
  end.head = &call.exchange.head();
  end.route = call.route;
  end.request_id = std::move(call.request_id);
  if (call.auth.identity) {
    end.access_key = std::move(call.auth.identity->access_key);
    end.principal = std::move(call.auth.identity->principal);
  }
  end.version_id = call.param("versionId");
  end.target = std::move(call.target);
  end.error = error;
  end.detail = std::move(call.audit_detail);
  end.rate_owners = std::move(call.rate_owners);
  end.rated_bytes_in = call.rated_bytes_in;
  end.instant_bytes = call.instant_bytes;
  end.bucket = std::move(call.bucket);
  end.auth = call.auth.kind;
  finished.push_back(std::move(end));
}

// GET and HEAD of a bucket's objects, lists and settings.
bool is_read_of_bucket(const Call& call) {
  if (call.target.bucket.empty()) return false;
  if (call.is_site) return call.view.method == "GET" || call.view.method == "HEAD";
  return call.route != nullptr && call.route->needs_bucket && !mutates(*call.route) &&
         call.view.method != "OPTIONS";
}

// A bucket of another server, on a server that has none or no longer: never an empty bucket.
io::Task<S3Status> serve_elsewhere(Call& call) {
  if (call.context.elsewhere != nullptr) co_return co_await call.context.elsewhere->serve(call);
  co_return s3_fail(S3Code::kNotImplemented, "This server does not serve buckets of others.");
}

// Whether that is so is looked up before the caller is known, so a bucket has to be everybody's by
// its name.
io::Task<bool> Door::State::is_of_stale_bucket(Call& call) {
  const Result<object::BucketInfo> bucket = co_await call.objects().find_bucket(call.target.bucket);
  co_return bucket&& object::reads_stale(*bucket);
}

io::Task<S3Status> Door::State::freshen(Call& call) {
  const bool may_be_stale = is_read_of_bucket(call);
  bool is_stale = false;
  if (may_be_stale && stale_reads.contains(call.target.bucket)) {
    is_stale = co_await is_of_stale_bucket(call);
    if (!is_stale) stale_reads.remove(call.target.bucket);
  }
  Status fresh;
  if (!is_stale) {
    fresh = co_await options.catch_up();
    if (fresh) co_return S3Status();
    // Of a bucket that this door sees for the first time.
    if (may_be_stale && fresh.error().code == Code::kUnavailable) {
      is_stale = co_await is_of_stale_bucket(call);
    }
  }
  if (is_stale) {
    stale_reads.add(call.target.bucket);
    // Keys and accounts are what the mirror says, never older.
    fresh = co_await options.refresh();
  }
  if (!fresh) co_return std::unexpected(translate(call, fresh.error()));
  co_return S3Status();
}

io::Task<S3Status> Door::State::serve(Call& call) {
  take_head(call);
  find_site(call);
  if (!call.is_site) co_await or_fail(parse(call));
  if (options.catch_up) {
    const S3Status fresh = co_await freshen(call);
    if (!fresh) co_return std::unexpected(fresh.error());
  }
  if (call.view.header("origin")) co_await prepare_cors(call);
  if (call.view.method == "OPTIONS") co_return co_await answer_preflight(call);
  if (call.is_site) co_return co_await serve_website(call);
  if (options.observer != nullptr && !options.observer->has_room()) {
    const S3Status room = co_await wait_for_room();
    if (!room) co_return std::unexpected(room.error());
  }
  co_await or_fail(admit(call));
  if (call.route->needs_bucket) {
    Result<object::BucketInfo> bucket = co_await call.find_bucket(call.target.bucket);
    call.bucket = co_await or_fail(translated(call, std::move(bucket)));
    if (options.catch_up && object::reads_stale(call.bucket)) stale_reads.add(call.bucket.name);
    co_await or_fail(check_expected_owner(call, "x-amz-expected-bucket-owner", call.bucket));
    co_await or_fail(accept_requester(call));
  }
  if (call.route->gate == Gate::kDoor) {
    const S3Status allowed = co_await authorize_route(call);
    if (!allowed) co_return std::unexpected(allowed.error());
  }
  co_await or_fail(limit(call));
  if (call.route->body == BodyKind::kDocument) {
    const S3Status read = co_await read_document(call);
    if (!read) co_return std::unexpected(read.error());
  }
  if (call.route->gate == Gate::kDocument) {
    read_document_keys(call);
    const S3Status allowed = co_await authorize_route(call);
    if (!allowed) co_return std::unexpected(allowed.error());
  }
  S3Status handled;
  if (call.route->needs_bucket && is_elsewhere(call.bucket)) {
    handled = co_await serve_elsewhere(call);
  } else {
    handled = co_await call.route->handler(call);
  }
  if (!handled && call.route->needs_bucket && !call.target.key.empty()) {
    co_return std::unexpected(hide_missing(call, call.bucket, std::move(handled.error())));
  }
  co_return handled;
}

// Rows of S3, then the guest's, then one for no route.
size_t Door::State::route_index(const Route* route) const {
  const auto index_in = [route](std::span<const Route> rows) {
    const bool is_inside = route >= rows.data() && route < rows.data() + rows.size();
    return is_inside ? static_cast<size_t>(route - rows.data()) : rows.size();
  };
  const size_t index = route != nullptr ? index_in(routes()) : routes().size();
  if (index < routes().size() || options.guest == nullptr) return index;
  const std::span<const Route> more = options.guest->routes();
  return index + (route != nullptr ? index_in(more) : more.size());
}

io::Task<void> Door::State::refuse(Call& call, S3Error error) {
  if (call.exchange.response_started()) co_return;  // The connection is cut: see handlers.h.
  if (call.is_site) co_return co_await refuse_website(call, error);
  http::ResponseHead head = call.make_head(error.status());
  const bool is_bucket = resource_of(call.target) == Resource::kBucket;
  if (is_bucket && (call.exchange.head().is_head() || error.status() == 301 ||
                    error.code == S3Code::kAuthorizationHeaderMalformed)) {
    head.add("x-amz-bucket-region", context.region);
  }
  if (error.code == S3Code::kInvalidRange) {
    const ErrorField* size = find_field(error, "ActualObjectSize");
    if (size != nullptr) head.add("Content-Range", "bytes */" + size->value);
  }
  const bool tells_when =
      std::ranges::find(error.headers, kRetryAfter, &ErrorField::name) != error.headers.end();
  const bool is_busy = error.code == S3Code::kSlowDown || error.code == S3Code::kServiceUnavailable;
  if (is_busy && !tells_when) head.add(kRetryAfter, uint64_t{1});
  for (const ErrorField& header : error.headers) head.add(header.name, header.value);
  if (call.exchange.head().is_head()) {
    static_cast<void>(co_await call.exchange.respond(head, BytesView()));
    co_return;
  }
  const std::string resource = resource_text(call.target);
  const std::string body = s3::render_error(error, {resource, call.request_id, context.host_id});
  head.add("Content-Type", "application/xml");
  static_cast<void>(co_await call.exchange.respond(head, as_bytes(body)));
}

io::Task<bool> Door::State::answer_probe(http::Exchange& exchange) {
  const http::RequestHead& head = exchange.head();
  const bool is_probe = (head.path == "/healthz" || head.path == "/readyz") && !head.has_query &&
                        (head.method == "GET" || head.method == "HEAD") &&
                        !head.get("authorization");
  if (!is_probe) co_return false;
  const bool good = ready || head.path == "/healthz";
  http::ResponseHead reply(good ? 200 : 503);
  reply.add("Content-Type", "text/plain");
  static_cast<void>(co_await exchange.respond(reply, std::string_view(good ? "ok\n" : "no\n")));
  co_return true;
}

Door::Door(DoorOptions options) : state_(std::make_unique<State>(std::move(options))) {}

Door::~Door() = default;

void Door::set_ready(bool ready) {
  state_->ready = ready;
}

io::Task<void> Door::handle(http::Exchange& exchange) {
  const bool was_probe = co_await state_->answer_probe(exchange);
  if (was_probe) co_return;
  Call call(exchange, state_->context);
  call.request_id = request_id_text(state_->ids.next_u64());
  S3Status served;
  {
    // The task dies, and with it everything it holds, before the refusal is sent.
    const io::Task<S3Status> task = state_->serve(call);
    served = co_await task;
  }
  const S3Code error = served ? S3Code::kCount : served.error().code;
  if (!served) co_await state_->refuse(call, std::move(served.error()));
  cleanse_customer_keys(exchange.head());
  if (state_->options.observer != nullptr) state_->remember(call, error);
}

void Door::render_error(std::string_view reason, http::ResponseHead& head, std::string& body) {
  S3Code code = S3Code::kBadRequest;
  switch (head.status()) {
    case 408: code = S3Code::kRequestTimeout; break;
    case 414: code = S3Code::kInvalidURI; break;
    case 431: code = S3Code::kRequestHeaderSectionTooLarge; break;
    case 500: code = S3Code::kInternalError; break;
    case 503: code = S3Code::kSlowDown; break;
    default: break;
  }
  const std::string request_id = request_id_text(state_->ids.next_u64());
  head.add("x-amz-request-id", request_id);
  head.add("x-amz-id-2", state_->context.host_id);
  head.add("Content-Type", "application/xml");
  body = s3::render_error(S3Error{code, std::string(reason), {}},
                          {{}, request_id, state_->context.host_id});
}

void Door::on_exchange_end(const http::ExchangeSummary& summary) {
  if (state_->options.observer == nullptr) return;
  State::Finished finished;
  const auto found = std::ranges::find(state_->finished, summary.head, &State::Finished::head);
  if (summary.head != nullptr && found != state_->finished.end()) {
    finished = std::move(*found);
    *found = std::move(state_->finished.back());
    state_->finished.pop_back();
  }
  if (state_->options.rates != nullptr) {
    const uint64_t received = summary.body_received_bytes;
    state_->options.rates->charge(finished.rate_owners,
                                  received - std::min(received, finished.rated_bytes_in),
                                  summary.body_sent_bytes, state_->options.clock->now());
  }
  RequestRecord record;
  record.head = summary.head;
  record.method = summary.head ? summary.head->method : std::string_view();
  record.may_change =
      record.method != "GET" && record.method != "HEAD" && record.method != "OPTIONS";
  record.route = finished.route ? finished.route->name : "none";
  record.route_index = state_->route_index(finished.route);
  record.request_id = finished.request_id;
  record.access_key = finished.access_key;
  if (finished.principal) {
    const iam::Principal& who = *finished.principal;
    record.principal = who.session_arn.empty() ? who.arn : who.session_arn;
  }
  record.bucket = finished.target.bucket;
  record.key = finished.target.key;
  record.version_id = finished.version_id;
  if (finished.bucket.id != 0) record.bucket_info = &finished.bucket;
  record.detail = finished.detail;
  record.host_id = state_->context.host_id;
  record.auth = finished.auth;
  if (finished.route) record.action = finished.route->action;
  if (finished.error != S3Code::kCount) record.error_code = code_info(finished.error).name;
  record.status = static_cast<uint16_t>(summary.status);
  record.aborted = !summary.complete;
  record.bytes_in = summary.body_received_bytes;
  record.bytes_out = summary.body_sent_bytes;
  record.instant_bytes = finished.instant_bytes;
  record.duration = summary.duration;
  std::string remote;
  std::string target;
  if (state_->options.observer->wants_text(record)) {
    if (summary.peer) remote = state_->shown_client(summary);
    if (summary.head) target = redacted_target(summary.head->target);
    record.remote = remote;
    record.target = target;
  }
  state_->options.observer->on_finished(record);
}

}  // namespace cairn::s3
