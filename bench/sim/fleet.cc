#include "bench/sim/fleet.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/assert.h"

namespace cairn::sim {
namespace {

Instant instant(double now) {
  return Instant{static_cast<int64_t>(now * 1e9)};
}

std::vector<cluster::Node> some_nodes(size_t count) {
  std::vector<cluster::Node> nodes;
  for (size_t i = 0; i < count; ++i) nodes.push_back({.name = "node-" + std::to_string(i)});
  return nodes;
}

}  // namespace

Fleet::Node::Node(const FleetOptions& options, const Costs& costs)
    : cache(options.shape.memory_bytes, options.shape.disk_bytes),
      hot(costs.network_bytes_per_s),
      cpu(static_cast<double>(options.shape.cores)),
      in(costs.network_bytes_per_s),
      out(costs.network_bytes_per_s),
      disk(costs.disk_bytes_per_s) {}

Fleet::Fleet(const FleetOptions& options)
    : options_(options),
      placement_(some_nodes(options.nodes)),
      home_(options.costs.home_bytes_per_s),
      etcd_(options.costs.etcd_questions_per_s) {
  for (size_t i = 0; i < options.nodes; ++i) {
    nodes_.push_back(std::make_unique<Node>(options_, options_.costs));
  }
}

// One core does it, when all work before it has its share of the cores.
double Fleet::compute(Node& node, double at, double core_s) {
  return std::max(node.cpu.pass(at, core_s), at + core_s);
}

Fleet::ReadId Fleet::begin(cluster::NodeIndex node, ChunkKey key, uint32_t size_bytes,
                           bool stream) {
  if (free_reads_.empty()) {
    free_reads_.push_back(static_cast<uint32_t>(reads_.size()));
    reads_.emplace_back();
  }
  const uint32_t number = free_reads_.back();
  free_reads_.pop_back();
  reads_[number] = {
      .key = key, .began = now(), .size_bytes = size_bytes, .node = node, .stream = stream};
  compute(*nodes_[node], now(), options_.costs.request_s);
  if (options_.strong_reads) {
    ask_revision(reads_[number], number);
  } else {
    look(number);
  }
  return number;
}

void Fleet::wake(double at, uint32_t number) {
  queue_.plan(at, {.step = Step::kWake, .number = number});
}

bool Fleet::run(Happening& happening) {
  while (!queue_.empty()) {
    const Event event = queue_.next();
    switch (event.step) {
      case Step::kWake: happening = {.is_wake = true, .number = event.number}; return true;
      case Step::kDone:
        happening = {.number = event.number, .took_s = now() - reads_[event.number].began};
        free_reads_.push_back(event.number);
        return true;
      case Step::kAnswered: answered(event.node); break;
      case Step::kLook: look(event.number); break;
      case Step::kAsked: asked(event.number); break;
      case Step::kServe: serve(event.number); break;
      case Step::kArrived: arrived(event.number); break;
    }
  }
  return false;
}

// The order of preference is asked for by every node that wants the chunk; it is the same for all.
const std::vector<cluster::NodeIndex>& Fleet::owners(ChunkKey key) {
  const auto [at, is_new] = owners_.try_emplace(key);
  if (is_new) at->second = placement_.preferred(key, options_.hot_copies ? kOwnersMax : 1);
  return at->second;
}

size_t Fleet::rank_of(ChunkKey key, cluster::NodeIndex node) {
  const auto& order = owners(key);
  return static_cast<size_t>(std::ranges::find(order, node) - order.begin());
}

void Fleet::ask_revision(Read& read, uint32_t number) {
  const cluster::NodeIndex asker =
      options_.relays == 0 ? read.node
                           : static_cast<cluster::NodeIndex>(read.node % options_.relays);
  nodes_[asker]->unanswered.push_back(number);
  if (!nodes_[asker]->question_out) send_question(asker);
}

void Fleet::send_question(cluster::NodeIndex asker) {
  Node& node = *nodes_[asker];
  node.question_out = true;
  std::swap(node.asking, node.unanswered);
  ++counts_.questions;
  queue_.plan(etcd_.pass(now(), 1) + options_.costs.etcd_latency_s,
              {.step = Step::kAnswered, .node = asker});
}

void Fleet::answered(cluster::NodeIndex asker) {
  Node& node = *nodes_[asker];
  node.question_out = false;
  for (const uint32_t number : std::exchange(node.asking, {})) {
    const bool relayed = reads_[number].node != asker;
    queue_.plan(now() + (relayed ? options_.costs.round_trip_s : 0),
                {.step = Step::kLook, .number = number});
  }
  if (!node.unanswered.empty()) send_question(asker);
}

void Fleet::look(uint32_t number) {
  const Read& read = reads_[number];
  const cache::Hints hints{.stream = read.stream};
  if (nodes_[read.node]->cache.in_memory(read.key, hints, now())) {
    finish(number, now(), Source::kMemory);
    return;
  }
  obtain(read.node, read.key, read.size_bytes, read.stream, {.is_read = true, .number = number});
}

// For a reader at the node, who asks the first owner first, or for a transfer that it was named
// for.
void Fleet::obtain(cluster::NodeIndex node, ChunkKey key, uint32_t size_bytes, bool stream,
                   Waiter waiter) {
  const auto [at, is_new] = nodes_[node]->fetches.try_emplace(key);
  at->second.waiters.push_back(waiter);
  if (!is_new) return;
  if (nodes_[node]->cache.on_disk(key)) {
    Node& here = *nodes_[node];
    const uint32_t transfer = new_transfer({.key = key,
                                            .size_bytes = size_bytes,
                                            .to = node,
                                            .from = node,
                                            .stream = stream,
                                            .source = Source::kDisk});
    queue_.plan(here.disk.pass(now(), size_bytes) + options_.costs.disk_latency_s,
                {.step = Step::kArrived, .number = transfer});
    return;
  }
  const size_t rank = rank_of(key, node);
  if (rank == 0) {
    fetch_home(node, key, size_bytes, stream);
  } else if (!waiter.is_read) {
    fetch_from(static_cast<uint8_t>((rank - 1) / 2), node, key, size_bytes, stream);
  } else {
    compute(*nodes_[node], now(), options_.costs.ask_s);
    const uint32_t transfer = new_transfer({.key = key,
                                            .size_bytes = size_bytes,
                                            .to = node,
                                            .from = owners(key)[0],
                                            .stream = stream,
                                            .counted = true});
    queue_.plan(now() + options_.costs.round_trip_s / 2,
                {.step = Step::kAsked, .number = transfer});
  }
}

void Fleet::fetch_from(uint8_t rank, cluster::NodeIndex node, ChunkKey key, uint32_t size_bytes,
                       bool stream) {
  const uint32_t transfer = new_transfer({.key = key,
                                          .size_bytes = size_bytes,
                                          .to = node,
                                          .from = owners(key)[rank],
                                          .stream = stream});
  compute(*nodes_[node], now(), options_.costs.ask_s);
  queue_.plan(now() + options_.costs.round_trip_s / 2, {.step = Step::kServe, .number = transfer});
}

void Fleet::fetch_home(cluster::NodeIndex node, ChunkKey key, uint32_t size_bytes, bool stream) {
  const uint32_t transfer = new_transfer({.key = key,
                                          .size_bytes = size_bytes,
                                          .to = node,
                                          .from = node,
                                          .stream = stream,
                                          .source = Source::kHome});
  ++counts_.home_reads;
  counts_.home_bytes += size_bytes;
  counts_.home_reads_most = std::max<uint64_t>(counts_.home_reads_most, ++home_reads_[key]);
  const double sent = home_.pass(now(), size_bytes);
  const double received = nodes_[node]->in.pass(now(), size_bytes);
  queue_.plan(std::max(sent, received) + options_.costs.home_latency_s,
              {.step = Step::kArrived, .number = transfer});
}

// At the first owner: names the owner that serves. One that asks and is an owner itself is only
// ever sent to an owner before it, so that nobody waits in a circle.
void Fleet::asked(uint32_t number) {
  Transfer& transfer = transfers_[number];
  Node& first = *nodes_[transfer.from];
  const double at = compute(first, now(), options_.costs.ask_s);
  const auto& order = owners(transfer.key);
  const size_t count =
      first.hot.ask(transfer.key, transfer.size_bytes, order.size(), instant(now()));
  size_t rank = cluster::mix(transfer.key, transfer.to) % count;
  const size_t own = rank_of(transfer.key, transfer.to);
  if (rank >= own) rank = (own - 1) / 2;
  if (rank == 0) {
    serve(number);
    return;
  }
  transfer.from = order[rank];
  queue_.plan(std::max(at, now()) + options_.costs.round_trip_s,
              {.step = Step::kServe, .number = number});
}

void Fleet::serve(uint32_t number) {
  const Transfer transfer = transfers_[number];
  Node& from = *nodes_[transfer.from];
  compute(from, now(), options_.costs.ask_s);
  const cache::Hints hints{.stream = transfer.stream};
  if (from.cache.in_memory(transfer.key, hints, now())) {
    send(number, now());
    return;
  }
  obtain(transfer.from, transfer.key, transfer.size_bytes, transfer.stream,
         {.is_read = false, .number = number});
}

void Fleet::send(uint32_t number, double at) {
  const Transfer& transfer = transfers_[number];
  Node& from = *nodes_[transfer.from];
  const double bytes = transfer.size_bytes;
  at = compute(from, at, bytes * options_.costs.memory_s_per_byte);
  const double sent = from.out.pass(at, bytes);
  const double received = nodes_[transfer.to]->in.pass(at, bytes);
  queue_.plan(std::max(sent, received) + options_.costs.round_trip_s / 2,
              {.step = Step::kArrived, .number = number});
}

void Fleet::arrived(uint32_t number) {
  const Transfer transfer = transfers_[number];
  free_transfers_.push_back(number);
  Node& node = *nodes_[transfer.to];
  if (transfer.counted) {
    nodes_[owners(transfer.key)[0]]->hot.done(transfer.key, transfer.size_bytes);
  }
  const Costs& costs = options_.costs;
  const double s_per_byte = transfer.source == Source::kDisk   ? costs.disk_s_per_byte
                            : transfer.source == Source::kHome ? costs.home_s_per_byte
                                                               : costs.peer_s_per_byte;
  const double at = compute(node, now(), transfer.size_bytes * s_per_byte);
  const cache::Hints hints{.stream = transfer.stream};
  node.cache.keep_in_memory(transfer.key, transfer.size_bytes, hints, now());
  if (transfer.source == Source::kHome) node.cache.keep_on_disk(transfer.key, transfer.size_bytes);
  const auto fetch = node.fetches.extract(transfer.key);
  for (const Waiter waiter : fetch.mapped().waiters) {
    if (waiter.is_read) {
      finish(waiter.number, at, transfer.source);
    } else {
      send(waiter.number, at);
    }
  }
}

void Fleet::finish(uint32_t number, double at, Source source) {
  const Read& read = reads_[number];
  Node& node = *nodes_[read.node];
  ++counts_.reads[static_cast<size_t>(source)];
  counts_.bytes[static_cast<size_t>(source)] += read.size_bytes;
  at = compute(node, at, read.size_bytes * options_.costs.memory_s_per_byte);
  if (options_.clients_outside) at = node.out.pass(at, read.size_bytes);
  queue_.plan(at, {.step = Step::kDone, .number = number});
}

uint32_t Fleet::new_transfer(const Transfer& transfer) {
  if (free_transfers_.empty()) {
    free_transfers_.push_back(static_cast<uint32_t>(transfers_.size()));
    transfers_.emplace_back();
  }
  const uint32_t number = free_transfers_.back();
  free_transfers_.pop_back();
  transfers_[number] = transfer;
  return number;
}

FleetCounts Fleet::counts(double length_s) const {
  FleetCounts counts = counts_;
  for (const auto& node : nodes_) {
    const double cpu = node->cpu.share_used(length_s), sent = node->out.share_used(length_s);
    counts.cpu_share_mean += cpu / static_cast<double>(nodes_.size());
    counts.sent_share_mean += sent / static_cast<double>(nodes_.size());
    counts.cpu_share_most = std::max(counts.cpu_share_most, cpu);
    counts.sent_share_most = std::max(counts.sent_share_most, sent);
  }
  counts.home_share = home_.share_used(length_s);
  return counts;
}

}  // namespace cairn::sim
