// Property: what was put comes back byte-equal, whole and by range, with the digests of an
// independent computation, whatever its size and however it was fed.
// Method: sizes at every boundary of the pipeline, random fill sizes, both backends.
#include <gmock/gmock.h>

#include "base/encoding.h"
#include "object/limits.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

class PutGet : public testing::TestWithParam<Backends> {};

std::string etag_of(BytesView bytes) {
  return to_hex(crypto::digest_of(DigestKind::kMd5, bytes).view());
}

TEST_P(PutGet, BytesComeBackAtEveryBoundarySize) {
  Harness harness(GetParam());
  std::vector<uint64_t> sizes = {0, 1};
  for (const uint64_t edge : {16 * KiB, 64 * KiB, 1 * MiB, 8 * MiB}) {
    for (const uint64_t size : {edge - 1, edge, edge + 1}) sizes.push_back(size);
  }
  for (const uint64_t size : sizes) {
    for (const bool known : {false, true}) {
      // One of the two for the large ones: they cost most of the time.
      if (size > 2 * MiB && known != (size % 2 == 0)) continue;
      const Bytes bytes = random_bytes(size, size);
      PutOptions options;
      if (known) options.size_bytes = size;
      const std::string key = "size-" + std::to_string(size);
      const auto info = harness.put(key, bytes, options);
      ASSERT_TRUE(info.has_value()) << size << ": " << info.error().message;
      EXPECT_EQ(info->etag, etag_of(bytes)) << size;
      EXPECT_EQ(info->checksum->value, crypto::digest_of(DigestKind::kCrc64Nvme, bytes)) << size;
      const auto back = harness.get(key);
      ASSERT_TRUE(back.has_value()) << size << ": " << back.error().message;
      EXPECT_TRUE(*back == bytes) << size;
      EXPECT_EQ(harness.head(key)->size_bytes, size);
    }
  }
}

TEST_P(PutGet, LargeBodiesComeBackAndRangesAreTheirSlices) {
  Harness harness(GetParam());
  const size_t size = 25 * 1000 * 1000;
  const Bytes bytes = random_bytes(7, size);
  ASSERT_TRUE(harness.put("large", bytes).has_value());
  const auto back = harness.get("large");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_TRUE(*back == bytes);
  SeededRandom random(3);
  for (int i = 0; i < 60; ++i) {
    const uint64_t offset = random.below(size);
    const uint64_t limit = i % 2 == 0 ? size - offset : std::min<uint64_t>(size - offset, 100000);
    const ByteRange range{offset, random.below(limit + 1)};
    const auto slice = harness.get("large", range);
    ASSERT_TRUE(slice.has_value()) << slice.error().message;
    const auto begin = bytes.begin() + static_cast<ptrdiff_t>(offset);
    ASSERT_TRUE(std::equal(slice->begin(), slice->end(), begin,
                           begin + static_cast<ptrdiff_t>(range.size_bytes)))
        << offset << "+" << range.size_bytes;
  }
  EXPECT_EQ(harness.get("large", ByteRange{size - 1, 2}).error().code, Code::kOutOfRange);
}

TEST_P(PutGet, SurvivesReopening) {
  Harness harness(GetParam());
  const Bytes small = random_bytes(1, 4096);
  const Bytes large = random_bytes(2, 5 * MiB);
  ASSERT_TRUE(harness.put("small", small).has_value());
  ASSERT_TRUE(harness.put("large", large).has_value());
  harness.reopen();
  EXPECT_EQ(*harness.get("small"), small);
  EXPECT_EQ(*harness.get("large"), large);
  harness.collect();
  EXPECT_EQ(*harness.get("large"), large);
}

