// An object layer over chosen backends, with blocking calls for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/random.h"
#include "catalog/memory_catalog.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/sim_time.h"
#include "object/objects.h"
#include "object/references.h"
#include "storage/memory_store.h"

namespace cairn::object {

enum class Backends { kMemory, kDisk };
std::string backends_name(const testing::TestParamInfo<Backends>& info);

// Bytes that depend on the seed only.
Bytes random_bytes(uint64_t seed, size_t size_bytes);

class Harness {
 public:
  // With a clock, which outlives it, time is virtual: for backends in memory.
  explicit Harness(Backends backends = Backends::kMemory, uint64_t seed = 1,
                   storage::Placements placed = {}, io::SimClock* clock = nullptr);
  ~Harness();

  template <typename T>
  T run(io::Task<T> task) {
    return reactor->run(std::move(task));
  }

  // Closes and opens everything again over the same data (backends on disk only lose their memory).
  void reopen();

  BucketInfo make_bucket(const std::string& name = "bucket");
  Result<ObjectInfo> put(const std::string& key, BytesView bytes, PutOptions options = {},
                         ExpectedBody expected = {});
  Result<Bytes> get(const std::string& key, std::optional<ByteRange> range = std::nullopt);
  Result<ObjectInfo> head(const std::string& key);
  Status remove(const std::string& key, Conditions conditions = {});
  Result<ListPage> list(ListRequest request);
  Result<PartInfo> put_part(const UploadInfo& upload, uint32_t number, BytesView bytes);
  void collect();
  uint64_t stored_chunks();

  std::unique_ptr<io::Reactor> reactor;
  SeededRandom random;
  std::unique_ptr<catalog::Catalog> catalog;
  std::unique_ptr<storage::ChunkStore> store;
  std::unique_ptr<CatalogReferences> references;
  std::unique_ptr<crypto::KeyRing> keys;
  std::unique_ptr<Objects> objects;
  BucketInfo bucket;
  storage::Placements placements;  // Given to Objects when they are opened.

 private:
  void open();
  void close();
  const Backends backends_;
  std::string directory_;
  Bytes root_key_;
};

// Feeds `bytes` in pieces of random sizes and finishes.
io::Task<Result<ObjectInfo>> write_all(std::unique_ptr<ObjectWriter> writer, BytesView bytes,
                                       uint64_t seed, ExpectedBody expected = {});
io::Task<Result<Bytes>> read_range(ObjectReader& reader, ByteRange range);
io::Task<Result<ObjectInfo>> put_object(Objects& objects, BucketInfo bucket, std::string key,
                                        Bytes bytes, PutOptions options, uint64_t seed,
                                        ExpectedBody expected = {});
// The current object, or nothing.
io::Task<Status> remove_object(Objects& objects, BucketInfo bucket, std::string key,
                               Conditions conditions = {});
io::Task<Result<Bytes>> get_object(Objects& objects, BucketInfo bucket, std::string key,
                                   std::optional<ByteRange> range);

}  // namespace cairn::object
