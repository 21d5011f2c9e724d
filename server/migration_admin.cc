#include "server/migration_admin.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "base/log.h"
#include "s3/uri.h"

namespace cairn::server {
namespace {

using Phase = MigrationProgress::Phase;

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::kComparing: return "copying";
    case Phase::kFollowing: return "following";
    case Phase::kChecking: return "checking";
    case Phase::kReady: return "ready";
    case Phase::kSwitching: return "switching";
    case Phase::kDone: return "done";
  }
  return "";
}

}  // namespace

io::Task<void> MigrationAdmin::keep_moved_shut() {
  std::error_code error;
  if (stores_.gate() == nullptr || !std::filesystem::exists(moved_path(), error)) co_return;
  co_await stores_.gate()->shut();
  log::warning("data-moved", {{"file", std::string_view(moved_path())},
                              {"message", "this directory takes no writes any more"}});
}

io::Task<Result<std::string>> MigrationAdmin::run(std::string name, std::string query_text) {
  if (name == kMigrationStatusCommand) co_return status();
  const io::MutexGuard guard = co_await commands_.lock();
  if (name == "migrate-start") {
    s3::S3Result<s3::Query> query = s3::parse_query(query_text);
    if (!query) co_return fail(Code::kInvalidArgument, "the parameters do not parse");
    co_await io::or_return(start(std::string(query->find("to").value_or(""))));
  } else if (name == "migrate-switch") {
    if (!is_running_) co_return fail(Code::kFailedPrecondition, "no migration runs: start it");
    const std::string text = "moved to " + target_->name() + "\n";
    migration_->finish([path = moved_path(), text] { return write_private_file(path, text); });
  } else if (name == "migrate-stop") {
    co_await stop();
  } else {
    co_return fail(Code::kNotFound, "there is no such command");
  }
  co_return status();
}

io::Task<Status> MigrationAdmin::start(std::string settings) {
  if (is_running_) co_return fail(Code::kFailedPrecondition, "a migration runs already");
  if (stores_.gate() == nullptr) {
    co_return fail(Code::kFailedPrecondition, "this server's metadata is in a cluster already");
  }
  if (settings.empty()) {
    co_return fail(Code::kInvalidArgument, "name the configuration file of the cluster's nodes");
  }
  co_await stop();
  target_ = co_await io::or_return(
      MigrationTarget::open(std::move(settings), directory_.path() + "/migration"));
  migration_ = std::make_unique<Migration>(
      MigrationEnds{*stores_.gate(), stores_.chunks(), target_->catalog(), target_->chunks()});
  const Status begun = co_await migration_->begin();
  if (!begun) {
    co_await stop();
    co_return begun;
  }
  log::info("migration-started", {{"to", std::string_view(target_->name())}});
  is_running_ = true;
  outcome_ = Status();
  scope_ = std::make_unique<io::Scope>();
  scope_->spawn(work());
  co_return Status();
}

io::Task<void> MigrationAdmin::work() {
  outcome_ = co_await migration_->run(scope_->stop_token());
  is_running_ = false;
  if (!outcome_) {
    log::error("migration-failed", {{"message", std::string_view(outcome_.error().message)}});
  }
}

io::Task<void> MigrationAdmin::stop() {
  if (scope_) {
    scope_->request_stop();
    co_await scope_->join();
  }
  scope_.reset();
  migration_.reset();
  if (target_) {
    const Status closed = co_await target_->close();
    if (!closed) log::warning("migration-target", {{"message", closed.error().message}});
  }
  target_.reset();
}

io::Task<void> MigrationAdmin::close() {
  const io::MutexGuard guard = co_await commands_.lock();
  co_await stop();
}

std::string MigrationAdmin::status() const {
  const MigrationProgress none;
  const MigrationProgress& at = migration_ ? migration_->progress() : none;
  const bool is_shut = stores_.gate() != nullptr && stores_.gate()->is_shut();
  std::string error;
  if (!outcome_) log::append_json_escaped(error, outcome_.error().message);
  return fmt::format(
      "{{\"running\":{},\"phase\":\"{}\",\"takes_writes\":{},\"passes\":{},\"rows\":{},"
      "\"rows_written\":{},\"chunks\":{},\"chunk_bytes\":{},\"chunks_present\":{},\"behind\":{},"
      "\"rows_checked\":{},\"chunks_checked\":{},\"paused_ms\":{:.1f},\"error\":\"{}\"}}\n",
      is_running_,
      migration_ ? name_of(at.phase)
      : is_shut  ? "done"
                 : "none",
      !is_shut, at.passes, at.rows_seen, at.rows_written, at.chunks_copied, at.chunk_bytes,
      at.chunks_present, at.changes_behind, at.rows_checked, at.chunks_checked,
      static_cast<double>(at.paused.nanoseconds) * 1e-6, error);
}

}  // namespace cairn::server
