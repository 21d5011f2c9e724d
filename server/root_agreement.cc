#include "server/root_agreement.h"

#include <optional>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "io/reactor.h"

namespace cairn::server {
namespace {

// Rows of the servers' own. Object keys and accounts never begin so (docs/format.md).
constexpr std::string_view kRootRow = "etcd/root";
constexpr std::string_view kBinding = "root credentials";

// Neither part holds a blank (credentials.cc), so that no two pairs are written alike.
crypto::SecretKey hash_pair(const RootCredentials& pair) {
  const crypto::Sha256Value hash =
      crypto::sha256(as_bytes(pair.access_key + " " + pair.secret_key));
  return crypto::SecretKey(hash);
}

std::unexpected<Error> refuse(const RootCredentials& ours) {
  const std::string what =
      ours.created ? "this node was given no root credentials, and the cluster has some"
                   : "the root credentials of this node are not those of the cluster: clients "
                     "would be refused here";
  return fail(Code::kFailedPrecondition,
              what + ". Give it the " + kAccessKeyVariable + " and " + kSecretKeyVariable +
                  " of the other nodes, or a copy of their DIR/credentials. To change them for the "
                  "whole cluster, restart one node after the other with the new ones and "
                  "--replace-root-credentials");
}

}  // namespace

RootAgreement::RootAgreement(Parts parts) : parts_(parts), hashed_(hash_pair(parts.ours)) {}

io::Task<Result<std::unique_ptr<RootAgreement>>> RootAgreement::settle(Parts parts) {
  std::unique_ptr<RootAgreement> made(new RootAgreement(parts));
  std::string wrapped =
      co_await io::or_return(parts.keys.wrap_named(kBinding, made->hashed_, system_random()));
  catalog::Batch ours{.puts = {{std::string(kRootRow), std::move(wrapped)}}};
  if (parts.replace) {
    co_await io::or_return(made->write(std::move(ours)));
    co_return made;
  }
  std::optional<catalog::Entry> row =
      co_await io::or_return(parts.catalog.get(std::string(kRootRow)));
  if (!row) {
    ours.preconditions = {catalog::Precondition::absent(std::string(kRootRow))};
    const Status first = co_await made->write(std::move(ours));
    if (!first && first.error().code != Code::kFailedPrecondition) {
      co_return std::unexpected(first.error());
    }
    // Nodes that begin together: the first one's count.
    row = co_await io::or_return(parts.catalog.get(std::string(kRootRow)));
  }
  if (!row) co_return fail(Code::kUnavailable, "the catalog loses what is written to it");
  const Result<bool> is_ours = made->is_ours(*row);
  if (!is_ours) co_return std::unexpected(is_ours.error());
  if (!*is_ours) co_return refuse(parts.ours);
  co_return made;
}

io::Task<Status> RootAgreement::write(catalog::Batch batch) {
  co_await io::or_return(parts_.catalog.commit(std::move(batch)));
  co_return Status();
}

Result<bool> RootAgreement::is_ours(const catalog::Entry& row) const {
  const Result<crypto::SecretKey> known = parts_.keys.unwrap_named(kBinding, as_bytes(row.value));
  if (!known) return std::unexpected(known.error().with_context(std::string(kRootRow)));
  return crypto::equal_secret(known->view(), hashed_.view());
}

io::Task<void> RootAgreement::watch(io::StopToken stop) {
  while (!stop.stop_requested()) {
    // A stop ends the pause early; the loop's condition sees it.
    static_cast<void>(co_await io::sleep_for(kWatchEvery, stop));
    const Result<std::optional<catalog::Entry>> row =
        co_await parts_.catalog.get_recent(std::string(kRootRow));
    if (!row || !*row) continue;
    const Result<bool> same = is_ours(**row);
    if (!same || differs_ != *same) continue;
    differs_ = !*same;
    if (*same) {
      log::info("root_credentials_agree_again");
    } else {
      log::warning("root_credentials_differ",
                   {{"message",
                     "another node replaced the root credentials: restart this one with the new "
                     "ones, because clients that use them are refused here"}});
    }
  }
}

}  // namespace cairn::server
