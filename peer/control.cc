#include "peer/control.h"

#include <algorithm>

#include "base/assert.h"
#include "proto/peer.pb.h"

namespace cairn::peer {
namespace {

using storage::ChunkId;

template <typename Message>
std::optional<Message> parse(std::string_view body) {
  Message message;
  if (body.size() > kControlBytesMax ||
      !message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return std::nullopt;
  }
  return message;
}

io::Task<void> reply(http::Exchange& exchange, int status, std::string body) {
  http::ResponseHead head(status);
  if (!body.empty()) head.add("Content-Type", "application/x-protobuf");
  static_cast<void>(co_await exchange.respond(head, std::string_view(body)));
}

// The whole body; nullopt when it is too large or does not come.
io::Task<std::optional<std::string>> receive_body(http::Exchange& exchange) {
  std::string body(kControlBytesMax + 1, '\0');
  size_t filled = 0;
  while (filled < body.size()) {
    const MutableBytes rest(reinterpret_cast<uint8_t*>(body.data()) + filled, body.size() - filled);
    const Result<size_t> got = co_await exchange.receive_body(rest);
    if (!got) co_return std::nullopt;
    if (*got == 0) break;
    filled += *got;
  }
  if (filled > kControlBytesMax) co_return std::nullopt;
  body.resize(filled);
  co_return body;
}

}  // namespace

std::string encode_chunks(std::span<const ChunkId> ids) {
  ASSERT(ids.size() <= kChunksPerQuestionMax);
  proto::peer::Chunks message;
  for (const ChunkId& id : ids) message.add_ids(id.bytes.data(), id.bytes.size());
  return message.SerializeAsString();
}

std::optional<std::vector<ChunkId>> decode_chunks(std::string_view body) {
  const auto message = parse<proto::peer::Chunks>(body);
  if (!message || message->ids_size() > static_cast<int>(kChunksPerQuestionMax)) {
    return std::nullopt;
  }
  std::vector<ChunkId> ids;
  for (const std::string& each : message->ids()) {
    ChunkId id;
    if (each.size() != id.bytes.size()) return std::nullopt;
    std::ranges::copy(each, id.bytes.begin());
    ids.push_back(id);
  }
  return ids;
}

std::string encode_holdings(std::span<const Holding> holdings) {
  proto::peer::Holdings message;
  for (const Holding& each : holdings) {
    proto::peer::Holding& of = *message.add_of();
    of.set_kept_bytes(each.kept_bytes);
    of.set_ram_bytes(each.ram_bytes);
    of.set_disk_bytes(each.disk_bytes);
    of.set_pinned_bytes(each.pinned_bytes);
  }
  return message.SerializeAsString();
}

std::optional<std::vector<Holding>> decode_holdings(std::string_view body, size_t count) {
  const auto message = parse<proto::peer::Holdings>(body);
  if (!message || message->of_size() != static_cast<int>(count)) return std::nullopt;
  std::vector<Holding> holdings;
  for (const proto::peer::Holding& of : message->of()) {
    holdings.push_back({.kept_bytes = of.kept_bytes(),
                        .ram_bytes = of.ram_bytes(),
                        .disk_bytes = of.disk_bytes(),
                        .pinned_bytes = of.pinned_bytes()});
  }
  return holdings;
}

std::string encode_dropped(uint64_t chunks_count) {
  proto::peer::Dropped message;
  message.set_chunks_count(chunks_count);
  return message.SerializeAsString();
}

std::optional<uint64_t> decode_dropped(std::string_view body) {
  const auto message = parse<proto::peer::Dropped>(body);
  if (!message || message->chunks_count() > kChunksPerQuestionMax) return std::nullopt;
  return message->chunks_count();
}

std::string encode_stats(const NodeStats& stats) {
  proto::peer::NodeStats message;
  message.set_hits(stats.hits);
  message.set_misses(stats.misses);
  message.set_asked(stats.asked);
  message.set_answered(stats.answered);
  message.set_home_reads(stats.home_reads);
  message.set_hedged(stats.hedged);
  message.set_served(stats.served);
  message.set_served_bytes(stats.served_bytes);
  message.set_kept_bytes(stats.kept_bytes);
  message.set_kept_capacity_bytes(stats.kept_capacity_bytes);
  message.set_kept_pinned_bytes(stats.kept_pinned_bytes);
  message.set_ram_bytes(stats.ram_bytes);
  message.set_ram_capacity_bytes(stats.ram_capacity_bytes);
  message.set_disk_bytes(stats.disk_bytes);
  message.set_disk_capacity_bytes(stats.disk_capacity_bytes);
  message.set_disk_hit_bytes(stats.disk_hit_bytes);
  message.set_disk_miss_bytes(stats.disk_miss_bytes);
  return message.SerializeAsString();
}

std::optional<NodeStats> decode_stats(std::string_view body) {
  const auto message = parse<proto::peer::NodeStats>(body);
  if (!message) return std::nullopt;
  return NodeStats{.hits = message->hits(),
                   .misses = message->misses(),
                   .asked = message->asked(),
                   .answered = message->answered(),
                   .home_reads = message->home_reads(),
                   .hedged = message->hedged(),
                   .served = message->served(),
                   .served_bytes = message->served_bytes(),
                   .kept_bytes = message->kept_bytes(),
                   .kept_capacity_bytes = message->kept_capacity_bytes(),
                   .kept_pinned_bytes = message->kept_pinned_bytes(),
                   .ram_bytes = message->ram_bytes(),
                   .ram_capacity_bytes = message->ram_capacity_bytes(),
                   .disk_bytes = message->disk_bytes(),
                   .disk_capacity_bytes = message->disk_capacity_bytes(),
                   .disk_hit_bytes = message->disk_hit_bytes(),
                   .disk_miss_bytes = message->disk_miss_bytes()};
}

bool is_control_path(std::string_view path) {
  return path == kLookupPath || path == kDropPath || path == kStatsPath;
}

io::Task<void> answer_control(http::Exchange& exchange, Inventory& inventory, Counters& counters) {
  const http::RequestHead& head = exchange.head();
  const bool is_stats = head.path == kStatsPath;
  const bool is_drop = head.path == kDropPath;
  if (head.method != (is_stats ? "GET" : "POST")) {
    Counters::add(counters.refused);
    co_await reply(exchange, 405, {});
    co_return;
  }
  if (is_stats) {
    co_await reply(exchange, 200, encode_stats(inventory.stats()));
    co_return;
  }
  static_cast<void>(co_await exchange.send_continue());
  const std::optional<std::string> body = co_await receive_body(exchange);
  const auto ids = body ? decode_chunks(*body) : std::nullopt;
  if (!ids) {
    Counters::add(counters.refused);
    co_await reply(exchange, 400, {});
    co_return;
  }
  std::vector<Holding> holdings;
  uint64_t dropped_count = 0;
  for (const ChunkId& id : *ids) {
    if (is_drop) {
      dropped_count += inventory.forget(id) ? 1 : 0;
    } else {
      holdings.push_back(inventory.holding(id));
    }
  }
  co_await reply(exchange, 200,
                 is_drop ? encode_dropped(dropped_count) : encode_holdings(holdings));
}

}  // namespace cairn::peer
