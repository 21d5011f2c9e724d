#include "cli/remover.h"

#include <set>
#include <utility>

namespace cairn::cli {

io::Task<void> Remover::add(transfer::DeleteKey key) {
  batch_.push_back(std::move(key));
  if (batch_.size() >= kDeleteBatchKeys) co_await flush();
}

io::Task<void> Remover::finish() {
  co_await flush();
  co_await scope_.join();
}

io::Task<void> Remover::flush() {
  if (batch_.empty()) co_return;
  co_await slots_.acquire();
  scope_.spawn(run(std::exchange(batch_, {})));
}

io::Task<void> Remover::run(std::vector<transfer::DeleteKey> keys) {
  if (has_no_batches_ || keys.size() == 1) {
    co_await run_one_by_one(std::move(keys));
    slots_.release();
    co_return;
  }
  const transfer::S3Result<std::vector<transfer::DeleteProblem>> problems =
      co_await session_.s3().remove_many(bucket_, keys, session_.until());
  if (!problems && problems.error().error.code == Code::kUnsupported) {
    has_no_batches_ = true;
    co_await run_one_by_one(std::move(keys));
  } else if (!problems) {
    session_.report(problems.error(), "s3://" + bucket_);
  } else {
    std::set<std::pair<std::string, std::string>> failed;
    for (const transfer::DeleteProblem& problem : *problems) {
      failed.emplace(problem.key, problem.version_id);
      const Code code =
          problem.code == "AccessDenied" ? Code::kPermissionDenied : Code::kUnavailable;
      session_.report(Error{code, problem.code + ": " + problem.message},
                      "s3://" + bucket_ + "/" + problem.key);
    }
    for (const transfer::DeleteKey& key : keys) {
      if (!failed.contains({key.key, key.version_id})) note(key);
    }
  }
  slots_.release();
}

io::Task<void> Remover::run_one_by_one(std::vector<transfer::DeleteKey> keys) {
  for (const transfer::DeleteKey& key : keys) {
    const transfer::S3Status removed =
        co_await session_.s3().remove(bucket_, key.key, key.version_id, session_.until());
    if (removed) {
      note(key);
    } else {
      session_.report(removed.error(), "s3://" + bucket_ + "/" + key.key);
      if (session_.is_stopped()) co_return;
    }
  }
}

void Remover::note(const transfer::DeleteKey& key) {
  ++removed_count_;
  session_.console().exit_codes().add_success();
  if (notes_ == Notes::kNone) return;
  const std::string url = "s3://" + bucket_ + "/" + key.key;
  JsonLine json("deleted");
  json.add("location", url).add_if("version", key.version_id);
  const std::string version = key.version_id.empty() ? "" : " (version " + key.version_id + ")";
  session_.console().note("delete: " + url + version, json);
}

}  // namespace cairn::cli
