#include "tests/unit/object/harness.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "catalog/rocksdb_catalog.h"
#include "storage/volume_store.h"

namespace cairn::object {
namespace {

// The first chunks of a pass may wait for readers; two passes see every queue to its end.
constexpr int kCollectPassesMax = 1000;

io::Task<Result<std::unique_ptr<storage::ChunkStore>>> open_volumes(
    storage::VolumeStoreOptions options) {
  std::unique_ptr<storage::VolumeStore> store =
      co_await io::or_return(storage::VolumeStore::open(std::move(options)));
  co_return std::unique_ptr<storage::ChunkStore>(std::move(store));
}

io::Task<Status> close_all(Objects& objects, storage::ChunkStore& store,
                           catalog::Catalog& catalog) {
  co_await io::or_return(objects.close());
  co_await io::or_return(store.close());
  co_return co_await catalog.close();
}

}  // namespace

std::string backends_name(const testing::TestParamInfo<Backends>& info) {
  return info.param == Backends::kMemory ? "Memory" : "Disk";
}

Bytes random_bytes(uint64_t seed, size_t size_bytes) {
  Bytes out(size_bytes);
  SeededRandom(seed).fill(out);
  return out;
}

Harness::Harness(Backends backends, uint64_t seed, storage::Placements placed, io::SimClock* clock)
    : random(seed), placements(std::move(placed)), backends_(backends) {
  io::ReactorOptions options;
  auto made = clock ? io::create_simulated_reactor(*clock) : io::Reactor::create(options);
  EXPECT_TRUE(made.has_value());
  reactor = std::move(*made);
  root_key_ = random_bytes(seed, 32);
  if (backends == Backends::kDisk) {
    char name[] = "/tmp/cairn-object-XXXXXX";
    directory_ = mkdtemp(name);
  } else {
    catalog = catalog::make_memory_catalog();
    references = std::make_unique<CatalogReferences>(*catalog);
    store = std::make_unique<storage::MemoryStore>(references.get());
  }
  open();
  bucket = make_bucket();
}

Harness::~Harness() {
  close();
  store.reset();
  references.reset();
  catalog.reset();
  reactor.reset();
  if (!directory_.empty()) std::filesystem::remove_all(directory_);
}

void Harness::open() {
  if (backends_ == Backends::kDisk) {
    catalog::RocksdbOptions catalog_options;
    catalog_options.ballast_bytes = 0;
    catalog_options.free_bytes_min = 0;
    auto opened = run(catalog::open_rocksdb_catalog(directory_ + "/catalog", catalog_options));
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    catalog = std::move(*opened);
    references = std::make_unique<CatalogReferences>(*catalog);
    storage::VolumeStoreOptions store_options;
    store_options.directories.push_back(directory_ + "/volume");
    store_options.references = references.get();
    store_options.log_file_bytes = 64 * MiB;
    store_options.reserve_bytes = 0;
    auto volumes = run(open_volumes(std::move(store_options)));
    EXPECT_TRUE(volumes.has_value()) << volumes.error().message;
    store = std::move(*volumes);
  }
  keys = std::make_unique<crypto::KeyRing>(crypto::SecretKey(root_key_));
  ObjectsOptions options;
  options.catalog = catalog.get();
  options.store = store.get();
  options.keys = keys.get();
  options.random = &random;
  options.placements = placements;
  auto opened = run(open_objects(options));
  EXPECT_TRUE(opened.has_value()) << opened.error().message;
  objects = std::move(*opened);
}

void Harness::close() {
  if (backends_ == Backends::kDisk) {
    const Status closed = run(close_all(*objects, *store, *catalog));
    EXPECT_TRUE(closed.has_value());
  } else {
    const Status closed = run(objects->close());
    EXPECT_TRUE(closed.has_value());
  }
  objects.reset();
}

void Harness::reopen() {
  close();
  if (backends_ == Backends::kDisk) {
    store.reset();
    references.reset();
    catalog.reset();
  }
  open();
}

BucketInfo Harness::make_bucket(const std::string& name) {
  auto made = run(objects->create_bucket(crypto::kRootTenant, name, {}));
  EXPECT_TRUE(made.has_value()) << made.error().message;
  return *made;
}

io::Task<Result<ObjectInfo>> write_all(std::unique_ptr<ObjectWriter> writer, BytesView bytes,
                                       uint64_t seed, ExpectedBody expected) {
  SeededRandom sizes(seed);
  Status status;
  while (!bytes.empty() && status) {
    Result<MutableBytes> space = co_await writer->next_space();
    if (!space) {
      status = std::unexpected(space.error());
      break;
    }
    size_t taken_bytes = std::min(space->size(), bytes.size());
    if (sizes.below(2) == 0) taken_bytes = 1 + sizes.below(taken_bytes);
    std::copy_n(bytes.begin(), taken_bytes, space->begin());
    status = co_await writer->advance(taken_bytes);
    bytes = bytes.subspan(taken_bytes);
  }
  if (!status) {
    co_await writer->abort();
    co_return std::unexpected(status.error());
  }
  co_return co_await writer->finish(std::move(expected));
}

io::Task<Result<Bytes>> read_range(ObjectReader& reader, ByteRange range) {
  Bytes out;
  co_await io::or_return(reader.start(range));
  while (true) {
    const Buffer piece = co_await io::or_return(reader.next());
    if (piece.empty()) co_return out;
    out.insert(out.end(), piece.data(), piece.data() + piece.size());
  }
}

io::Task<Result<ObjectInfo>> put_object(Objects& objects, BucketInfo bucket, std::string key,
                                        Bytes bytes, PutOptions options, uint64_t seed,
                                        ExpectedBody expected) {
  std::unique_ptr<ObjectWriter> writer =
      co_await io::or_return(objects.put(std::move(bucket), std::move(key), std::move(options)));
  co_return co_await write_all(std::move(writer), bytes, seed, std::move(expected));
}

io::Task<Status> remove_object(Objects& objects, BucketInfo bucket, std::string key,
                               Conditions conditions) {
  RemoveRequest request;
  request.key = std::move(key);
  request.conditions = std::move(conditions);
  co_await io::or_return(objects.remove_one(std::move(bucket), std::move(request)));
  co_return Status{};
}

io::Task<Result<Bytes>> get_object(Objects& objects, BucketInfo bucket, std::string key,
                                   std::optional<ByteRange> range) {
  const std::unique_ptr<ObjectReader> reader =
      co_await io::or_return(objects.open(std::move(bucket), std::move(key), ""));
  const ByteRange all{0, reader->info().size_bytes};
  co_return co_await read_range(*reader, range.value_or(all));
}

Result<ObjectInfo> Harness::put(const std::string& key, BytesView bytes, PutOptions options,
                                ExpectedBody expected) {
  return run(put_object(*objects, bucket, key, Bytes(bytes.begin(), bytes.end()),
                        std::move(options), random.next_u64(), std::move(expected)));
}
Result<Bytes> Harness::get(const std::string& key, std::optional<ByteRange> range) {
  return run(get_object(*objects, bucket, key, range));
}
Result<ObjectInfo> Harness::head(const std::string& key) {
  return run(objects->head(bucket, key, ""));
}
Status Harness::remove(const std::string& key, Conditions conditions) {
  return run(remove_object(*objects, bucket, key, std::move(conditions)));
}
Result<ListPage> Harness::list(ListRequest request) {
  return run(objects->list(bucket, std::move(request)));
}

namespace {

io::Task<Result<PartInfo>> write_part(Objects& objects, BucketInfo bucket, UploadInfo upload,
                                      uint32_t number, Bytes bytes, uint64_t seed) {
  std::unique_ptr<ObjectWriter> writer =
      co_await io::or_return(objects.put_part(bucket, upload, number, {}));
  const ObjectInfo info = co_await io::or_return(write_all(std::move(writer), bytes, seed));
  PartInfo part;
  part.number = number;
  part.size_bytes = info.size_bytes;
  part.etag = info.etag;
  part.checksum = info.checksum;
  co_return part;
}

}  // namespace

Result<PartInfo> Harness::put_part(const UploadInfo& upload, uint32_t number, BytesView bytes) {
  return run(write_part(*objects, bucket, upload, number, Bytes(bytes.begin(), bytes.end()),
                        random.next_u64()));
}

void Harness::collect() {
  for (int pass = 0; pass < kCollectPassesMax; ++pass) {
    const Result<bool> more = run(objects->collect_garbage());
    ASSERT_TRUE(more.has_value()) << more.error().message;
    if (!*more) return;
  }
  FAIL() << "the collector finds no end";
}

uint64_t Harness::stored_chunks() {
  const Result<storage::StoreUsage> usage = run(store->usage());
  EXPECT_TRUE(usage.has_value());
  return usage->chunks_count;
}

}  // namespace cairn::object
