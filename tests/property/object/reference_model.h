// A model of how chunks are held, referred to, dropped and found again, for exhaustive search.
//
// It has the store's states of a chunk (storage/chunk_index.h), the catalog's durable rows (edges,
// objects, queue of removed bodies, rows of upload sessions) and the actors that race: writers that
// miss or hit by chunk, writers that hit by whole body (instant upload), sessions of the native
// door, deleter, reader, rewriter, collector, sweep, crash. Every step of an actor is what the
// product does without giving way to another: one operation under the index's lock, one catalog
// commit, one read. Two chunks of bodies and one that a rewriter makes, two objects
// (RELIABILITY.md 5.4).
//
// `Flaws` take one safeguard away each; the search must then find a violation, which shows that it
// looks at the right thing.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cairn::object::model {

inline constexpr unsigned kBodyChunks = 2;
inline constexpr unsigned kCopy = 2;  // The chunk with a rewriter's copies.
inline constexpr unsigned kChunks = 3;
inline constexpr unsigned kObjects = 2;
inline constexpr unsigned kActorsMax = 5;
// Owners: one per actor, and the one of the object that is there at the beginning.
inline constexpr unsigned kFirstOwner = kActorsMax;

enum class Chunk : uint8_t { kAbsent, kWriting, kLive, kCondemned };
enum class Kind : uint8_t { kWriter, kInstant, kSession, kDeleter, kReader, kRewriter };

struct Flaws {
  bool commits_before_flush = false;       // A writer does not wait for its data to be durable.
  bool instant_takes_no_hold = false;      // Whole-body hits look, but do not hold.
  bool holds_end_before_commit = false;    // A writer lets go when its data is durable.
  bool unlink_ignores_holders = false;     // A held chunk can be condemned.
  bool unlink_ignores_edges = false;       // The last look at the edges is left out.
  bool link_takes_condemned = false;       // link() succeeds while the collector decides.
  bool collector_ignores_readers = false;  // The edges go although an older reader is there.
  bool session_keeps_no_edges = false;     // A fill is protected by its hold only.
  bool sweep_is_left_out = false;          // Nothing looks for chunks without edges after a crash.
  bool move_ignores_races = false;         // A rewriter's commit does not depend on the version.
  bool move_before_flush = false;          // It commits before its copies are durable.
  bool moved_edges_go_at_once = false;     // Edges that it gives up wait for no reader.
  bool copy_takes_an_old_id = false;       // It may copy into a chunk that the owner had before.
};

// What an actor is to do.
struct Role {
  Kind kind = Kind::kWriter;
  uint8_t object = 0;  // That it writes, deletes or reads.
  uint8_t chunks = 1;  // Mask of the body's chunks; an instant upload takes object 0's instead, and
                       // a rewriter moves the object away from that one.
};

struct State {
  std::array<Chunk, kChunks> chunk{};
  std::array<uint8_t, kChunks> holders{};   // Masks of owners.
  std::array<uint8_t, kChunks> edges{};     // Masks of owners; durable.
  std::array<uint8_t, kObjects> object{};   // Owner + 1 of the current version; 0 = none; durable.
  uint8_t garbage = 0;                      // Owners in the collector's queue; durable.
  std::array<uint8_t, kChunks> given_up{};  // Owners whose edge for it is in the queue; durable.
  uint8_t sessions = 0;                     // Owners with a session row; durable.
  std::array<uint8_t, kActorsMax + 1> manifest{};  // Chunks of each owner's body.
  std::array<uint8_t, kActorsMax> step{};          // Where each actor is; kEnded = done.
  std::array<uint8_t, kActorsMax> next{};          // Chunk that it is at.
  std::array<uint8_t, kActorsMax> seen{};          // Reader: owner + 1 that it opened.
  std::array<uint8_t, kActorsMax> seen_chunks{};   // And its manifest then.
  std::array<uint8_t, kActorsMax> planned{};       // Rewriter: owner + 1 that it is to move.
  uint8_t collector_step = 0;
  uint8_t collector_owner = 0;
  uint8_t collector_chunk = 0;
  uint8_t collector_only = 0;  // Chunk + 1 where only the edge for that is to go.
  uint8_t epoch_readers = 0;   // Readers that were there when the queue was listed.
  uint8_t sweep = 0;           // Chunk that the sweep is at; kChunks = done.
  bool sweep_decides = false;
  uint8_t crashes_left = 0;

  friend auto operator<=>(const State&, const State&) = default;
};

inline constexpr uint8_t kEnded = 255;

class Model {
 public:
  Model(std::vector<Role> roles, Flaws flaws) : roles_(std::move(roles)), flaws_(flaws) {}

  // Object 0 with both chunks, durable.
  State initial(uint8_t crashes) const;
  // Every state that one step of one actor can lead to.
  std::vector<State> successors(const State& state) const;
  // What is wrong in `state`; nullopt when nothing is. `is_final`: nothing can move any more.
  std::optional<std::string> violation(const State& state, bool is_final) const;

 private:
  using Sink = std::vector<State>;
  void step_actor(const State& state, unsigned actor, Sink& out) const;
  void step_writer(const State& state, unsigned actor, Sink& out) const;
  void step_instant(const State& state, unsigned actor, Sink& out) const;
  void step_session(const State& state, unsigned actor, Sink& out) const;
  void step_reader(const State& state, unsigned actor, Sink& out) const;
  void step_rewriter(const State& state, unsigned actor, Sink& out) const;
  void move(State& state, unsigned actor, unsigned from, unsigned to) const;
  void step_collector(const State& state, Sink& out) const;
  void list(const State& state, Sink& out) const;
  void step_sweep(const State& state, Sink& out) const;
  void crash(const State& state, Sink& out) const;

  bool hold(State& state, unsigned chunk, unsigned owner) const;
  bool store_next(State& state, unsigned actor, uint8_t after, Sink& out) const;
  void commit(State& state, unsigned actor) const;
  void give_up(State& state, unsigned actor) const;
  bool condemn(State& state, unsigned chunk, std::optional<unsigned> owner) const;
  void decide(State& state, unsigned chunk) const;

  const std::vector<Role> roles_;
  const Flaws flaws_;
};

}  // namespace cairn::object::model
