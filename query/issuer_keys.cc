#include "query/issuer_keys.h"

#include <netinet/in.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "iam/errors.h"
#include "io/address_rules.h"
#include "io/blocking.h"
#include "io/endpoint.h"
#include "io/reactor.h"

namespace cairn::query {
namespace {

std::unexpected<Error> unreachable(std::string message) {
  return iam::fail_with(Code::kInvalidArgument, iam::reason::kProviderUnreachable,
                        std::move(message));
}

// IANA's special-purpose registries: what is not a host on the internet.
bool is_public_v4(uint32_t address) {
  struct Range {
    uint32_t network;
    unsigned bits;
  };
  static constexpr Range kSpecial[] = {
      {0x00000000, 8},  {0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},  {0xA9FE0000, 16},
      {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24}, {0xC0A80000, 16}, {0xC6120000, 15},
      {0xC6336400, 24}, {0xCB007100, 24}, {0xE0000000, 3}};
  return std::ranges::none_of(kSpecial, [&](const Range& range) {
    return (address ^ range.network) >> (32 - range.bits) == 0;
  });
}

bool is_public_v6(const in6_addr& address) {
  // Global unicast is 2000::/3; inside it documentation (2001:db8::/32), Teredo (2001::/32) and
  // 6to4 (2002::/16) carry addresses that were not looked at.
  const uint8_t* at = address.s6_addr;
  if ((at[0] & 0xE0) != 0x20) return false;
  if (at[0] == 0x20 && at[1] == 0x02) return false;
  const bool is_2001 = at[0] == 0x20 && at[1] == 0x01;
  return !(is_2001 && ((at[2] == 0 && at[3] == 0) || (at[2] == 0x0D && at[3] == 0xB8)));
}

// Resolves, looks, connects to the address that was looked at.
class IssuerConnector final : public http::Connector {
 public:
  IssuerConnector(io::Network& network, std::shared_ptr<const io::TlsContext> tls,
                  const std::vector<std::string>& private_hosts)
      : network_(network), tls_(std::move(tls)), private_hosts_(private_hosts) {}

  bool is_listed(const io::Endpoint& to) const {
    return std::ranges::any_of(private_hosts_, [&](const std::string& host) {
      return host == to.host || host == to.to_string();
    });
  }

  io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Endpoint to, std::string tls_name,
                                                        io::Until until) override {
    const bool is_private_fine = is_listed(to);
    if (tls_name.empty() && !is_private_fine) {
      co_return fail(Code::kPermissionDenied, "an identity provider must be asked over https");
    }
    const auto look_up = [to] { return io::resolve_blocking(to); };
    const Result<std::vector<io::SocketAddress>> found =
        co_await io::or_return(io::blocking_pool().run_until(look_up, until));
    if (!found) co_return std::unexpected(found.error());
    io::Endpoint address = io::endpoint_of(found->front());
    if (!is_private_fine && !is_public_address(address)) {
      co_return fail(Code::kPermissionDenied,
                     "the identity provider's name leads to an address that is not public");
    }
    std::unique_ptr<io::Stream> stream =
        co_await io::or_return(network_.connect(std::move(address), until));
    if (tls_name.empty()) co_return stream;
    Result<std::unique_ptr<io::Stream>> secure =
        co_await io::tls_connect(std::move(stream), tls_, std::move(tls_name), until);
    co_return secure;
  }

 private:
  io::Network& network_;
  const std::shared_ptr<const io::TlsContext> tls_;
  const std::vector<std::string>& private_hosts_;
};

IssuerOptions filled(IssuerOptions options) {
  if (options.network == nullptr) options.network = &io::system_network();
  if (options.clock == nullptr) options.clock = &system_clock();
  if (options.random == nullptr) options.random = &system_random();
  return options;
}

}  // namespace

bool is_public_address(const io::Endpoint& endpoint) {
  return io::literal_address_passes(endpoint, is_public_v4, is_public_v6);
}

