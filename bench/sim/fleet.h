// A fleet of nodes in virtual time, with the production code of placement, hot chunks and memory
// policy, and measured costs (costs.h).
//
// A read arrives at a node, which has it in memory, or fetches it: one fetch per chunk and node at
// a time. It asks the chunk's first owner, which names one of the owners that the chunk's load asks
// for (hot_chunks.h). That owner sends it out of its memory or disk; when it has neither, it takes
// it from the owner in the middle before it, and the first owner from the home. So the home sends a
// chunk once as long as its first owner stays the same and keeps it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "bench/sim/cache.h"
#include "bench/sim/costs.h"
#include "bench/sim/event_queue.h"
#include "cluster/hot_chunks.h"
#include "cluster/placement.h"

namespace cairn::sim {

inline constexpr size_t kOwnersMax = 64;

enum class Source : uint8_t { kMemory, kPeer, kDisk, kHome };
inline constexpr size_t kSources = 4;

struct FleetOptions {
  size_t nodes = 10;
  NodeShape shape;
  Costs costs;
  bool clients_outside = true;  // What is read leaves by the node's network.
  bool strong_reads = false;    // Each read waits for an answer of etcd, shared by those that wait.
  size_t relays = 0;            // Nodes that ask etcd for the others; 0: each asks for itself.
  bool hot_copies = true;       // Off: the first owner alone sends (to see what copies are for).
};

struct FleetCounts {
  std::array<uint64_t, kSources> reads{};  // By where the node that was asked got them.
  std::array<uint64_t, kSources> bytes{};
  uint64_t home_reads = 0;
  uint64_t home_bytes = 0;
  uint64_t home_reads_most = 0;  // Of one chunk.
  uint64_t questions = 0;        // To etcd.
  double cpu_share_mean = 0, cpu_share_most = 0;
  double sent_share_mean = 0, sent_share_most = 0;
  double home_share = 0;
};

class Fleet {
 public:
  using ReadId = uint32_t;

  explicit Fleet(const FleetOptions& options);

  // A read of one chunk, or the part of it, arrives at a node now.
  ReadId begin(cluster::NodeIndex node, ChunkKey key, uint32_t size_bytes, bool stream);
  // A moment at which the caller wants to be woken, with a number of its own.
  void wake(double at, uint32_t number);

  // What the caller has to do something about: a read that is done, or a wake.
  struct Happening {
    bool is_wake = false;
    uint32_t number = 0;  // The caller's, or the read's.
    double took_s = 0;
  };
  // False when nothing is planned any more.
  bool run(Happening& happening);

  double now() const { return queue_.now(); }
  size_t size() const { return nodes_.size(); }
  // Over `length_s` of virtual time.
  FleetCounts counts(double length_s) const;

 private:
  enum class Step : uint8_t { kWake, kAnswered, kAsked, kLook, kServe, kArrived, kDone };
  struct Event {
    Step step = Step::kWake;
    cluster::NodeIndex node = 0;
    uint32_t number = 0;  // Of a read, of a transfer, or the caller's.
  };
  struct Read {
    ChunkKey key = 0;
    double began = 0;
    uint32_t size_bytes = 0;
    cluster::NodeIndex node = 0;
    bool stream = false;
  };
  // Somebody waits for a chunk at a node: a read of a client there, or another node.
  struct Waiter {
    bool is_read = false;
    uint32_t number = 0;
  };
  // Of one node for another one.
  struct Transfer {
    ChunkKey key = 0;
    uint32_t size_bytes = 0;
    cluster::NodeIndex to = 0;
    cluster::NodeIndex from = 0;
    bool stream = false;
    bool counted = false;  // By the first owner as under way.
    Source source = Source::kPeer;
  };
  struct Fetch {
    std::vector<Waiter> waiters;
  };
  struct Node {
    Node(const FleetOptions& options, const Costs& costs);
    NodeCache cache;
    cluster::HotChunks hot;
    Pipe cpu, in, out, disk;
    std::unordered_map<ChunkKey, Fetch> fetches;
    std::vector<uint32_t> unanswered;  // Reads that wait for the next question to etcd.
    std::vector<uint32_t> asking;      // Reads that the question under way is for.
    bool question_out = false;
  };

  static double compute(Node& node, double at, double core_s);
  const std::vector<cluster::NodeIndex>& owners(ChunkKey key);
  size_t rank_of(ChunkKey key, cluster::NodeIndex node);
  void ask_revision(Read& read, uint32_t number);
  void send_question(cluster::NodeIndex asker);
  void answered(cluster::NodeIndex asker);
  void look(uint32_t number);
  void obtain(cluster::NodeIndex node, ChunkKey key, uint32_t size_bytes, bool stream,
              Waiter waiter);
  void fetch_from(uint8_t rank, cluster::NodeIndex node, ChunkKey key, uint32_t size_bytes,
                  bool stream);
  void fetch_home(cluster::NodeIndex node, ChunkKey key, uint32_t size_bytes, bool stream);
  void asked(uint32_t transfer);
  void serve(uint32_t transfer);
  void send(uint32_t transfer, double at);
  void arrived(uint32_t transfer);
  void finish(uint32_t number, double at, Source source);

  uint32_t new_transfer(const Transfer& transfer);

  FleetOptions options_;
  cluster::Placement placement_;
  std::vector<std::unique_ptr<Node>> nodes_;
  Pipe home_, etcd_;
  EventQueue<Event> queue_;
  std::vector<Read> reads_;
  std::vector<uint32_t> free_reads_;
  std::vector<Transfer> transfers_;
  std::vector<uint32_t> free_transfers_;
  std::unordered_map<ChunkKey, std::vector<cluster::NodeIndex>> owners_;
  std::unordered_map<ChunkKey, uint32_t> home_reads_;
  FleetCounts counts_;
};

}  // namespace cairn::sim
