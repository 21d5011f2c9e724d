#include "storage/rados/session.h"

#include <algorithm>
#include <cerrno>

#include "base/encoding.h"
#include "base/log.h"
#include "io/reactor.h"

namespace cairn::storage {
namespace {

constexpr const char* kSessionsObject = "sessions";
// The part of a session's id that tells its node.
constexpr size_t kNodeBytes = 8;

bool is_of_node(const SessionId& session, const RandomId& node) {
  return std::equal(session.begin(), session.begin() + kNodeBytes, node.begin());
}

Bytes beat_bytes(uint64_t beat) {
  Bytes bytes(sizeof beat);
  store_be(bytes.data(), beat);
  return bytes;
}

}  // namespace

io::Task<Result<std::unique_ptr<RadosSession>>> RadosSession::begin(RadosPool& pool, RandomId node,
                                                                    Duration expiry,
                                                                    Random& random) {
  SessionId id = node;
  random.fill(MutableBytes(id).subspan(kNodeBytes));
  std::unique_ptr<RadosSession> session(new RadosSession(pool, id, expiry));
  const std::map<SessionId, Bytes> all = co_await io::or_return(session->load());
  const Instant begun = io::Reactor::current().now();
  RadosWrite operation = pool.begin_write();
  for (const auto& [other, beat] : all) {
    if (is_of_node(other, node)) operation.remove_attribute(attribute_of_session(other));
  }
  operation.set_attribute(attribute_of_session(id), beat_bytes(0));
  const RadosAnswer answer =
      co_await pool.write(RadosSpace::kControl, kSessionsObject, std::move(operation), true);
  if (answer.code < 0) {
    co_return std::unexpected(pool.error_of(answer.code, "beginning a session"));
  }
  session->renewed_at_ns_ = begun.nanoseconds;
  co_return session;
}

io::Task<Result<std::map<SessionId, Bytes>>> RadosSession::load() {
  RadosObject object = co_await pool_.read(RadosSpace::kControl, kSessionsObject, 0, {});
  std::map<SessionId, Bytes> sessions;
  if (object.code == -ENOENT) co_return sessions;
  if (object.code < 0) co_return std::unexpected(pool_.error_of(object.code, "reading sessions"));
  for (auto& [name, beat] : object.attributes) {
    const std::optional<SessionId> session = session_of_attribute(name);
    if (session) sessions.emplace(*session, std::move(beat));
  }
  co_return sessions;
}

Status RadosSession::check() const {
  if (ended_by_others_.load(std::memory_order_relaxed)) {
    return fail(Code::kUnavailable,
                "the other nodes have given this one up, since it was silent for too long: "
                "restart it");
  }
  const Duration silent = io::Reactor::current().now() - Instant{renewed_at_ns_.load()};
  if (silent.nanoseconds > expiry_.nanoseconds / 2) {
    return fail(Code::kUnavailable,
                "this node could not renew its session in the Ceph pool and may not use new chunks "
                "until it has");
  }
  return {};
}

io::Task<Result<bool>> RadosSession::is_over(SessionId session) {
  {
    const std::lock_guard guard(mutex_);
    if (over_.contains(session)) co_return true;
  }
  const std::map<SessionId, Bytes> all = co_await io::or_return(load());
  if (all.contains(session)) co_return false;
  const std::lock_guard guard(mutex_);
  if (over_.size() >= kOverKnownMax) over_.clear();
  over_.insert(session);
  co_return true;
}

io::Task<Status> RadosSession::renew() {
  const Instant begun = io::Reactor::current().now();
  const std::map<SessionId, Bytes> all = co_await io::or_return(load());
  const auto own = all.find(id_);
  RadosWrite operation = pool_.begin_write();
  RadosAnswer answer{-ECANCELED, 0};
  if (own != all.end()) {
    const std::string name = attribute_of_session(id_);
    operation.must_have_attribute(name, own->second).set_attribute(name, beat_bytes(++beat_));
    answer =
        co_await pool_.write(RadosSpace::kControl, kSessionsObject, std::move(operation), true);
  }
  if (answer.code == -ECANCELED || answer.code == -ENODATA || answer.code == -ENOENT) {
    co_return co_await explain_refusal();
  }
  if (answer.code < 0) co_return std::unexpected(pool_.error_of(answer.code, "renewing a session"));
  renewed_at_ns_ = begun.nanoseconds;
  co_return Status{};
}

// Others have ended it when it is not there. Where it is, an earlier renewal of its own, whose
// answer was given up, has come through late (a write waits for an object to be whole again, a read
// does not): the next one goes by what it left.
io::Task<Status> RadosSession::explain_refusal() {
  const std::map<SessionId, Bytes> all = co_await io::or_return(load());
  if (all.contains(id_)) {
    co_return fail(Code::kUnavailable, "renewing a session: an earlier renewal came in between");
  }
  if (!ended_by_others_.exchange(true)) log::error("storage.session_ended_by_others");
  co_return check();
}

io::Task<Status> RadosSession::expire_others() {
  const std::map<SessionId, Bytes> all = co_await io::or_return(load());
  const Instant now = io::Reactor::current().now();
  std::erase_if(seen_, [&all](const auto& seen) { return !all.contains(seen.first); });
  for (const auto& [session, beat] : all) {
    if (session == id_) continue;
    Seen& seen = seen_[session];
    if (seen.beat != beat) {
      seen = {beat, now};
      continue;
    }
    if (now - seen.since < expiry_) continue;
    if (fence_) co_await io::or_return(fence_(session));
    const std::string name = attribute_of_session(session);
    RadosWrite operation = pool_.begin_write();
    operation.must_have_attribute(name, beat).remove_attribute(name);
    const RadosAnswer answer =
        co_await pool_.write(RadosSpace::kControl, kSessionsObject, std::move(operation), true);
    if (answer.code < 0 && answer.code != -ECANCELED) {
      co_return std::unexpected(pool_.error_of(answer.code, "ending a session"));
    }
    if (answer.code >= 0) {
      log::warning("storage.session_expired", {{"session", std::string_view(to_hex(session))}});
    }
  }
  co_return Status{};
}

io::Task<void> RadosSession::end() {
  RadosWrite operation = pool_.begin_write();
  operation.must_exist().remove_attribute(attribute_of_session(id_));
  // One that could not be removed is ended by the node's next, or expires.
  (void)co_await pool_.write(RadosSpace::kControl, kSessionsObject, std::move(operation), true);
}

}  // namespace cairn::storage
