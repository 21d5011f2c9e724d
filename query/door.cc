#include "query/door.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "iam/decision.h"
#include "query/errors.h"
#include "query/request_keys.h"
#include "query/routes.h"
#include "s3/routes.h"

namespace cairn::query {
namespace {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
constexpr size_t kReceiveStepBytes = 16 * KiB;

using Outcome = std::expected<std::string, QueryError>;

std::unexpected<QueryError> refuse(QueryError error) {
  return std::unexpected(std::move(error));
}

// 8-4-4-4-12 hex digits, as AWS's query services number requests.
std::string make_request_id(Random& random) {
  uint8_t bytes[16];
  random.fill(bytes);
  std::string text = to_hex(bytes);
  for (const size_t at : {size_t{20}, size_t{16}, size_t{12}, size_t{8}}) text.insert(at, "-");
  return text;
}

bool is_session(iam::CredentialKind kind) {
  return kind == iam::CredentialKind::kUserSession ||
         kind == iam::CredentialKind::kFederatedSession;
}

// Sessions of users are not for managing accounts (STS API reference, GetSessionToken and
// GetFederationToken).
bool session_may_call(const Call& call) {
  if (!call.caller || !is_session(call.caller->kind)) return true;
  if (call.route->name == "GetCallerIdentity") return true;
  return call.route->name == "AssumeRole" && call.caller->kind == iam::CredentialKind::kUserSession;
}

}  // namespace

struct Door::State {
  struct Finished {
    const http::RequestHead* head = nullptr;
    const Route* route = nullptr;
    std::string request_id;
    std::string access_key;
    std::string principal;
    std::string_view error_code;
  };

  explicit State(DoorOptions options_in)
      : options(std::move(options_in)),
        authenticator(*options.credentials, *options.clock, auth_config()) {
    context.store = options.store;
    context.clock = options.clock;
    context.random = options.random != nullptr ? options.random : &system_random();
    context.issuers = options.issuers;
    context.allow_http_issuers = options.allow_http_issuers;
  }

  static s3::AuthConfig auth_config() {
    s3::AuthConfig config;
    config.allow_v2 = false;
    config.services = {"iam", "sts"};
    return config;
  }

  io::Task<Outcome> serve(http::Exchange& exchange, Call& call);
  std::expected<void, QueryError> admit(const http::RequestHead& head, std::string_view form,
                                        Call& call);
  std::expected<void, QueryError> authenticate(const http::RequestHead& head, std::string_view form,
                                               Call& call);
  io::Task<Result<std::string>> run(Call& call);

