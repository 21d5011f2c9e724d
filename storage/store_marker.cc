#include "storage/store_marker.h"

#include "base/encoding.h"
#include "base/log.h"
#include "base/random.h"
#include "io/reactor.h"
#include "storage/log_format.h"

namespace cairn::storage {
namespace {

constexpr const char* kMarkerName = "FORMAT";
// How long a marker that was written without a condition is left alone before it is believed:
// longer than another server takes from seeing that there is none to having written its own.
constexpr Duration kUnheededPause = seconds(10);

// What a person can do about an upstream that cannot be used.
Error explain(const UpstreamPlace& place, const transfer::Failure& failure) {
  const std::string where =
      "the S3 home s3:" + place.bucket + "/" + place.prefix + " (" +
      (place.client.endpoint.empty() ? std::string("Amazon") : place.client.endpoint) + ")";
  if (failure.code == "NoSuchBucket") {
    return {Code::kNotFound, where + " has no such bucket: create it there first"};
  }
  if (failure.status == 403 || failure.status == 401) {
    return {Code::kPermissionDenied,
            where +
                " refuses the keys: check the home's access key and secret key, and that they "
                "may list, read, write and delete there: " +
                failure.error.message};
  }
  return {Code::kUnavailable, where + " cannot be used: " + failure.error.message};
}

Status check_marker(const UpstreamPlace& place, BytesView bytes, const RandomId& store_id,
                    BucketLayout layout) {
  const Result<VolumeFormat> format = decode_bucket_format(bytes);
  if (!format) return std::unexpected(format.error().with_context(place.prefix + kMarkerName));
  const std::string where = "s3:" + place.bucket + "/" + place.prefix;
  if (format->has_chunk_objects && layout == BucketLayout::kPacks) {
    return fail(Code::kFailedPrecondition,
                where +
                    " is the home of a cluster: start this node with the --catalog or --join of "
                    "that cluster, or give it a bucket or prefix of its own");
  }
  if (!format->has_chunk_objects && layout == BucketLayout::kChunkObjects) {
    return fail(Code::kFailedPrecondition,
                where +
                    " is the home of a single server, which keeps packs there: give the cluster a "
                    "bucket or prefix of its own, or start without --catalog and --join");
  }
  if (format->store_id == store_id) return {};
  if (layout == BucketLayout::kChunkObjects) {
    return fail(Code::kFailedPrecondition,
                where +
                    " is the home of another cluster: check the URL of the catalog, or give each "
                    "cluster its own bucket or prefix");
  }
  return fail(Code::kFailedPrecondition,
              where + " is the home of another data directory: give each its own bucket or prefix");
}

// Whether the upstream heeds If-None-Match: of two writes of one name it has to refuse the second.
io::Task<transfer::S3Result<bool>> heeds_conditions(Upstream& upstream) {
  uint8_t random[8];
  system_random().fill(random);
  const std::string name = std::string(kMarkerName) + ".probe-" + to_hex(random);
  const BytesView bytes = as_bytes("probe\n");
  const transfer::S3Status first = co_await upstream.put_small(name, bytes, true);
  if (!first && first.error().status == 501) co_return false;
  if (!first) co_return std::unexpected(first.error());
  const transfer::S3Status second = co_await upstream.put_small(name, bytes, true);
  // It is in nobody's way if it stays.
  static_cast<void>(co_await upstream.remove(name));
  if (second) co_return false;
  if (second.error().status != 412) co_return std::unexpected(second.error());
  co_return true;
}

// Writes the marker where there is none. Where nothing makes the upstream refuse the later one of
// two servers that begin at once, the later marker stays, and both take it after a pause.
io::Task<transfer::S3Status> write_marker(Upstream& upstream, const UpstreamPlace& place,
                                          BytesView block) {
  const bool heeded = co_await transfer::or_fail(heeds_conditions(upstream));
  if (heeded) {
    transfer::S3Status made = co_await upstream.put_small(kMarkerName, block, true);
    if (!made && made.error().status == 412) co_return transfer::S3Status();
    co_return made;
  }
  log::warning("storage.upstream_without_conditions",
               {{"bucket", std::string_view(place.bucket)},
                {"message", "it does not heed If-None-Match: the store is made with a pause"}});
  const transfer::S3Result<Bytes> found = co_await upstream.fetch_small(kMarkerName);
  if (!found) co_await transfer::or_fail(upstream.put_small(kMarkerName, block, false));
  static_cast<void>(co_await io::sleep_for(kUnheededPause));
  co_return transfer::S3Status();
}

// The marker as it is there, or as it is made for `store_id` where there is none.
io::Task<Result<Bytes>> find_marker(Upstream& upstream, const UpstreamPlace& place,
                                    RandomId store_id, BucketLayout layout, bool create) {
  transfer::S3Result<Bytes> found = co_await upstream.fetch_small(kMarkerName);
  if (!found && found.error().status == 404 && found.error().code != "NoSuchBucket") {
    if (!create) {
      co_return fail(Code::kNotFound,
                     "s3:" + place.bucket + "/" + place.prefix + kMarkerName +
                         " is missing, and this data directory has its chunks there: check bucket, "
                         "prefix and endpoint of the home");
    }
    Bytes block(kBlockBytes);
    encode(VolumeFormat{.store_id = store_id,
                        .volume_id = store_id,
                        .volumes_count = 1,
                        .has_chunk_objects = layout == BucketLayout::kChunkObjects},
           block);
    const transfer::S3Status made = co_await write_marker(upstream, place, block);
    if (!made) co_return std::unexpected(explain(place, made.error()));
    found = co_await upstream.fetch_small(kMarkerName);
  }
  if (!found) co_return std::unexpected(explain(place, found.error()));
  co_return std::move(*found);
}

}  // namespace

io::Task<Status> settle_marker(Upstream& upstream, const UpstreamPlace& place, RandomId store_id,
                               BucketLayout layout, bool create) {
  const Bytes found =
      co_await io::or_return(find_marker(upstream, place, store_id, layout, create));
  co_return check_marker(place, found, store_id, layout);
}

io::Task<Result<RandomId>> adopt_marker(Upstream& upstream, const UpstreamPlace& place,
                                        RandomId store_id, bool create) {
  const Bytes found = co_await io::or_return(
      find_marker(upstream, place, store_id, BucketLayout::kChunkObjects, create));
  const Result<VolumeFormat> format = decode_bucket_format(found);
  if (!format) co_return std::unexpected(format.error().with_context(place.prefix + kMarkerName));
  co_await io::or_return(check_marker(place, found, format->store_id, BucketLayout::kChunkObjects));
  co_return format->store_id;
}

}  // namespace cairn::storage
