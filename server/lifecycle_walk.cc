#include "server/lifecycle_walk.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "io/reactor.h"
#include "s3/config_kinds.h"
#include "s3/events.h"

namespace cairn::server {
namespace {

constexpr std::string_view kPrincipal = "s3.amazonaws.com";

bool has_prefix(const s3::LifecycleRule& rule, std::string_view key) {
  return !rule.prefix || key.starts_with(*rule.prefix);
}

// The version that was judged, and no other one.
object::Conditions this_very(const object::ObjectInfo& info) {
  object::Conditions conditions;
  if (info.is_delete_marker) return conditions;
  conditions.if_match = {info.etag};
  conditions.if_unmodified_since = info.modified;
  return conditions;
}

}  // namespace

LifecycleWalk::LifecycleWalk(const LifecycleEnvironment& environment, object::BucketInfo bucket,
                             s3::LifecycleRules rules, std::string after, io::StopToken stop)
    : environment_(environment),
      bucket_(std::move(bucket)),
      rules_(std::move(rules)),
      minimum_(s3::transition_minimum(bucket_.config->document(s3::document::kTransitionSize),
                                      environment.day_ms)),
      stop_(stop),
      position_(after),
      key_marker_(std::move(after)) {}

io::Task<Result<bool>> LifecycleWalk::step(WallTime now) {
  removal_time_ = Duration();
  if (!moves_.empty() && cursor_left_ == 0) return step_move(now);
  if (in_uploads_) return step_uploads(now);
  return step_versions(now);
}

io::Task<Status> LifecycleWalk::open_cursor() {
  object::VersionListRequest request;
  request.key_marker = key_marker_;
  request.version_id_marker = version_marker_;
  request.limit = kVersionsPerStep;
  cursor_ =
      co_await io::or_return(environment_.objects->walk_versions(bucket_, std::move(request)));
  cursor_left_ = kVersionsPerCursor;
  co_return Status();
}

io::Task<Result<bool>> LifecycleWalk::step_versions(WallTime now) {
  const bool begins = cursor_left_ == 0;
  if (begins) co_await io::or_return(open_cursor());
  object::VersionListPage page = co_await io::or_return(cursor_->next(kVersionsPerStep));
  cursor_left_ -= std::min(cursor_left_, kVersionsPerStep);
  // Only now, so that the listing still finds the version that it goes on from.
  if (begins || due_.size() >= kRemovalsPerCommit) co_await io::or_return(remove_due(now));
  key_marker_ = std::move(page.next_key);
  version_marker_ = std::move(page.next_version_id);
  Candidate before;
  for (object::ObjectInfo& info : page.versions) {
    if (!replace_pending(std::move(info), before)) continue;
    co_await io::or_return(judge(std::move(before), now));
  }
  if (cursor_left_ == 0 || !page.truncated) cursor_.reset();
  if (page.truncated) co_return true;
  cursor_left_ = 0;
  versions_done_ = true;
  if (pending_) {
    Candidate last = *std::exchange(pending_, std::nullopt);
    last.is_only = last.info.is_latest;
    co_await io::or_return(judge(std::move(last), now));
  }
  co_await io::or_return(remove_due(now));
  in_uploads_ = std::ranges::any_of(
      rules_, [](const s3::LifecycleRule& rule) { return rule.abort_upload_days.has_value(); });
  co_return in_uploads_ || !moves_.empty();
}

bool LifecycleWalk::replace_pending(object::ObjectInfo next, Candidate& before) {
  ++environment_.counters->versions_examined;
  Candidate candidate;
  candidate.info = std::move(next);
  const bool had_one = pending_.has_value();
  if (had_one) {
    before = std::move(*pending_);
    const object::ObjectInfo& info = before.info;
    if (info.key == candidate.info.key) {
      candidate.noncurrent_since = info.modified;
      candidate.newer_noncurrent_count = info.is_latest ? 0 : before.newer_noncurrent_count + 1;
    } else {
      before.is_only = info.is_latest;
      position_ = info.key;
    }
  }
  pending_ = std::move(candidate);
  return had_one;
}

bool LifecycleWalk::needs_tags(const object::ObjectInfo& info) const {
  if (info.is_delete_marker) return false;
  return std::ranges::any_of(rules_, [&](const s3::LifecycleRule& rule) {
    return rule.enabled && !rule.tags.empty() && has_prefix(rule, info.key);
  });
}

io::Task<Status> LifecycleWalk::judge(Candidate candidate, WallTime now) {
  object::ObjectInfo& info = candidate.info;
  if (needs_tags(info)) {
    // Listings do not tell tags.
    Result<object::ObjectInfo> whole =
        co_await environment_.objects->head(bucket_, info.key, info.version_id);
    if (!whole) {
      if (whole.error().code == Code::kNotFound) co_return Status();
      co_return std::unexpected(whole.error());
    }
    info.metadata.tags = std::move(whole->metadata.tags);
  }
  s3::LifecycleVersion version;
  version.key = info.key;
  version.size_bytes = info.size_bytes;
  version.tags = &info.metadata.tags;
  version.modified = info.modified;
  version.is_latest = info.is_latest;
  version.is_delete_marker = info.is_delete_marker;
  version.is_only_version = candidate.is_only;
  version.noncurrent_since = candidate.noncurrent_since;
  version.newer_noncurrent_count = candidate.newer_noncurrent_count;
  version.storage_class = info.metadata.storage_class;
  const s3::LifecycleDecision decision =
      s3::decide_lifecycle(rules_, version, now, environment_.day_ms);
  // As in AWS, a version that goes for good is not moved before, and one that gets a delete marker
  // above it is.
  const bool stays = decision.action == s3::LifecycleAction::kNone ||
                     (decision.action == s3::LifecycleAction::kExpire && bucket_.is_versioned());
  if (stays) note_move(info, version, now);
  if (decision.action == s3::LifecycleAction::kNone) co_return Status();
  object::RemoveRequest request;
  request.key = info.key;
  request.conditions = this_very(info);
  if (decision.action != s3::LifecycleAction::kExpire) request.version_id = info.version_id;
  due_.push_back(std::move(request));
  co_return Status();
}

void LifecycleWalk::note_move(const object::ObjectInfo& info, const s3::LifecycleVersion& version,
                              WallTime now) {
  if (failed_moves_ >= kFailedMovesMax) return;
  const s3::TransitionDecision decision =
      s3::decide_transition(rules_, version, now, environment_.day_ms, minimum_);
  if (decision.rule == nullptr) return;
  // A class of the operator's own that no placement takes any more.
  if (!s3::is_storage_class(decision.storage_class) &&
      !environment_.objects->placements().for_class(decision.storage_class)) {
    ++environment_.counters->transitions_skipped;
    return;
  }
  if (moves_.empty()) moves_position_ = position_;
  moves_.push_back({info, std::string(decision.storage_class)});
}

io::Task<Result<bool>> LifecycleWalk::step_move(WallTime now) {
  const Instant begin = io::Reactor::current().now();
  Move move = std::move(moves_.back());
  moves_.pop_back();
  object::TransitionOptions options;
  options.storage_class = std::move(move.storage_class);
  options.bytes_per_second = environment_.transition_bytes_per_second;
  options.stop = stop_;
  if (environment_.events != nullptr) {
    options.hook = s3::change_hook(*environment_.events, bucket_, {std::string(kPrincipal), {}, {}},
                                   now, s3::event::kTransition);
  }
  LifecycleCounters& counters = *environment_.counters;
  const Result<object::TransitionedInfo> moved =
      co_await environment_.objects->transition(bucket_, move.info, std::move(options));
  if (moved) {
    ++counters.transitions;
    counters.transition_bytes += moved->moved_bytes;
    if (environment_.listener) {
      environment_.listener(bucket_, s3::event::kTransition, move.info.key, move.info.version_id);
    }
  } else {
    count_failed_move(move.info, moved.error());
  }
  removal_time_ = removal_time_ + (io::Reactor::current().now() - begin);
  co_return !moves_.empty() || !versions_done_ || in_uploads_;
}

void LifecycleWalk::count_failed_move(const object::ObjectInfo& info, const Error& error) {
  LifecycleCounters& counters = *environment_.counters;
  const auto is = [&](std::string_view reason) { return error.message.starts_with(reason); };
  if (error.code == Code::kCancelled) return;
  if (is(object::reason::kSseKeyRequired) || is(object::reason::kKmsKeyUnknown) ||
      is(object::reason::kKmsKeyDisabled)) {
    ++counters.transitions_skipped;
    return;
  }
  if (error.code == Code::kFailedPrecondition || error.code == Code::kNotFound) {
    ++counters.changed;
    return;
  }
  // The other rules go on: an expiration may be what makes room.
  ++counters.failures;
  log::warning("lifecycle-transition-failed", {{"bucket", std::string_view(bucket_.name)},
                                               {"key", std::string_view(info.key)},
                                               {"message", std::string_view(error.message)}});
  if (++failed_moves_ >= kFailedMovesMax) moves_.clear();
}

io::Task<Status> LifecycleWalk::remove_due(WallTime now) {
  if (due_.empty()) co_return Status();
  const Instant begin = io::Reactor::current().now();
  Status removed = co_await remove_listed(now);
  removal_time_ = removal_time_ + (io::Reactor::current().now() - begin);
  co_return removed;
}

io::Task<Status> LifecycleWalk::remove_listed(WallTime now) {
  std::vector<object::RemoveRequest> requests = std::exchange(due_, {});
  object::CommitHook hook;
  if (environment_.events != nullptr) {
    hook = s3::removal_hook(*environment_.events, bucket_, {std::string(kPrincipal), {}, {}}, now,
                            s3::event::kExpired, s3::event::kExpiredMarker, requests);
  }
  std::vector<std::string> keys;
  for (const object::RemoveRequest& request : requests) keys.push_back(request.key);
  const std::vector<object::RemovedInfo> removed = co_await io::or_return(
      environment_.objects->remove(bucket_, std::move(requests), std::move(hook)));
  LifecycleCounters& counters = *environment_.counters;
  for (size_t i = 0; i < removed.size(); ++i) {
    if (removed[i].status) {
      ++counters.versions_removed;
      const std::string_view event =
          removed[i].made_marker ? s3::event::kExpiredMarker : s3::event::kExpired;
      if (environment_.listener) {
        environment_.listener(bucket_, event, keys[i], removed[i].version_id);
      }
      continue;
    }
    const Code code = removed[i].status.error().code;
    if (code == Code::kPermissionDenied) {
      ++counters.locked;
    } else if (code == Code::kFailedPrecondition || code == Code::kNotFound) {
      ++counters.changed;
    } else {
      co_return removed[i].status;
    }
  }
  co_return Status();
}

io::Task<Result<bool>> LifecycleWalk::step_uploads(WallTime now) {
  object::UploadListRequest request;
  request.key_marker = upload_key_marker_;
  request.upload_id_marker = upload_id_marker_;
  request.limit = kVersionsPerStep;
  object::UploadListPage page =
      co_await io::or_return(environment_.objects->list_uploads(bucket_, std::move(request)));
  for (const object::UploadInfo& upload : page.uploads) {
    const s3::LifecycleDecision decision =
        s3::upload_abort(rules_, upload.key, upload.initiated, environment_.day_ms);
    if (decision.rule == nullptr || decision.due > now) continue;
    const Status aborted =
        co_await environment_.objects->abort_upload(bucket_, upload.key, upload.upload_id);
    if (!aborted && aborted.error().code == Code::kNotFound) continue;
    if (!aborted) co_return std::unexpected(aborted.error());
    ++environment_.counters->uploads_aborted;
    if (environment_.listener) {
      environment_.listener(bucket_, "AbortIncompleteMultipartUpload", upload.key, {});
    }
  }
  upload_key_marker_ = std::move(page.next_key);
  upload_id_marker_ = std::move(page.next_upload_id);
  co_return page.truncated;
}

}  // namespace cairn::server