  DoorOptions options;
  s3::Authenticator authenticator;
  DoorContext context;
  std::vector<Finished> finished;  // Between handle() and on_exchange_end().
};

namespace {

io::Task<Result<std::string>> read_form(http::Exchange& exchange) {
  const std::optional<uint64_t> announced = exchange.body_size();
  const auto too_long = [] { return fail(Code::kOutOfRange, "The request is too long."); };
  if (announced.value_or(0) > kFormBytesMax) co_return too_long();
  co_await io::or_return(exchange.send_continue());
  std::string form;
  for (;;) {
    const size_t before = form.size();
    form.resize(before + kReceiveStepBytes);
    const MutableBytes space(reinterpret_cast<uint8_t*>(form.data()) + before, kReceiveStepBytes);
    const size_t got = co_await io::or_return(exchange.receive_body(space));
    form.resize(before + got);
    if (form.size() > kFormBytesMax) co_return too_long();
    if (got < kReceiveStepBytes) co_return form;
  }
}

std::string arn_of(const iam::Principal& principal) {
  return principal.session_arn.empty() ? principal.arn : principal.session_arn;
}

std::expected<void, QueryError> authorise(const Call& call) {
  const bool is_free = call.route->admission != Admission::kAuthorised;
  const std::string resource = call.route->resource(call);
  const auto denied = [&] {
    return refuse(access_denied("User: " + arn_of(*call.caller->principal) +
                                " is not authorized to perform: " +
                                std::string(call.route->action) + " on resource: " + resource));
  };
  if (!session_may_call(call)) return denied();
  if (is_free) return {};
  const QueryKeys keys(call, call.caller->principal.get());
  iam::Request request;
  request.action = call.route->action;
  request.resource = resource;
  request.keys = &keys;
  if (iam::decide(request, call.tenant, iam::Verdict::kNone) != iam::Decision::kAllow) {
    return denied();
  }
  return {};
}

}  // namespace

// The signature covers the body, which is why it is read before anybody is known; its size is
// bounded.
std::expected<void, QueryError> Door::State::authenticate(const http::RequestHead& head,
                                                          std::string_view form, Call& call) {
  std::vector<s3::HeaderView> headers;
  for (const http::Field field : head.fields) headers.push_back({field.name, field.value});
  const crypto::Sha256Value body_sha256 = crypto::sha256(as_bytes(form));
  const std::string body_hex = to_hex(body_sha256);
  const s3::RequestView view{head.method, head.path, head.query, headers,
                             std::string_view(body_hex)};
  const s3::S3Result<s3::Query> query = s3::parse_query(head.query);
  if (!query) return refuse(translate(query.error()));
  const s3::S3Result<s3::AuthResult> auth = authenticator.authenticate(view, *query, s3::Target());
  if (!auth) return refuse(translate(auth.error()));
  if (!auth->identity) {
    return refuse({"MissingAuthenticationToken", 403, "Request is missing Authentication Token"});
  }
  // Only a hash of the body binds it to the signature; it is absent when it was implied.
  const bool has_header = view.header("x-amz-content-sha256").has_value();
  const bool is_bound = auth->payload.kind == s3::PayloadKind::kHashed
                            ? auth->payload.sha256 == body_sha256
                            : !has_header;
  if (!is_bound) {
    return refuse({"SignatureDoesNotMatch", 403, "The body is not the one that was signed."});
  }
  const std::string_view token =
      s3::effective_header(view, *query, auth->kind, "x-amz-security-token").value_or("");
  const iam::Credential* caller = options.accounts->find(auth->identity->access_key, token);
  if (caller == nullptr) {
    return refuse(
        {"InvalidClientTokenId", 403, "The security token included in the request is invalid."});
  }
  call.caller = *caller;
  call.tenant = caller->principal->account;
  return {};
}

std::expected<void, QueryError> Door::State::admit(const http::RequestHead& head,
                                                   std::string_view form, Call& call) {
  Result<Params> params = Params::parse(head.method == "GET" ? head.query : form);
  if (!params) return refuse(translate(params.error()));
  call.params = std::move(*params);
  const Result<const Route*> route = find_route(call.params);
  if (!route) return refuse(translate(route.error()));
  call.route = *route;
  call.directory = options.store->directory();
  if (call.route->admission == Admission::kUnsigned) return {};
  if (const auto known = authenticate(head, form, call); !known) return known;
  if (call.directory->account(call.tenant) == nullptr) {
    return refuse(access_denied("The account is gone."));
  }
  if (call.params.has_repeated_tag_key("Tags")) {
    return refuse({"InvalidInput", 400,
                   "Duplicate tag keys found. Please note that Tag keys are case insensitive."});
  }
  return authorise(call);
}

io::Task<Result<std::string>> Door::State::run(Call& call) {
  if (call.route->read != nullptr) co_return call.route->read(call);
  if (call.route->wait != nullptr) co_return co_await call.route->wait(call);
  std::string out;
  const auto write = [&call, &out](iam::Draft& draft) -> Status {
    Result<std::string> written = call.route->write(call, draft);
    if (!written) return std::unexpected(written.error());
    out = std::move(*written);
    return {};
  };
  co_await io::or_return(options.store->change(write));
  co_return out;
}

io::Task<Outcome> Door::State::serve(http::Exchange& exchange, Call& call) {
  if (options.observer != nullptr && !options.observer->has_room()) {
    co_return refuse({"ServiceUnavailable", 503, "The audit log cannot be written."});
  }
  Result<std::string> form = co_await read_form(exchange);
  if (!form) {
    if (form.error().code == Code::kOutOfRange) {
      co_return refuse({"RequestEntityTooLarge", 413, form.error().message});
    }
    co_return refuse({"MalformedInput", 400, "The request did not arrive whole."});
  }
  if (options.catch_up) {
    const Status fresh = co_await options.catch_up();
    if (!fresh) co_return refuse(translate(fresh.error()));
  }
  const auto admitted = admit(exchange.head(), *form, call);
  if (!admitted) co_return refuse(admitted.error());
  Result<std::string> inside = co_await run(call);
  if (!inside) co_return refuse(translate(inside.error()));
  co_return std::move(*inside);
}

Door::Door(DoorOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Door::~Door() = default;

bool Door::wants(const http::RequestHead& head) {
  if (head.path != "/") return false;
  if (head.method == "POST") {
    return head.query.empty() && head.get("content-type").value_or("").starts_with(kFormType);
  }
  return head.method == "GET" && (head.query.starts_with("Action=") ||
                                  head.query.find("&Action=") != std::string_view::npos);
}

io::Task<void> Door::handle(http::Exchange& exchange) {
  Call call;
  call.context = &state_->context;
  call.source_ip = exchange.peer().host;
  call.user_agent = exchange.head().get("user-agent").value_or("");
  call.is_encrypted = exchange.is_encrypted();
  const std::string request_id = make_request_id(*state_->context.random);
  const Outcome outcome = co_await state_->serve(exchange, call);
  const Service service = call.route != nullptr ? call.route->service : Service::kIam;
  const std::string_view xml_namespace = xml_namespace_of(service);
  http::ResponseHead head(outcome ? 200 : outcome.error().status);
  head.add("x-amzn-RequestId", request_id);
  head.add("Content-Type", "text/xml");
  std::string body;
  if (outcome) {
    const std::string name(call.route->name);
    body = "<" + name + "Response xmlns=\"" + std::string(xml_namespace) + "\">";
    if (!outcome->empty() || call.route->has_empty_result)
      body += "<" + name + "Result>" + *outcome + "</" + name + "Result>";
    body += "<ResponseMetadata><RequestId>" + request_id + "</RequestId></ResponseMetadata></" +
            name + "Response>\n";
  } else {
    body = query::render_error(outcome.error(), xml_namespace, request_id);
  }
  if (state_->options.observer != nullptr) {
    state_->finished.push_back({&exchange.head(), call.route, request_id,
                                call.caller ? call.caller->access_key : std::string(),
                                call.caller ? arn_of(*call.caller->principal) : std::string(),
                                outcome ? std::string_view() : outcome.error().code});
  }
  // Secrets of new keys are in the reply: nobody keeps it.
  head.add("Cache-Control", "no-store");
  static_cast<void>(co_await exchange.respond(head, std::string_view(body)));
}

void Door::on_exchange_end(const http::ExchangeSummary& summary) {
  if (state_->options.observer == nullptr) return;
  const auto found = std::ranges::find(state_->finished, summary.head, &State::Finished::head);
  if (summary.head == nullptr || found == state_->finished.end()) return;
  const State::Finished end = std::move(*found);
  *found = std::move(state_->finished.back());
  state_->finished.pop_back();
  s3::RequestRecord record;
  record.method = summary.head->method;
  record.route = end.route != nullptr ? end.route->name : "none";
  record.route_index = s3::routes().size();
  record.request_id = end.request_id;
  record.access_key = end.access_key;
  record.principal = end.principal;
  if (end.route != nullptr) record.action = end.route->action;
  record.error_code = end.error_code;
  // STS mints credentials: that is worth a line of the audit as much as a change.
  record.may_change =
      end.route == nullptr || end.route->read == nullptr || end.route->service == Service::kSts;
  record.status = static_cast<uint16_t>(summary.status);
  record.aborted = !summary.complete;
  record.bytes_in = summary.body_received_bytes;
  record.bytes_out = summary.body_sent_bytes;
  record.duration = summary.duration;
  record.head = summary.head;
  std::string remote;
  std::string target;
  if (state_->options.observer->wants_text(record)) {
    if (summary.peer != nullptr) remote = summary.peer->to_string();
    target = "/";
  }
  record.remote = remote;
  record.target = target;
  state_->options.observer->on_finished(record);
}

}  // namespace cairn::query
