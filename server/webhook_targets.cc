#include "server/webhook_targets.h"

#include <algorithm>

#include "object/event_queue.h"

namespace cairn::server {
namespace {

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  return !text.empty() && text.size() <= object::kWebhookNameBytesMax &&
         std::ranges::all_of(text, allowed);
}

Result<std::pair<std::string, std::string>> split(std::string_view entry, std::string_view what) {
  const size_t equals = entry.find('=');
  if (equals == std::string_view::npos || !is_name(entry.substr(0, equals)) ||
      equals + 1 == entry.size()) {
    return fail(
        Code::kInvalidArgument,
        std::string(what) + ": expected NAME=VALUE with a name of letters, digits, - and _");
  }
  return std::pair{std::string(entry.substr(0, equals)), std::string(entry.substr(equals + 1))};
}

}  // namespace

Result<std::vector<WebhookTarget>> parse_webhooks(const std::vector<std::string>& urls,
                                                  const std::vector<std::string>& tokens) {
  std::vector<WebhookTarget> targets;
  if (urls.size() > kWebhooksMax) {
    return fail(Code::kInvalidArgument, "notify-webhook: too many webhooks");
  }
  for (const std::string& entry : urls) {
    Result<std::pair<std::string, std::string>> parts = split(entry, "notify-webhook");
    if (!parts) return std::unexpected(parts.error());
    Result<http::Url> url = http::Url::parse(parts->second);
    if (!url) return std::unexpected(url.error().with_context("notify-webhook " + parts->first));
    if (std::ranges::find(targets, parts->first, &WebhookTarget::name) != targets.end()) {
      return fail(Code::kInvalidArgument, "notify-webhook: two targets named " + parts->first);
    }
    targets.push_back({std::move(parts->first), std::move(*url), {}});
  }
  for (const std::string& entry : tokens) {
    Result<std::pair<std::string, std::string>> parts = split(entry, "notify-webhook-token");
    if (!parts) return std::unexpected(parts.error());
    const auto target = std::ranges::find(targets, parts->first, &WebhookTarget::name);
    if (target == targets.end()) {
      return fail(Code::kInvalidArgument,
                  "notify-webhook-token: there is no notify-webhook " + parts->first);
    }
    target->token = std::move(parts->second);
  }
  return targets;
}

}  // namespace cairn::server
