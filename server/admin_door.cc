#include "server/admin_door.h"

#include <utility>

#include "base/log.h"
#include "base/units.h"
#include "crypto/digest.h"
#include "server/cluster.h"
#include "server/gateway_admin.h"
#include "server/home_admin.h"
#include "server/kms_admin.h"
#include "server/migration_admin.h"
#include "server/orphan_admin.h"
#include "server/placement_admin.h"
#include "server/reads_admin.h"

namespace cairn::server {
namespace {

constexpr std::string_view kCommandPrefix = "/admin/v1/";
constexpr std::string_view kAccounts = "accounts/";
constexpr std::string_view kSync = "sync-";
constexpr std::string_view kSyncList = "sync-list";
constexpr std::string_view kBearer = "Bearer ";
constexpr size_t kFormBytesMax = 128 * KiB;

io::Task<void> reply(http::Exchange& exchange, int status, std::string_view type,
                     std::string text) {
  http::ResponseHead head(status);
  head.add("Content-Type", type);
  head.add("Cache-Control", "no-store");
  static_cast<void>(co_await exchange.respond(head, std::string_view(text)));
}

int status_of(Code code) {
  switch (code) {
    case Code::kNotFound: return 404;
    case Code::kInvalidArgument: return 400;
    case Code::kPermissionDenied: return 403;
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kResourceExhausted: return 409;
    default: break;
  }
  return 500;
}

// A whole small body.
io::Task<Result<std::string>> read_form(http::Exchange& exchange) {
  co_await io::or_return(exchange.send_continue());
  std::string form(kFormBytesMax, '\0');
  const MutableBytes space(reinterpret_cast<uint8_t*>(form.data()), form.size());
  const size_t got = co_await io::or_return(exchange.receive_body(space));
  if (got == kFormBytesMax) co_return fail(Code::kInvalidArgument, "the form is too long");
  form.resize(got);
  co_return form;
}

io::Task<void> reply_error(http::Exchange& exchange, int status, std::string_view message) {
  std::string text = "{\"error\":\"";
  log::append_json_escaped(text, message);
  text += "\"}\n";
  return reply(exchange, status, "application/json", std::move(text));
}

// Commands that change nothing.
bool is_question(std::string_view name) {
  return name == "status" || name == "audit-verify" || name == "quota-show" || name == kSyncList ||
         name == "cache-status" || name == kKmsListCommand || name == kGatewayListCommand ||
         name == kPlacementShowCommand || name == kReadsShowCommand ||
         name == kHomesStatusCommand || name == kClusterStatusCommand ||
         name == kClusterLookupCommand || name == kOrphansShowCommand ||
         name == kMigrationStatusCommand;
}

// Of a reply that is told line by line.
io::Task<Status> send_line(http::Exchange& exchange, std::string line, bool is_first) {
  if (is_first) {
    http::ResponseHead head(200);
    head.add("Content-Type", "application/x-ndjson");
    head.add("Cache-Control", "no-store");
    co_await io::or_return(exchange.start_response(head, std::nullopt));
  }
  co_return co_await exchange.send_body(as_bytes(line));
}

}  // namespace

bool AdminDoor::is_authorised(const http::RequestHead& head) const {
  const std::string_view given = head.get("authorization").value_or("");
  if (!given.starts_with(kBearer)) return false;
  return crypto::equal_secret(as_bytes(given.substr(kBearer.size())), as_bytes(token_));
}

io::Task<Result<std::string>> AdminDoor::outcome_of(http::Exchange& exchange,
                                                    std::string_view name) {
  // The state of a server is told also while its catalog cannot be asked.
  if (name != "status") co_await io::or_return(actions_.catch_up());
  if (name == "status") co_return co_await actions_.status();
  if (name == "scrub") co_return co_await actions_.scrub();
  if (name == "gc") co_return co_await actions_.collect_garbage();
  if (name == "keys-rotate") co_return co_await actions_.rotate_keys();
  if (name == "audit-verify") co_return co_await actions_.verify_audit();
  if (name.starts_with("kms-")) {
    co_return co_await actions_.manage_kms(std::string(name), std::string(exchange.head().query));
  }
  if (name.starts_with(kGatewayPrefix)) {
    std::string form = co_await io::or_return(read_form(exchange));
    co_return co_await actions_.manage_gateways(std::string(name), std::move(form));
  }
  if (name.starts_with("bucket-")) {
    co_return co_await actions_.manage_bucket(std::string(name),
                                              std::string(exchange.head().query));
  }
  if (name.starts_with("placement-")) {
    co_return co_await actions_.manage_homes(std::string(name), std::string(exchange.head().query));
  }
  if (name.starts_with(kOrphansPrefix)) {
    co_return co_await actions_.manage_orphans(std::string(name),
                                               std::string(exchange.head().query));
  }
  if (name.starts_with("cache-")) {
    co_return co_await actions_.manage_cache(std::string(name), std::string(exchange.head().query));
  }
  if (name.starts_with(kClusterPrefix)) {
    co_return co_await actions_.manage_cluster(std::string(name),
                                               std::string(exchange.head().query));
  }
  if (name.starts_with(kMigrationPrefix)) {
    co_return co_await actions_.manage_migration(std::string(name),
                                                 std::string(exchange.head().query));
  }
  if (name == "quota-show") {
    co_return co_await actions_.show_quota(std::string(exchange.head().query));
  }
  if (name == "quota-set") {
    co_return co_await actions_.set_quota(std::string(exchange.head().query));
  }
  if (name == kSyncList) co_return co_await actions_.sync_command(std::string(name), {});
  if (name.starts_with(kSync)) {
    std::string form = co_await io::or_return(read_form(exchange));
    co_return co_await actions_.sync_command(std::string(name), std::move(form));
  }
  if (name.starts_with(kAccounts)) {
    std::string form = co_await io::or_return(read_form(exchange));
    std::string command(name.substr(kAccounts.size()));
    co_return co_await actions_.account_command(std::move(command), std::move(form));
  }
  co_return fail(Code::kNotFound, "there is no such command");
}

// The reply begins with the first line; what fails before is an error like any other.
io::Task<int> AdminDoor::run_warming(http::Exchange& exchange) {
  bool begun = false;
  const auto send = [&exchange, &begun](std::string line) {
    return send_line(exchange, std::move(line), !std::exchange(begun, true));
  };
  Result<std::string> outcome =
      co_await actions_.warm_cache(std::string(exchange.head().query), send);
  if (!outcome && !begun) {
    const int status = status_of(outcome.error().code);
    co_await reply_error(exchange, status, outcome.error().message);
    co_return status;
  }
  if (!outcome) {
    std::string line = "{\"error\":\"";
    log::append_json_escaped(line, outcome.error().message);
    outcome = line + "\"}\n";
  }
  const Status sent = co_await send(std::move(*outcome));
  if (sent) static_cast<void>(co_await exchange.finish_response());
  co_return 200;
}

io::Task<int> AdminDoor::run_command(http::Exchange& exchange, std::string_view name) {
  if (name == "cache-warm") co_return co_await run_warming(exchange);
  Result<std::string> outcome = co_await outcome_of(exchange, name);
  if (outcome) {
    co_await reply(exchange, 200, "application/json", std::move(*outcome));
    co_return 200;
  }
  const int status = status_of(outcome.error().code);
  co_await reply_error(exchange, status, outcome.error().message);
  co_return status;
}

io::Task<void> AdminDoor::handle(http::Exchange& exchange) {
  const http::RequestHead& head = exchange.head();
  const bool is_read = head.method == "GET" || head.method == "HEAD";
  const bool is_command = head.path.starts_with(kCommandPrefix);
  if (is_command) {
    const std::string_view name = head.path.substr(kCommandPrefix.size());
    if (!is_authorised(head)) {
      actions_.on_command(name, exchange.peer(), 401);
      co_await reply_error(exchange, 401, "give the token of DIR/admin.token");
    } else if (is_question(name) != is_read) {
      co_await reply_error(exchange, 405, "wrong method");
    } else {
      const int status = co_await run_command(exchange, name);
      if (!is_read) actions_.on_command(name, exchange.peer(), status);
    }
  } else if (!is_read) {
    co_await reply_error(exchange, 405, "wrong method");
  } else if (head.path == "/healthz") {
    co_await reply(exchange, 200, "text/plain", "ok\n");
  } else if (head.path == "/readyz") {
    const bool ready = actions_.is_ready();
    co_await reply(exchange, ready ? 200 : 503, "text/plain", ready ? "ok\n" : "not ready\n");
  } else if (head.path == "/metrics") {
    std::string page = co_await actions_.metrics();
    co_await reply(exchange, 200, "text/plain; version=0.0.4", std::move(page));
  } else {
    co_await reply_error(exchange, 404, "there is no such page");
  }
}

}  // namespace cairn::server
