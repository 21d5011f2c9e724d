#include "server/cluster_admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "base/log.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/sync.h"
#include "peer/everyone.h"
#include "s3/uri.h"
#include "server/cluster_lookup.h"
#include "server/json_text.h"

namespace cairn::server {
namespace {

constexpr size_t kKeysPerPage = 1000;
// Blocks that owners are asked to fetch at a time.
constexpr size_t kWarmingMax = 16;

void append_member(std::string& out, const cluster::Member& member) {
  fmt::format_to(std::back_inserter(out),
                 "{{\"name\":{},\"state\":\"{}\",\"address\":{},\"zone\":{},\"version\":{},"
                 "\"capacity\":{},\"started_ms\":{}}}",
                 json_text(member.name), member.is_draining ? "draining" : "up",
                 json_text(member.address), json_text(member.zone), json_text(member.version),
                 member.capacity_bytes, member.started_ms);
}

std::string stats_text(const peer::NodeStats& of) {
  return fmt::format(
      "{{\"hits\":{},\"misses\":{},\"asked\":{},\"answered\":{},\"home_reads\":{},\"hedged\":{},"
      "\"served\":{},\"served_bytes\":{},\"kept_bytes\":{},\"kept_capacity\":{},"
      "\"kept_pinned\":{},\"ram_bytes\":{},\"ram_capacity\":{},\"disk_bytes\":{},"
      "\"disk_capacity\":{},\"disk_hit_bytes\":{},\"disk_miss_bytes\":{}}}",
      of.hits, of.misses, of.asked, of.answered, of.home_reads, of.hedged, of.served,
      of.served_bytes, of.kept_bytes, of.kept_capacity_bytes, of.kept_pinned_bytes, of.ram_bytes,
      of.ram_capacity_bytes, of.disk_bytes, of.disk_capacity_bytes, of.disk_hit_bytes,
      of.disk_miss_bytes);
}

// What each node says of its caches, by its name; "error" of one that does not answer.
io::Task<std::string> all_stats_text(Cluster& cluster) {
  std::string out = "{";
  if (cluster.inventory() == nullptr) co_return "{}";
  out += json_text(cluster.reading().name) + ":" + stats_text(cluster.inventory()->stats());
  const peer::AllTold<peer::NodeStats> told = co_await peer::stats_of_all(*cluster.tier());
  for (const peer::NodeTold<peer::NodeStats>& each : told) {
    out += "," + json_text(each.node) + ":";
    out += each.answer ? stats_text(*each.answer)
                       : "{\"error\":" + json_text(each.answer.error().message) + "}";
  }
  co_return out + "}";
}

std::string status_text(const ClusterReading& reading, const std::string& stats) {
  std::string out =
      fmt::format("{{\"name\":{},\"registered\":{},\"registrations\":{},\"error\":{},\"members\":[",
                  json_text(reading.name), reading.members.is_registered,
                  reading.members.registrations_count, json_text(reading.members.last_error));
  for (const cluster::Member& member : reading.members.members) {
    if (!out.ends_with('[')) out += ',';
    append_member(out, member);
  }
  out += ']';
  if (reading.counters != nullptr) {
    const peer::Counters& of = *reading.counters;
    fmt::format_to(
        std::back_inserter(out),
        ",\"peers\":{{\"asked\":{},\"answered\":{},\"answered_bytes\":{},\"unanswered\":{},"
        "\"wrong\":{},\"hedged\":{},\"passed_by\":{},\"served\":{},\"served_bytes\":{},"
        "\"kept_bytes\":{},\"kept_capacity\":{},\"kept_pinned\":{}}}",
        of.asked.load(), of.answered.load(), of.answered_bytes.load(), of.unanswered.load(),
        of.wrong.load(), of.hedged.load(), of.passed_by.load(), of.served.load(),
        of.served_bytes.load(), reading.kept.used_bytes, reading.kept.capacity_bytes,
        reading.kept.pinned_bytes);
  }
  return out + ",\"stats\":" + stats + "}\n";
}

// Objects whose chunks their owners fetch.
struct Warming {
  peer::PeerTier& tier;
  object::Objects& objects;
  object::BucketInfo bucket;
  std::string prefix;
  bool pin = false;
  uint64_t objects_count = 0;
  uint64_t blocks_count = 0;
  uint64_t size_bytes = 0;
  uint64_t failed_count = 0;
  uint64_t missing_count = 0;
  io::Semaphore turns{kWarmingMax};
  io::Scope scope = {};
};

io::Task<void> warm_block(Warming& warming, storage::ChunkId chunk, ByteRange range) {
  const Status warmed = co_await warming.tier.warm(chunk, range, warming.pin);
  if (!warmed) ++warming.failed_count;
  warming.turns.release();
}

io::Task<void> warm_object(Warming& warming, std::string key) {
  Result<std::unique_ptr<object::ObjectReader>> reader =
      co_await warming.objects.open(warming.bucket, std::move(key), {});
  if (!reader) {
    // Gone since it was listed, or not to be read without its key.
    ++warming.missing_count;
    co_return;
  }
  const uint64_t size_bytes = (*reader)->info().size_bytes;
  ++warming.objects_count;
  warming.size_bytes += size_bytes;
  if (size_bytes == 0) co_return;
  for (const object::ChunkSpan& span : (*reader)->chunk_spans({0, size_bytes})) {
    const uint64_t end = span.range.offset_bytes + span.range.size_bytes;
    for (uint64_t at = span.range.offset_bytes; at < end;) {
      // Blocks as readers ask for them.
      const uint64_t next = std::min(end, (at / cache::kBlockBytes + 1) * cache::kBlockBytes);
      co_await warming.turns.acquire();
      ++warming.blocks_count;
      warming.scope.spawn(warm_block(warming, span.chunk, {at, next - at}));
      at = next;
    }
  }
}

io::Task<Status> warm_all(Warming& warming) {
  std::string start_after;
  for (bool more = true; more;) {
    object::ListRequest request{.prefix = warming.prefix,
                                .delimiter = {},
                                .start_after = start_after,
                                .limit = kKeysPerPage};
    object::ListPage page =
        co_await io::or_return(warming.objects.list(warming.bucket, std::move(request)));
    for (object::ObjectInfo& each : page.objects) {
      co_await warm_object(warming, std::move(each.key));
    }
    more = page.truncated;
    start_after = page.next;
  }
  co_return Status();
}

io::Task<Result<std::string>> warm(Cluster& cluster, object::Objects& objects, std::string bucket,
                                   std::string prefix, bool pin) {
  if (bucket.empty()) {
    co_return fail(Code::kInvalidArgument, "bucket: name one, as in s3://BUCKET/PREFIX");
  }
  if (cluster.tier() == nullptr) {
    co_return fail(Code::kFailedPrecondition,
                   "this node has no peers: start it with peer-listen and certificates");
  }
  Warming warming{.tier = *cluster.tier(),
                  .objects = objects,
                  .bucket = co_await io::or_return(objects.find_bucket(std::move(bucket))),
                  .prefix = std::move(prefix),
                  .pin = pin};
  const Status walked = co_await warm_all(warming);
  co_await warming.scope.join();
  if (!walked) co_return std::unexpected(walked.error());
  if (warming.objects_count == 0) {
    co_return fail(Code::kNotFound, "no object of the bucket begins with that prefix");
  }
  co_return fmt::format(
      "{{\"objects\":{},\"skipped\":{},\"bytes\":{},\"blocks\":{},\"failed\":{},\"pinned\":{}}}\n",
      warming.objects_count, warming.missing_count, warming.size_bytes, warming.blocks_count,
      warming.failed_count, pin);
}

}  // namespace

io::Task<Result<std::string>> run_cluster_command(Cluster* cluster, object::Objects& objects,
                                                  std::string name, std::string query) {
  if (cluster == nullptr) {
    co_return fail(Code::kFailedPrecondition,
                   "this server is in no cluster: start it with --join etcd://...");
  }
  if (name == kClusterStatusCommand) {
    const std::string stats = co_await all_stats_text(*cluster);
    co_return status_text(cluster->reading(), stats);
  }
  const s3::S3Result<s3::Query> parsed = s3::parse_query(query);
  if (!parsed) co_return fail(Code::kInvalidArgument, "the parameters do not parse");
  const auto parameter = [&parsed](std::string_view of) {
    return std::string(parsed->find(of).value_or(""));
  };
  if (name == "cluster-drain" || name == "cluster-undrain") {
    const std::string node = parameter("name");
    const bool draining = name == "cluster-drain";
    co_await io::or_return(cluster->set_draining(node, draining));
    log::info("cluster_draining_asked", {{"name", std::string_view(node)}, {"drain", draining}});
    co_return fmt::format("{{\"name\":{},\"state\":\"{}\"}}\n", json_text(node),
                          draining ? "draining" : "up");
  }
  if (name == kClusterLookupCommand) {
    co_return co_await look_up(*cluster, objects, parameter("bucket"), parameter("prefix"));
  }
  if (name == "cluster-warm" || name == "cluster-pin") {
    co_return co_await warm(*cluster, objects, parameter("bucket"), parameter("prefix"),
                            name == "cluster-pin");
  }
  co_return fail(Code::kNotFound, "there is no such command");
}

}  // namespace cairn::server
