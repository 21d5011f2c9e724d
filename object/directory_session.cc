#include "object/directory_session.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/log.h"

namespace cairn::object {
namespace {

constexpr size_t kNodeBytes = 8;        // Of a session's id.
constexpr size_t kOwnSessionsMax = 50;  // There is one, unless a start failed half-way.

std::string beat_value(uint64_t beat) {
  std::array<uint8_t, sizeof beat> bytes;
  store_be(bytes.data(), beat);
  return std::string(as_text(BytesView(bytes)));
}

catalog::ScanRequest scan_of(std::string prefix, size_t limit) {
  catalog::ScanRequest request;
  request.end = catalog::prefix_end(prefix);
  request.begin = std::move(prefix);
  request.limit_entries = limit;
  return request;
}

}  // namespace

DirectorySession::Pace DirectorySession::pace_of(Duration silence) {
  const Duration beat{std::min(kBeatMax.nanoseconds, silence.nanoseconds / kSilentBeatsMin)};
  return {beat, static_cast<unsigned>(silence.nanoseconds / beat.nanoseconds)};
}

io::Task<Result<std::unique_ptr<DirectorySession>>> DirectorySession::begin(
    catalog::Catalog& catalog, ChunkRows rows, RandomId node, Random& random, Pace pace) {
  ChunkSession id = node;
  random.fill(MutableBytes(id).subspan(kNodeBytes));
  const catalog::ScanPage earlier =
      co_await io::or_return(catalog.scan(scan_of(rows.sessions_of_node(node), kOwnSessionsMax)));
  catalog::Batch batch;
  for (const catalog::Entry& entry : earlier.entries) {
    const std::optional<ChunkSession> old = rows.parse_session(entry.key);
    batch.deletes.push_back(entry.key);
    if (old) batch.deletes.push_back(rows.fence(*old));
  }
  batch.puts = {{rows.session(id), beat_value(0)}, {rows.fence(id), ""}};
  const Result<catalog::Version> begun = co_await catalog.commit(std::move(batch));
  if (!begun) co_return std::unexpected(begun.error());
  co_return std::unique_ptr<DirectorySession>(
      new DirectorySession(catalog, std::move(rows), id, *begun, pace));
}

Status DirectorySession::check() const {
  if (!is_over()) return {};
  return fail(Code::kUnavailable,
              "the other nodes have given this one up, since it was silent for too long: "
              "restart it");
}

io::Task<Status> DirectorySession::check_row() {
  const std::optional<catalog::Entry> entry =
      co_await io::or_return(catalog_.get_recent(rows_.session(id_)));
  if (!entry && !ended_by_others_.exchange(true)) log::error("storage.session_ended_by_others");
  co_return check();
}

io::Task<Status> DirectorySession::renew() {
  catalog::Batch batch;
  batch.preconditions.push_back(catalog::Precondition::present(row()));
  batch.puts.push_back({row(), beat_value(++beat_)});
  const Result<catalog::Version> renewed = co_await catalog_.commit(std::move(batch));
  if (renewed) co_return Status{};
  if (renewed.error().code == Code::kFailedPrecondition) co_await io::or_return(check_row());
  co_return std::unexpected(renewed.error());
}

io::Task<Result<std::set<ChunkSession>>> DirectorySession::keep() {
  co_await io::or_return(renew());
  const catalog::ScanPage page =
      co_await io::or_return(catalog_.scan(scan_of(rows_.sessions(), kSessionsMax)));
  std::set<ChunkSession> living;
  for (const catalog::Entry& entry : page.entries) {
    const std::optional<ChunkSession> session = rows_.parse_session(entry.key);
    if (!session) continue;
    living.insert(*session);
    if (*session == id_) continue;
    Seen& seen = seen_[*session];
    if (seen.version != entry.version) seen = {entry.version, 0};
    if (++seen.beats_count <= pace_.silent_beats_max) continue;
    catalog::Batch batch;
    batch.preconditions.push_back(catalog::Precondition::version_is(entry.key, entry.version));
    batch.deletes = {entry.key, rows_.fence(*session)};
    const Result<catalog::Version> ended = co_await catalog_.commit(std::move(batch));
    if (!ended && ended.error().code == Code::kFailedPrecondition) continue;
    if (!ended) co_return std::unexpected(ended.error());
    living.erase(*session);
    log::warning("storage.session_expired", {{"session", std::string_view(to_hex(*session))}});
  }
  std::erase_if(seen_, [&living](const auto& seen) { return !living.contains(seen.first); });
  co_return living;
}

io::Task<void> DirectorySession::end() {
  catalog::Batch batch;
  batch.deletes = {row(), rows_.fence(id_)};
  // One that could not be removed is ended by the node's next, or expires.
  (void)co_await catalog_.commit(std::move(batch));
}

}  // namespace cairn::object
