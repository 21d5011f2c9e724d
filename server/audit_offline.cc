#include "server/audit_offline.h"

#include <filesystem>

#include "io/reactor.h"
#include "server/audit.h"
#include "server/data_directory.h"
#include "server/stores.h"

namespace cairn::server {
namespace {

io::Task<Result<std::string>> check(Stores& stores, const DataDirectory& directory) {
  const crypto::SecretKey key = co_await io::or_return(audit_key(stores.keys()));
  std::string row = co_await io::or_return(audit_anchor_row(stores.catalog(), directory));
  const AuditAnchor anchor =
      co_await io::or_return(load_anchor(stores.catalog(), std::move(row), key));
  const Result<AuditReport> report = verify_audit(directory.audit_path(), key, anchor);
  if (!report) co_return std::unexpected(report.error());
  co_return to_json(*report);
}

io::Task<Result<std::string>> verify(const Config& config, const DataDirectory& directory) {
  std::unique_ptr<Stores> stores = co_await io::or_return(Stores::open(config, directory));
  Result<std::string> text = co_await check(*stores, directory);
  const Status closed = co_await stores->close();
  if (text && !closed) co_return std::unexpected(closed.error());
  co_return text;
}

}  // namespace

Result<std::string> verify_audit_offline(const Config& config) {
  std::error_code error;
  if (!std::filesystem::exists(config.data + "/FORMAT", error)) {
    return fail(Code::kNotFound, config.data + " is no data directory");
  }
  const Result<DataDirectory> directory = DataDirectory::open(config.data);
  if (!directory) return std::unexpected(directory.error());
  const Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create(io::ReactorOptions());
  if (!reactor) return std::unexpected(reactor.error());
  return (*reactor)->run(verify(config, *directory));
}

}  // namespace cairn::server
