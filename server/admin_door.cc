#include "server/admin_door.h"

#include "base/log.h"
#include "crypto/digest.h"
#include "server/kms_admin.h"

namespace cairn::server {
namespace {

constexpr std::string_view kCommandPrefix = "/admin/v1/";
constexpr std::string_view kBearer = "Bearer ";

io::Task<void> reply(http::Exchange& exchange, int status, std::string_view type,
                     std::string text) {
  http::ResponseHead head(status);
  head.add("Content-Type", type);
  head.add("Cache-Control", "no-store");
  static_cast<void>(co_await exchange.respond(head, std::string_view(text)));
}

io::Task<void> reply_error(http::Exchange& exchange, int status, std::string_view message) {
  std::string text = "{\"error\":\"";
  log::append_json_escaped(text, message);
  text += "\"}\n";
  return reply(exchange, status, "application/json", std::move(text));
}

// Commands that change nothing.
bool is_question(std::string_view name) {
  return name == "status" || name == "audit-verify" || name == "quota-show" ||
         name == kKmsListCommand;
}

int status_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return 400;
    case Code::kNotFound: return 404;
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition: return 409;
    default: return 500;
  }
}

}  // namespace

bool AdminDoor::is_authorised(const http::RequestHead& head) const {
  const std::string_view given = head.get("authorization").value_or("");
  if (!given.starts_with(kBearer)) return false;
  return crypto::equal_secret(as_bytes(given.substr(kBearer.size())), as_bytes(token_));
}

io::Task<int> AdminDoor::run_command(http::Exchange& exchange, std::string_view name) {
  Result<std::string> outcome = fail(Code::kNotFound, "there is no such command");
  if (name == "status") {
    outcome = co_await actions_.status();
  } else if (name == "scrub") {
    outcome = co_await actions_.scrub();
  } else if (name == "gc") {
    outcome = co_await actions_.collect_garbage();
  } else if (name == "keys-rotate") {
    outcome = co_await actions_.rotate_keys();
  } else if (name == "audit-verify") {
    outcome = co_await actions_.verify_audit();
  } else if (name.starts_with("kms-")) {
    outcome = co_await actions_.manage_kms(std::string(name), std::string(exchange.head().query));
  } else if (name == "quota-show") {
    outcome = co_await actions_.show_quota(std::string(exchange.head().query));
  } else if (name == "quota-set") {
    outcome = co_await actions_.set_quota(std::string(exchange.head().query));
  }
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
