// Property: copies are equal and store nothing new; damage anywhere below is found by a scrub under
// the object's name and is never served.
// Method: both backends for copies; a decorator store and direct row edits that flip bytes.
#include <gmock/gmock.h>

#include "object/keys.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

class Copying : public testing::TestWithParam<Backends> {};

TEST_P(Copying, CopiesShareTheirSourcesChunks) {
  Harness harness(GetParam());
  for (const size_t size : {size_t{100}, size_t{3 * MiB}}) {
    const Bytes bytes = random_bytes(size, size);
    ASSERT_TRUE(harness.put("source", bytes).has_value());
    const uint64_t chunks = harness.stored_chunks();
    const ObjectInfo source = *harness.head("source");
    PutOptions options;
    options.metadata.content_type = "new/type";
    const auto copied = harness.run(
        harness.objects->copy(harness.bucket, source, harness.bucket, "target", options));
    ASSERT_TRUE(copied.has_value()) << copied.error().message;
    EXPECT_EQ(copied->etag, source.etag);
    EXPECT_EQ(harness.stored_chunks(), chunks);
    ASSERT_TRUE(harness.remove("source").has_value());
    harness.collect();
    EXPECT_EQ(*harness.get("target"), bytes);
    EXPECT_EQ(harness.head("target")->metadata.content_type, "new/type");
    // Onto itself, with another checksum: by reading.
    PutOptions other;
    other.digests = {DigestKind::kSha1};
    const auto again = harness.run(harness.objects->copy(harness.bucket, *harness.head("target"),
                                                         harness.bucket, "target", other));
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(again->checksum->value, crypto::digest_of(DigestKind::kSha1, bytes));
    EXPECT_EQ(*harness.get("target"), bytes);
    ASSERT_TRUE(harness.remove("target").has_value());
    harness.collect();
    EXPECT_EQ(harness.stored_chunks(), 0);
  }
}

TEST_P(Copying, AChangedSourceIsRefused) {
  Harness harness(GetParam());
  ASSERT_TRUE(harness.put("source", as_bytes("one")).has_value());
  const ObjectInfo source = *harness.head("source");
  ASSERT_TRUE(harness.put("source", as_bytes("two")).has_value());
  const auto copied =
      harness.run(harness.objects->copy(harness.bucket, source, harness.bucket, "t", {}));
  EXPECT_EQ(copied.error().code, Code::kFailedPrecondition);
}

INSTANTIATE_TEST_SUITE_P(Backends, Copying, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

// Flips one byte of every row whose key has the prefix.
io::Task<Result<size_t>> flip_rows(catalog::Catalog& catalog, std::string prefix, size_t from_end) {
  catalog::ScanRequest request;
  request.begin = prefix;
  request.end = catalog::prefix_end(prefix);
  const catalog::ScanPage page = co_await io::or_return(catalog.scan(std::move(request)));
  catalog::Batch batch;
  for (const catalog::Entry& row : page.entries) {
    std::string value = row.value;
    value[value.size() - from_end] = static_cast<char>(value[value.size() - from_end] ^ 1);
    batch.puts.push_back({row.key, std::move(value)});
  }
  const size_t count = batch.puts.size();
  co_await io::or_return(catalog.commit(std::move(batch)));
  co_return count;
}

// Puts a chunk back with one byte of its payload changed.
io::Task<Status> flip_chunk(storage::ChunkStore& store) {
  const std::vector<storage::ChunkStat> chunks = co_await io::or_return(store.list({}, 10));
  const crypto::ChunkId id = chunks.front().id;
  storage::SealedRead read =
      co_await io::or_return(store.read(id, ByteRange{0, chunks.front().payload_bytes}));
  read.payload.data()[read.payload.size() / 2] ^= 1;
  auto& memory = static_cast<storage::MemoryStore&>(store);
  memory.set_references(nullptr);
  co_await io::or_return(store.unlink(id, {}));
  storage::SealedChunk chunk;
  chunk.header = read.header;
  chunk.payload = std::move(read.payload);
  co_return co_await store.put(id, std::move(chunk), {});
}

TEST(Scrub, ASoundStoreHasNoDamage) {
  Harness harness;
  ASSERT_TRUE(harness.put("small", random_bytes(1, 100)).has_value());
  ASSERT_TRUE(harness.put("large", random_bytes(2, 9 * MiB)).has_value());
  const auto report = harness.run(harness.objects->scrub());
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->objects_count, 2);
  EXPECT_EQ(report->chunks_count, harness.stored_chunks());
  EXPECT_TRUE(report->damaged.empty());
}

TEST(Scrub, AFlippedByteOfAChunkIsNamedAndNotServed) {
  Harness harness;
  ASSERT_TRUE(harness.put("good", random_bytes(1, 100)).has_value());
  const Bytes bytes = random_bytes(2, 700000);
  ASSERT_TRUE(harness.put("rotten", bytes).has_value());
  ASSERT_TRUE(harness.run(flip_chunk(*harness.store)).has_value());
  EXPECT_EQ(harness.get("rotten").error().code, Code::kCorruption);
  // Frames that are sound are still served.
  EXPECT_TRUE(harness.get("rotten", ByteRange{0, 1000}).has_value());
  const auto report = harness.run(harness.objects->scrub());
  ASSERT_TRUE(report.has_value());
  ASSERT_EQ(report->damaged.size(), 1);
  EXPECT_EQ(report->damaged[0].bucket, "bucket");
  EXPECT_EQ(report->damaged[0].key, "rotten");
}

TEST(Scrub, AFlippedByteOfARowIsNamedAndNotServed) {
  for (const bool body : {false, true}) {
    for (const size_t size : {size_t{100}, size_t{100000}}) {
      Harness harness;
      ASSERT_TRUE(harness.put("rotten", random_bytes(2, size)).has_value());
      harness.reopen();
      const std::string prefix = body ? "i/" : keys::objects(harness.bucket.id);
      const auto flipped = harness.run(flip_rows(*harness.catalog, prefix, 3));
      ASSERT_EQ(*flipped, 1);
      EXPECT_EQ(harness.get("rotten").error().code, Code::kCorruption);
      const auto report = harness.run(harness.objects->scrub());
      ASSERT_TRUE(report.has_value()) << report.error().message;
      ASSERT_EQ(report->damaged.size(), 1);
      EXPECT_EQ(report->damaged[0].key, "rotten");
    }
  }
}

}  // namespace
}  // namespace cairn::object