IssuerKeys::IssuerKeys(IssuerOptions options) : options_(filled(std::move(options))) {}
IssuerKeys::~IssuerKeys() = default;

Result<std::unique_ptr<IssuerKeys>> IssuerKeys::create(IssuerOptions options) {
  std::unique_ptr<IssuerKeys> keys(new IssuerKeys(std::move(options)));
  Result<std::shared_ptr<const io::TlsContext>> tls =
      io::TlsContext::client({keys->options_.ca_path});
  if (!tls) return std::unexpected(tls.error());
  keys->tls_ = std::move(*tls);
  return keys;
}

io::Task<Result<std::string>> IssuerKeys::get(http::Client& client, std::string url,
                                              size_t bytes_max) {
  http::ClientRequest request;
  request.url = co_await io::or_return(http::Url::parse(url));
  request.fields.emplace_back("Accept", "application/json");
  io::Until until;
  until.deadline = io::Reactor::current().now() + kIssuerTimeout;
  http::ClientResponse response = co_await io::or_return(client.send(std::move(request), until));
  if (response.status() != 200) {
    co_return fail(Code::kUnavailable, url + " answers " + std::to_string(response.status()));
  }
  co_return co_await response.receive_all(bytes_max);
}

io::Task<Result<std::shared_ptr<const iam::KeySet>>> IssuerKeys::fetch(std::string issuer) {
  IssuerConnector connector(*options_.network, tls_, options_.private_hosts);
  http::ClientOptions client_options;
  client_options.retry.attempts_max = 2;
  client_options.connect_timeout = kIssuerTimeout;
  http::Client client(connector, client_options, *options_.random);
  std::string base = issuer;
  if (base.ends_with('/')) base.pop_back();
  Result<std::string> found =
      co_await get(client, base + "/.well-known/openid-configuration", kDiscoveryBytesMax);
  Result<std::string> jwks_url = found ? iam::parse_discovery(*found, issuer)
                                       : Result<std::string>(std::unexpected(found.error()));
  Result<std::string> jwks = std::unexpected(Error{});
  if (jwks_url) {
    jwks = co_await get(client, *jwks_url, iam::kJwksBytesMax);
  } else {
    jwks = std::unexpected(jwks_url.error());
  }
  co_await client.close();
  if (jwks) co_return iam::KeySet::parse(*jwks);
  log::warning("identity-provider-failed", {{"issuer", std::string_view(issuer)},
                                            {"message", std::string_view(jwks.error().message)}});
  co_return unreachable("The keys of " + issuer + " cannot be fetched.");
}

io::Task<Status> IssuerKeys::verify(iam::Jwt token) {
  if (!issuers_.contains(token.issuer) && issuers_.size() >= kIssuersMax) issuers_.clear();
  std::shared_ptr<Issuer>& slot = issuers_[token.issuer];
  if (slot == nullptr) slot = std::make_shared<Issuer>();
  const std::shared_ptr<Issuer> issuer = slot;
  const io::MutexGuard guard = co_await issuer->fetching.lock();
  const Instant now = io::Reactor::current().now();
  const Duration age = now - issuer->fetched;
  const bool is_stale =
      issuer->keys == nullptr || age > kIssuerKeysFresh || !issuer->keys->has_key(token.key_id);
  const bool may_fetch = !issuer->was_tried || age > kIssuerKeysPause;
  if (is_stale && may_fetch) {
    issuer->was_tried = true;
    issuer->fetched = now;
    Result<std::shared_ptr<const iam::KeySet>> fetched = co_await fetch(token.issuer);
    if (fetched) {
      issuer->keys = std::move(*fetched);
    } else {
      // Keys that are too old are worse than none: the issuer may have withdrawn one.
      if (age > kIssuerKeysFresh) issuer->keys = nullptr;
      if (issuer->keys == nullptr) co_return std::unexpected(fetched.error());
    }
  }
  if (issuer->keys == nullptr) {
    co_return unreachable("The keys of " + token.issuer + " could not be fetched.");
  }
  co_return issuer->keys->verify(token);
}

}  // namespace cairn::query
