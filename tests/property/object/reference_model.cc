#include "tests/property/object/reference_model.h"

namespace cairn::object::model {
namespace {

// Steps of writers; a reader and a collector have their own.
enum WriterStep : uint8_t { kBegin, kStore, kFlush, kCommit, kRelease, kFinish };
enum ReaderStep : uint8_t { kOpen, kRead };
enum CollectorStep : uint8_t { kList, kWaitForReaders, kDropEdges, kUnlink, kDecide, kDropRow };

uint8_t bit(unsigned number) {
  return static_cast<uint8_t>(1U << number);
}
bool has(uint8_t mask, unsigned number) {
  return (mask & bit(number)) != 0;
}

}  // namespace

State Model::initial(uint8_t crashes) const {
  State state;
  state.crashes_left = crashes;
  state.object[0] = kFirstOwner + 1;
  for (unsigned chunk = 0; chunk < kBodyChunks; ++chunk) {
    state.chunk[chunk] = Chunk::kLive;
    state.edges[chunk] = bit(kFirstOwner);
    state.manifest[kFirstOwner] |= bit(chunk);
  }
  for (size_t actor = roles_.size(); actor < kActorsMax; ++actor) state.step[actor] = kEnded;
  state.sweep = kChunks;
  return state;
}

bool Model::hold(State& state, unsigned chunk, unsigned owner) const {
  const bool there = state.chunk[chunk] == Chunk::kLive ||
                     (flaws_.link_takes_condemned && state.chunk[chunk] == Chunk::kCondemned);
  if (there) state.holders[chunk] |= bit(owner);
  return there;
}

// Holds or begins to write the actor's next chunk; `after` is its step once all are there. False
// when it has to wait for another writer or the collector.
bool Model::store_next(State& state, unsigned actor, uint8_t after, Sink& out) const {
  const uint8_t wanted = state.manifest[actor];
  while (state.next[actor] < kChunks && !has(wanted, state.next[actor])) ++state.next[actor];
  const unsigned chunk = state.next[actor];
  if (chunk == kChunks) {
    state.step[actor] = after;
    out.push_back(state);
    return true;
  }
  if (hold(state, chunk, actor)) {
    ++state.next[actor];
    out.push_back(state);
    return true;
  }
  if (state.chunk[chunk] != Chunk::kAbsent) return false;
  state.chunk[chunk] = Chunk::kWriting;
  state.holders[chunk] |= bit(actor);
  state.step[actor] = flaws_.commits_before_flush ? static_cast<uint8_t>(kStore) : kFlush;
  if (flaws_.commits_before_flush) ++state.next[actor];
  out.push_back(state);
  return true;
}

// Edges, object and the replaced body's place in the queue: one commit.
void Model::commit(State& state, unsigned actor) const {
  uint8_t& object = state.object[roles_[actor].object];
  if (object != 0) state.garbage |= bit(object - 1U);
  object = static_cast<uint8_t>(actor + 1);
  for (unsigned chunk = 0; chunk < kChunks; ++chunk) {
    if (has(state.manifest[actor], chunk)) state.edges[chunk] |= bit(actor);
  }
}

// Ends the actor's holds; what nobody else needs is left to the sweep's rule, as after a failure.
void Model::give_up(State& state, unsigned actor) const {
  for (uint8_t& holders : state.holders) holders &= static_cast<uint8_t>(~bit(actor));
}

void Model::step_writer(const State& state, unsigned actor, Sink& out) const {
  State next = state;
  switch (state.step[actor]) {
    case kBegin:
      next.manifest[actor] = roles_[actor].chunks;
      next.step[actor] = kStore;
      out.push_back(next);
      return;
    case kStore: store_next(next, actor, kCommit, out); return;
    case kFlush:
      next.chunk[state.next[actor]] = Chunk::kLive;
      ++next.next[actor];
      next.step[actor] = kStore;
      out.push_back(next);
      return;
    case kCommit:
      if (flaws_.holds_end_before_commit && (state.holders[0] | state.holders[1]) & bit(actor)) {
        give_up(next, actor);
        out.push_back(next);
        return;
      }
      commit(next, actor);
      next.step[actor] = kRelease;
      out.push_back(next);
      return;
    default:
      give_up(next, actor);
      next.step[actor] = kEnded;
      out.push_back(next);
      return;
  }
}

// Copies object 0's body by reference: look, hold each chunk, commit. A chunk that is being dropped
// sends it the ordinary way, as the client is then told to send the body.
void Model::step_instant(const State& state, unsigned actor, Sink& out) const {
  State next = state;
  if (state.step[actor] == kBegin) {
    if (state.object[0] == 0) {
      next.step[actor] = kEnded;
    } else {
      next.manifest[actor] = state.manifest[state.object[0] - 1U];
      next.step[actor] = kStore;
    }
    out.push_back(next);
    return;
  }
  if (state.step[actor] == kStore && flaws_.instant_takes_no_hold) {
    bool all_there = true;
    for (unsigned chunk = 0; chunk < kChunks; ++chunk) {
      const bool wanted = has(state.manifest[actor], chunk);
      all_there = all_there && (!wanted || state.chunk[chunk] == Chunk::kLive);
    }
    next.step[actor] = all_there ? static_cast<uint8_t>(kCommit) : kEnded;
    out.push_back(next);
    return;
  }
  step_writer(state, actor, out);
}

// Fills like a writer; the edges of each chunk and the session's row are durable before the fill is
// answered. Then it commits the object, which takes the edges over, or expires.
void Model::step_session(const State& state, unsigned actor, Sink& out) const {
  State next = state;
  switch (state.step[actor]) {
    case kBegin:
      next.manifest[actor] = roles_[actor].chunks;
      next.sessions |= bit(actor);
      next.step[actor] = kStore;
      out.push_back(next);
      return;
    case kCommit:  // Edges; then the holds end.
      for (unsigned chunk = 0; chunk < kChunks && !flaws_.session_keeps_no_edges; ++chunk) {
        if (has(state.manifest[actor], chunk)) next.edges[chunk] |= bit(actor);
      }
      next.step[actor] = kRelease;
      out.push_back(next);
      return;
    case kRelease:
      give_up(next, actor);
      next.step[actor] = kFinish;
      out.push_back(next);
      return;
    case kFinish:
      next.sessions &= static_cast<uint8_t>(~bit(actor));
      next.step[actor] = kEnded;
      {
        State expired = next;
        expired.garbage |= bit(actor);
        out.push_back(expired);
      }
      commit(next, actor);
      out.push_back(next);
      return;
    default: step_writer(state, actor, out); return;
  }
}

void Model::step_reader(const State& state, unsigned actor, Sink& out) const {
  State next = state;
  if (state.step[actor] == kOpen) {
    next.seen[actor] = state.object[roles_[actor].object];
    next.step[actor] = next.seen[actor] == 0 ? kEnded : static_cast<uint8_t>(kRead);
    if (next.seen[actor] != 0) next.seen_chunks[actor] = state.manifest[next.seen[actor] - 1U];
  } else {
    next.step[actor] = kEnded;
    next.seen[actor] = 0;
    next.seen_chunks[actor] = 0;
    next.epoch_readers &= static_cast<uint8_t>(~bit(actor));
  }
  out.push_back(next);
}

// One commit: the manifest, the edge for the copies, and the old edge's place in the queue.
void Model::move(State& state, unsigned actor, unsigned from, unsigned to) const {
  const unsigned owner = state.planned[actor] - 1U;
  uint8_t& object = state.object[roles_[actor].object];
  if (object != state.planned[actor]) {
    if (!flaws_.move_ignores_races) return;
    object = state.planned[actor];
  }
  state.manifest[owner] &= static_cast<uint8_t>(~bit(from));
  state.manifest[owner] |= bit(to);
  state.edges[to] |= bit(owner);
  state.given_up[from] |= bit(owner);
}

// Copies, waits until the copies are durable, moves the version if it is still the one that was
// looked at, lets go; copies that no version came to are dropped. A copy has an id of its own: for
// a second rewriter, which would move the copies on, the model has none left.
void Model::step_rewriter(const State& state, unsigned actor, Sink& out) const {
  const unsigned from = roles_[actor].chunks == bit(kCopy) ? kCopy : 0;
  const unsigned to = from == kCopy ? 0 : kCopy;
  State next = state;
  switch (state.step[actor]) {
    case kBegin: {
      const uint8_t owner = state.object[roles_[actor].object];
      const bool is_there = owner != 0 && has(state.manifest[owner - 1U], from);
      const bool has_id = from != kCopy || flaws_.copy_takes_an_old_id;
      next.planned[actor] = owner;
      next.step[actor] = is_there && has_id ? static_cast<uint8_t>(kStore) : kEnded;
      break;
    }
    case kStore:
      if (!hold(next, to, actor)) {
        if (state.chunk[to] != Chunk::kAbsent) return;
        next.chunk[to] = Chunk::kWriting;
        next.holders[to] |= bit(actor);
        next.step[actor] = flaws_.move_before_flush ? static_cast<uint8_t>(kCommit) : kFlush;
      } else {
        next.step[actor] = kCommit;
      }
      break;
    case kFlush:
      next.chunk[to] = Chunk::kLive;
      next.step[actor] = kCommit;
      break;
    case kCommit:
      move(next, actor, from, to);
      next.step[actor] = kRelease;
      break;
    case kRelease:
      if (state.edges[to] == 0 && condemn(next, to, actor)) {
        next.step[actor] = kFinish;
      } else {
        give_up(next, actor);
        next.step[actor] = kEnded;
      }
      break;
    default:
      decide(next, to);
      next.step[actor] = kEnded;
      break;
  }
  if (next.step[actor] == kEnded) next.planned[actor] = 0;
  out.push_back(next);
}

void Model::step_actor(const State& state, unsigned actor, Sink& out) const {
  if (state.step[actor] == kEnded) return;
  State next = state;
  switch (roles_[actor].kind) {
    case Kind::kWriter: step_writer(state, actor, out); return;
    case Kind::kInstant: step_instant(state, actor, out); return;
    case Kind::kSession: step_session(state, actor, out); return;
    case Kind::kReader: step_reader(state, actor, out); return;
    case Kind::kRewriter: step_rewriter(state, actor, out); return;
    case Kind::kDeleter:
      if (uint8_t& object = next.object[roles_[actor].object]; object != 0) {
        next.garbage |= bit(object - 1U);
        object = 0;
      }
      next.step[actor] = kEnded;
      out.push_back(next);
      return;
  }
}

bool Model::condemn(State& state, unsigned chunk, std::optional<unsigned> owner) const {
  if (state.chunk[chunk] != Chunk::kLive) return false;
  if (owner) state.holders[chunk] &= static_cast<uint8_t>(~bit(*owner));
  if (state.holders[chunk] != 0 && !flaws_.unlink_ignores_holders) return false;
  state.chunk[chunk] = Chunk::kCondemned;
  return true;
}

void Model::decide(State& state, unsigned chunk) const {
  const bool referenced = state.edges[chunk] != 0 && !flaws_.unlink_ignores_edges;
  state.chunk[chunk] = referenced ? Chunk::kLive : Chunk::kAbsent;
  if (!referenced) state.holders[chunk] = 0;
}

// What is in the queue: whole bodies, and edges that were given up.
void Model::list(const State& state, Sink& out) const {
  State next = state;
  next.collector_step = kWaitForReaders;
  next.epoch_readers = 0;
  for (unsigned actor = 0; actor < kActorsMax; ++actor) {
    if (state.seen[actor] != 0) next.epoch_readers |= bit(actor);
  }
  for (unsigned found = 0; found <= kActorsMax; ++found) {
    next.collector_owner = static_cast<uint8_t>(found);
    next.collector_only = 0;
    if (has(state.garbage, found)) out.push_back(next);
    for (unsigned chunk = 0; chunk < kChunks; ++chunk) {
      next.collector_only = static_cast<uint8_t>(chunk + 1);
      if (has(state.given_up[chunk], found)) out.push_back(next);
    }
  }
}

void Model::step_collector(const State& state, Sink& out) const {
  State next = state;
  const unsigned owner = state.collector_owner;
  const auto is_meant = [&](unsigned chunk) {
    if (state.collector_only != 0) return chunk + 1 == state.collector_only;
    return has(state.manifest[owner], chunk);
  };
  switch (state.collector_step) {
    case kList: list(state, out); return;
    case kWaitForReaders:
      if (state.epoch_readers != 0 && !flaws_.collector_ignores_readers &&
          !(flaws_.moved_edges_go_at_once && state.collector_only != 0)) {
        return;
      }
      next.collector_step = kDropEdges;
      break;
    case kDropEdges:
      for (unsigned chunk = 0; chunk < kChunks; ++chunk) {
        if (is_meant(chunk)) next.edges[chunk] &= static_cast<uint8_t>(~bit(owner));
      }
      next.collector_step = kUnlink;
      next.collector_chunk = 0;
      break;
    case kUnlink:
      if (state.collector_chunk == kChunks) {
        next.collector_step = kDropRow;
      } else if (is_meant(state.collector_chunk) && condemn(next, state.collector_chunk, owner)) {
        next.collector_step = kDecide;
      } else {
        ++next.collector_chunk;
      }
      break;
    case kDecide:
      decide(next, state.collector_chunk);
      ++next.collector_chunk;
      next.collector_step = kUnlink;
      break;
    default:
      if (state.collector_only != 0) {
        next.given_up[state.collector_only - 1U] &= static_cast<uint8_t>(~bit(owner));
      } else {
        next.garbage &= static_cast<uint8_t>(~bit(owner));
      }
      next.collector_only = 0;
      next.collector_step = kList;
      next.collector_owner = 0;
      next.collector_chunk = 0;
      break;
  }
  out.push_back(next);
}

// Once after a start: chunks without edges are unlinked like any other.
void Model::step_sweep(const State& state, Sink& out) const {
  if (state.sweep == kChunks || flaws_.sweep_is_left_out) return;
  State next = state;
  const unsigned chunk = state.sweep;
  if (state.sweep_decides) {
    decide(next, chunk);
    next.sweep_decides = false;
    ++next.sweep;
  } else if (state.edges[chunk] == 0 && condemn(next, chunk, std::nullopt)) {
    next.sweep_decides = true;
  } else {
    ++next.sweep;
  }
  out.push_back(next);
}

// Memory is gone; rows stay. A record that was being written may have reached the disk or not; a
// condemned one is there again.
void Model::crash(const State& state, Sink& out) const {
  if (state.crashes_left == 0) return;
  State next = state;
  --next.crashes_left;
  next.holders = {};
  next.next = {};
  next.seen = {};
  next.seen_chunks = {};
  next.planned = {};
  next.collector_only = 0;
  next.epoch_readers = 0;
  next.collector_step = kList;
  next.collector_owner = 0;
  next.collector_chunk = 0;
  next.sweep = 0;
  next.sweep_decides = false;
  for (unsigned actor = 0; actor < roles_.size(); ++actor) {
    const bool is_open_session = has(state.sessions, actor);
    // The client of a session comes back to commit what it was told is filled.
    const bool was_filled = is_open_session && state.step[actor] >= kRelease;
    next.step[actor] = was_filled ? static_cast<uint8_t>(kFinish) : kEnded;
    if (is_open_session && !was_filled) {
      next.sessions &= static_cast<uint8_t>(~bit(actor));
      next.garbage |= bit(actor);
    }
  }
  for (unsigned lost = 0; lost < bit(kChunks); ++lost) {
    State restarted = next;
    bool is_new = true;
    for (unsigned chunk = 0; chunk < kChunks; ++chunk) {
      if (state.chunk[chunk] == Chunk::kWriting) {
        restarted.chunk[chunk] =
            has(static_cast<uint8_t>(lost), chunk) ? Chunk::kAbsent : Chunk::kLive;
      } else {
        is_new = is_new && !has(static_cast<uint8_t>(lost), chunk);
        if (state.chunk[chunk] == Chunk::kCondemned) restarted.chunk[chunk] = Chunk::kLive;
      }
    }
    if (is_new) out.push_back(restarted);
  }
}

std::vector<State> Model::successors(const State& state) const {
  Sink out;
  for (unsigned actor = 0; actor < roles_.size(); ++actor) step_actor(state, actor, out);
  step_collector(state, out);
  step_sweep(state, out);
  crash(state, out);
  return out;
}

std::optional<std::string> Model::violation(const State& state, bool is_final) const {
  const auto is_readable = [&](uint8_t manifest) {
    for (unsigned chunk = 0; chunk < kChunks; ++chunk) {
      const bool there =
          state.chunk[chunk] == Chunk::kLive || state.chunk[chunk] == Chunk::kCondemned;
      if (has(manifest, chunk) && !there) return false;
    }
    return true;
  };
  for (const uint8_t owner : state.object) {
    if (owner != 0 && !is_readable(state.manifest[owner - 1U])) return "an object lost a chunk";
  }
  for (const uint8_t manifest : state.seen_chunks) {
    if (!is_readable(manifest)) return "a reader lost a chunk";
  }
  for (unsigned chunk = 0; chunk < kChunks; ++chunk) {
    for (unsigned owner = 0; owner <= kActorsMax; ++owner) {
      if (!has(state.edges[chunk], owner)) continue;
      bool is_owned = has(state.garbage, owner) || has(state.sessions, owner) ||
                      has(state.given_up[chunk], owner);
      for (const uint8_t current : state.object) is_owned = is_owned || current == owner + 1;
      if (!is_owned) return "an edge without an object, a session or a place in the queue";
    }
    if (is_final && state.edges[chunk] == 0 && state.chunk[chunk] != Chunk::kAbsent) {
      return "a chunk that nobody refers to stays";
    }
  }
  const bool is_queue_empty =
      state.garbage == 0 && state.given_up == std::array<uint8_t, kChunks>{};
  if (is_final && !is_queue_empty) return "a removed body stays in the queue";
  return std::nullopt;
}

}  // namespace cairn::object::model
