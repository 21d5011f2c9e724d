// Webhooks that the operator has named: where events go. Bucket owners choose among them by name
// only, so no request can make the server talk to another address.
// Thread rule: immutable once made.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/url.h"

namespace cairn::server {

struct WebhookTarget {
  std::string name;
  http::Url url;
  std::string token;  // Sent as `Authorization: Bearer`; empty = none. Never logged.
};

inline constexpr size_t kWebhooksMax = 100;

// Each entry is NAME=URL or NAME=TOKEN; every token needs its target. Names are 1 to 64 letters,
// digits, `-` and `_`. kInvalidArgument says which entry is wrong, without telling a token.
Result<std::vector<WebhookTarget>> parse_webhooks(const std::vector<std::string>& urls,
                                                  const std::vector<std::string>& tokens);

}  // namespace cairn::server
