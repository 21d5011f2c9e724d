#include "server/cluster_lookup.h"

#include <fmt/format.h>

#include <map>
#include <utility>
#include <vector>

#include "peer/everyone.h"
#include "server/json_text.h"

namespace cairn::server {
namespace {

constexpr size_t kKeysPerPage = 1000;

// What one node has of the chunks that were asked for until now.
struct NodeHolds {
  uint64_t chunks_count = 0;
  peer::Holding sum;
  std::string error;  // It did not answer some question.

  void add(const std::vector<peer::Holding>& holdings) {
    for (const peer::Holding& each : holdings) {
      if (each != peer::Holding()) ++chunks_count;
      sum.kept_bytes += each.kept_bytes;
      sum.ram_bytes += each.ram_bytes;
      sum.disk_bytes += each.disk_bytes;
      sum.pinned_bytes += each.pinned_bytes;
    }
  }
};

struct Lookup {
  Cluster& cluster;
  object::Objects& objects;
  object::BucketInfo bucket;
  uint64_t objects_count = 0;
  uint64_t size_bytes = 0;
  ChunksMet seen{};
  std::vector<storage::ChunkId> next = {};  // Not asked for yet.
  std::map<std::string, NodeHolds> nodes = {};
};

io::Task<void> ask_all(Lookup& lookup) {
  const std::vector<storage::ChunkId> ids = std::exchange(lookup.next, {});
  if (ids.empty()) co_return;
  std::vector<peer::Holding> own;
  for (const storage::ChunkId& id : ids) own.push_back(lookup.cluster.inventory()->holding(id));
  lookup.nodes[lookup.cluster.reading().name].add(own);
  const auto told = co_await peer::look_up_everywhere(*lookup.cluster.tier(), ids);
  for (const auto& each : told) {
    NodeHolds& holds = lookup.nodes[each.node];
    if (each.answer) {
      holds.add(*each.answer);
    } else {
      holds.error = each.answer.error().message;
    }
  }
}

io::Task<Status> take_object(Lookup& lookup, std::string key) {
  const Result<std::unique_ptr<object::ObjectReader>> reader =
      co_await lookup.objects.open(lookup.bucket, std::move(key), {});
  if (!reader) co_return Status();  // Gone since it was listed, or not to be read without its key.
  const uint64_t size_bytes = (*reader)->info().size_bytes;
  ++lookup.objects_count;
  lookup.size_bytes += size_bytes;
  if (size_bytes == 0) co_return Status();
  for (const object::ChunkSpan& span : (*reader)->chunk_spans({0, size_bytes})) {
    const bool is_new = co_await io::or_return(lookup.seen.add(span.chunk));
    if (!is_new) continue;
    lookup.next.push_back(span.chunk);
    if (lookup.next.size() >= peer::kChunksPerQuestionMax) co_await ask_all(lookup);
  }
  co_return Status();
}

std::string text_of(const Lookup& lookup) {
  std::string nodes;
  for (const auto& [name, holds] : lookup.nodes) {
    nodes += (nodes.empty() ? "" : ",") + json_text(name) + ":";
    nodes += holds.error.empty()
                 ? fmt::format("{{\"chunks\":{},\"kept\":{},\"ram\":{},\"disk\":{},\"pinned\":{}}}",
                               holds.chunks_count, holds.sum.kept_bytes, holds.sum.ram_bytes,
                               holds.sum.disk_bytes, holds.sum.pinned_bytes)
                 : "{\"error\":" + json_text(holds.error) + "}";
  }
  return fmt::format("{{\"objects\":{},\"chunks\":{},\"bytes\":{},\"nodes\":{{{}}}}}\n",
                     lookup.objects_count, lookup.seen.size(), lookup.size_bytes, nodes);
}

}  // namespace

Result<bool> ChunksMet::add(const storage::ChunkId& id) {
  if (chunks_.contains(id)) return false;
  if (chunks_.size() >= chunks_max_) {
    return fail(Code::kInvalidArgument,
                "the objects of that prefix have more than " + std::to_string(chunks_max_) +
                    " chunks, which is as many as one look-up counts: give a longer prefix");
  }
  chunks_.insert(id);
  return true;
}

io::Task<Result<std::string>> look_up(Cluster& cluster, object::Objects& objects,
                                      std::string bucket, std::string prefix) {
  if (bucket.empty()) {
    co_return fail(Code::kInvalidArgument, "bucket: name one, as in s3://BUCKET/PREFIX");
  }
  if (cluster.inventory() == nullptr) {
    co_return fail(Code::kFailedPrecondition,
                   "this node has no peers: start it with peer-listen and certificates");
  }
  Lookup lookup{.cluster = cluster,
                .objects = objects,
                .bucket = co_await io::or_return(objects.find_bucket(std::move(bucket)))};
  std::string start_after;
  for (bool more = true; more;) {
    object::ListRequest request{
        .prefix = prefix, .delimiter = {}, .start_after = start_after, .limit = kKeysPerPage};
    object::ListPage page = co_await io::or_return(objects.list(lookup.bucket, std::move(request)));
    for (object::ObjectInfo& each : page.objects) {
      co_await io::or_return(take_object(lookup, std::move(each.key)));
    }
    more = page.truncated;
    start_after = page.next;
  }
  co_await ask_all(lookup);
  if (lookup.objects_count == 0) {
    co_return fail(Code::kNotFound, "no object of the bucket begins with that prefix");
  }
  co_return text_of(lookup);
}

}  // namespace cairn::server