TEST_P(PutGet, MetadataComesBackAsItWas) {
  Harness harness(GetParam());
  PutOptions options;
  options.metadata.content_type = "text/\xff";
  options.metadata.storage_class = "GLACIER";
  options.metadata.user = {{"a", "1"}, {"b", std::string("\x00\xe9", 2)}};
  options.metadata.tags = {{"t", "v"}};
  ASSERT_TRUE(harness.put("k", as_bytes("x"), options).has_value());
  const auto info = harness.head("k");
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->metadata.content_type, options.metadata.content_type);
  EXPECT_EQ(info->metadata.user, options.metadata.user);
  EXPECT_EQ(info->metadata.tags, options.metadata.tags);
  EXPECT_EQ(info->metadata.storage_class, "GLACIER");
}

TEST_P(PutGet, WrongDigestsAndSizesStoreNothing) {
  Harness harness(GetParam());
  const Bytes bytes = random_bytes(1, 3 * MiB);
  const DigestValue other = crypto::digest_of(DigestKind::kSha256, as_bytes("other"));
  ExpectedBody wrong_hash;
  wrong_hash.sha256 = other;
  ExpectedBody wrong_size;
  wrong_size.size_bytes = bytes.size() + 1;
  ExpectedBody not_computed;
  not_computed.checksums.emplace_back(DigestKind::kCrc32c, DigestValue());
  for (const ExpectedBody& expected : {wrong_hash, wrong_size, not_computed}) {
    const auto info = harness.put("k", bytes, {}, expected);
    ASSERT_FALSE(info.has_value());
    EXPECT_EQ(info.error().code, Code::kInvalidArgument);
  }
  EXPECT_THAT(harness.put("k", bytes, {}, wrong_hash).error().message,
              testing::StartsWith(std::string(reason::kChecksumMismatch)));
  PutOptions too_small;
  too_small.size_bytes = 10;
  EXPECT_THAT(harness.put("k", bytes, too_small).error().message,
              testing::StartsWith(std::string(reason::kSizeMismatch)));
  EXPECT_THAT(harness.head("k").error().message, std::string(reason::kNoSuchKey));
  EXPECT_EQ(harness.stored_chunks(), 0);
}

TEST_P(PutGet, TheChecksumThatWasAskedForIsStored) {
  Harness harness(GetParam());
  const Bytes bytes = random_bytes(9, 100000);
  for (const DigestKind kind : {DigestKind::kSha256, DigestKind::kCrc32, DigestKind::kSha1,
                                DigestKind::kXxh3_128, DigestKind::kMd5}) {
    PutOptions options;
    options.digests = {kind, DigestKind::kCrc32c};
    ASSERT_TRUE(harness.put("k", bytes, options).has_value());
    const auto info = harness.head("k");
    EXPECT_EQ(info->checksum->kind, kind);
    EXPECT_EQ(info->checksum->value, crypto::digest_of(kind, bytes));
  }
}

TEST_P(PutGet, ASecondCopyStoresNothingAndDeletesGiveEverythingBack) {
  Harness harness(GetParam());
  const Bytes bytes = random_bytes(5, 20 * MiB);
  ASSERT_TRUE(harness.put("a", bytes).has_value());
  const uint64_t chunks = harness.stored_chunks();
  EXPECT_GE(chunks, 3);
  ASSERT_TRUE(harness.put("b", bytes).has_value());
  EXPECT_EQ(harness.stored_chunks(), chunks);
  ASSERT_TRUE(harness.remove("a").has_value());
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), chunks);
  EXPECT_EQ(*harness.get("b"), bytes);
  ASSERT_TRUE(harness.put("b", as_bytes("small")).has_value());
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0);
  EXPECT_EQ(*harness.get("b"), Bytes({'s', 'm', 'a', 'l', 'l'}));
}

TEST_P(PutGet, KeysThatCannotBeStoredAreRefused) {
  Harness harness(GetParam());
  for (const std::string& key :
       {std::string(), std::string(kKeyBytesMax + 1, 'k'), std::string("a\0b", 3)}) {
    EXPECT_EQ(harness.put(key, as_bytes("x")).error().code, Code::kInvalidArgument);
  }
  EXPECT_TRUE(harness.put(std::string(kKeyBytesMax, 'k'), as_bytes("x")).has_value());
}

INSTANTIATE_TEST_SUITE_P(Backends, PutGet, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

}  // namespace
}  // namespace cairn::object
