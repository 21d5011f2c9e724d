// Sealed chunks and values: what was sealed comes back, by any range; whatever is changed, moved,
// cut or taken from elsewhere is refused and leaves no byte behind.
#include "crypto/sealing.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <set>

#include "base/encoding.h"
#include "crypto/aead.h"
#include "crypto/partial_sealing.h"
#include "crypto/sealed_format.h"

namespace cairn::crypto {
namespace {

constexpr TenantId kTenant{7};

struct Sealed {
  ChunkBinding binding;
  Bytes plaintext;
  Bytes payload;
  Bytes header;
};

class Sealing : public ::testing::Test {
 protected:
  Sealing() : ring_(SecretKey::generate(random_)) {
    for (const TenantId tenant : {kRootTenant, kTenant}) {
      EXPECT_TRUE(ring_.create_version(tenant, random_).has_value());
    }
  }

  Sealed seal(uint64_t data_bytes, uint64_t table_bytes, TenantId tenant = kTenant) {
    Sealed made;
    made.binding = {
        .tenant = tenant, .id = {}, .plaintext_bytes = data_bytes, .table_bytes = table_bytes};
    random_.fill(made.binding.id.bytes);
    made.plaintext.resize(data_bytes + table_bytes);
    random_.fill(made.plaintext);
    made.payload = made.plaintext;
    Result<Bytes> header = seal_chunk(*ring_.current(tenant), made.binding, random_, made.payload);
    EXPECT_TRUE(header.has_value());
    made.header = *header;
    return made;
  }
  Result<ChunkOpener> opener(const Sealed& sealed) {
    return ChunkOpener::create(ring_, sealed.binding.tenant, sealed.binding.id, sealed.header);
  }
  // Opens everything into a copy of the payload.
  Result<Bytes> open(const Sealed& sealed) {
    Result<ChunkOpener> opened = opener(sealed);
    if (!opened) return std::unexpected(opened.error());
    Bytes payload = sealed.payload;
    const MutableBytes all(payload);
    if (payload.size() != opened->plaintext_bytes() + opened->table_bytes()) {
      return fail(Code::kCorruption, "size");
    }
    Status status = opened->open_frames(0, all.first(opened->plaintext_bytes()));
    if (status) status = opened->open_table(all.subspan(opened->plaintext_bytes()));
    if (!status) return std::unexpected(status.error());
    return payload;
  }

  SeededRandom random_{21};
  KeyRing ring_;
};

// The header's own checksum stops accidents; an attacker makes it match.
void fix_checksum(Bytes& header) {
  const size_t checked = header.size() - kSealedChecksumBytes;
  store_le<uint64_t>(&header[checked], XXH3_64bits(header.data(), checked));
}

TEST_F(Sealing, BringsBackWhatWasSealedAtEveryBoundary) {
  for (const uint64_t size : {uint64_t{1}, uint64_t{15}, uint64_t{65535}, uint64_t{65536},
                              uint64_t{65537}, 3 * kFrameBytes, kChunkBytesMax}) {
    for (const uint64_t table : {uint64_t{0}, uint64_t{40}, kSegmentTableBytesMax}) {
      SCOPED_TRACE(std::to_string(size) + " " + std::to_string(table));
      const Sealed sealed = seal(size, table);
      EXPECT_EQ(sealed.header.size(), sealed_header_bytes(size, table));
      EXPECT_LE(sealed.header.size(), kSealedHeaderBytesMax);
      EXPECT_FALSE(sealed.payload == sealed.plaintext);
      const Result<Bytes> opened = open(sealed);
      ASSERT_TRUE(opened.has_value()) << opened.error().message;
      EXPECT_TRUE(*opened == sealed.plaintext);
    }
  }
}

TEST_F(Sealing, OpensAnyRangeByItsFramesAlone) {
  const Sealed sealed = seal(5 * kFrameBytes + 777, 100);
  const Result<ChunkOpener> opened = opener(sealed);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->frames_covering({0, 1}), (ByteRange{0, kFrameBytes}));
  EXPECT_EQ(opened->frames_covering({kFrameBytes - 1, 2}), (ByteRange{0, 2 * kFrameBytes}));
  EXPECT_EQ(opened->frames_covering({5 * kFrameBytes, 1}), (ByteRange{5 * kFrameBytes, 777}));
  EXPECT_EQ(opened->frames_covering({9 * kFrameBytes, 5}).size_bytes, 0U);
  EXPECT_EQ(opened->frames_covering({3, UINT64_MAX}).size_bytes, 5 * kFrameBytes + 777);
  for (int round = 0; round < 200; ++round) {
    const uint64_t offset = random_.below(opened->plaintext_bytes());
    const uint64_t size = 1 + random_.below(opened->plaintext_bytes() - offset);
    const ByteRange range = opened->frames_covering({offset, size});
    ASSERT_LE(range.offset_bytes, offset);
    ASSERT_GE(range.end_bytes(), offset + size);
    const BytesView part = BytesView(sealed.payload).subspan(range.offset_bytes, range.size_bytes);
    Bytes frames(part.begin(), part.end());
    ASSERT_TRUE(opened->open_frames(range.offset_bytes / kFrameBytes, frames).has_value());
    ASSERT_TRUE(std::ranges::equal(
        frames, BytesView(sealed.plaintext).subspan(range.offset_bytes, range.size_bytes)));
  }
}

TEST_F(Sealing, SomeFramesOfAChunkOpenAloneAndUnderAKeyOfTheirOwn) {
  constexpr uint64_t kSize = 3 * kFrameBytes + 100;
  ChunkBinding binding{.tenant = kTenant, .id = {}, .plaintext_bytes = kSize};
  random_.fill(binding.id.bytes);
  Bytes plaintext(kSize);
  random_.fill(plaintext);
  for (const auto& [first, end] : {std::pair<uint64_t, uint64_t>{0, kFrameBytes},
                                   {kFrameBytes, 3 * kFrameBytes},
                                   {2 * kFrameBytes, kSize},
                                   {0, kSize}}) {
    SCOPED_TRACE(first);
    const auto part = [&](const Bytes& of) { return BytesView(of).subspan(first, end - first); };
    Bytes sealed(part(plaintext).begin(), part(plaintext).end());
    const Result<Bytes> header =
        seal_frames(*ring_.current(kTenant), binding, random_, first / kFrameBytes, sealed);
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->size(), sealed_header_bytes(kSize, 0));
    EXPECT_FALSE(std::ranges::equal(sealed, part(plaintext)));
    const Result<ChunkOpener> opened = ChunkOpener::create(ring_, kTenant, binding.id, *header);
    ASSERT_TRUE(opened.has_value());
    Bytes again = sealed;
    ASSERT_TRUE(opened->open_frames(first / kFrameBytes, again).has_value());
    EXPECT_TRUE(std::ranges::equal(again, part(plaintext)));
    // What was not sealed does not open, whatever is there.
    if (first > 0) {
      Bytes zeros(kFrameBytes);
      EXPECT_EQ(opened->open_frames(0, zeros).error().code, Code::kCorruption);
    }
    // The same bytes again are others on disk: another salt, another key.
    Bytes twice(part(plaintext).begin(), part(plaintext).end());
    const Result<Bytes> other =
        seal_frames(*ring_.current(kTenant), binding, random_, first / kFrameBytes, twice);
    ASSERT_TRUE(other.has_value());
    EXPECT_NE(*other, *header);
    EXPECT_NE(twice, sealed);
  }
}

TEST_F(Sealing, RefusesRangesThatAreNotWholeFrames) {
  const Sealed sealed = seal(2 * kFrameBytes + 10, 20);
  const Result<ChunkOpener> opened = opener(sealed);
  ASSERT_TRUE(opened.has_value());
  Bytes some(kFrameBytes - 1);
  EXPECT_EQ(opened->open_frames(0, some).error().code, Code::kInvalidArgument);
  EXPECT_EQ(opened->open_frames(3, some).error().code, Code::kOutOfRange);
  EXPECT_EQ(opened->open_frames(2, some).error().code, Code::kOutOfRange);
  EXPECT_EQ(opened->open_frames(UINT64_MAX, some).error().code, Code::kOutOfRange);
  EXPECT_EQ(opened->open_table(some).error().code, Code::kOutOfRange);
}

TEST_F(Sealing, NoticesEveryFlippedByteOfASmallChunk) {
  const Sealed sealed = seal(300, 60);
  for (const bool attacker : {false, true}) {
    for (size_t at = 0; at < sealed.header.size(); ++at) {
      const bool checksum = at >= sealed.header.size() - kSealedChecksumBytes;
      if (attacker && checksum) continue;
      Sealed damaged = sealed;
      damaged.header[at] ^= static_cast<uint8_t>(1U << random_.below(8));
      if (attacker) fix_checksum(damaged.header);
      EXPECT_FALSE(open(damaged).has_value()) << "header byte " << at;
    }
  }
  for (size_t at = 0; at < sealed.payload.size(); ++at) {
    Sealed damaged = sealed;
    damaged.payload[at] ^= static_cast<uint8_t>(1U << random_.below(8));
    EXPECT_FALSE(open(damaged).has_value()) << "payload byte " << at;
  }
}

TEST_F(Sealing, NoticesFlippedBytesOfALargeChunkAndZeroesWhatItOpened) {
  const Sealed sealed = seal(4 * kFrameBytes + 5, 64);
  const Result<ChunkOpener> opened = opener(sealed);
  ASSERT_TRUE(opened.has_value());
  for (int round = 0; round < 60; ++round) {
    Bytes payload = sealed.payload;
    payload[random_.below(4 * kFrameBytes + 5)] ^= 1;
    const MutableBytes data = MutableBytes(payload).first(4 * kFrameBytes + 5);
    const Status status = opened->open_frames(0, data);
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, Code::kCorruption);
    EXPECT_TRUE(std::ranges::all_of(data, [](uint8_t byte) { return byte == 0; }));
  }
}

TEST_F(Sealing, NoticesMovedDoubledAndForeignFrames) {
  const Sealed sealed = seal(4 * kFrameBytes, 0);
  const Sealed other = seal(4 * kFrameBytes, 0);
  const auto frame = [](Bytes& payload, size_t index) {
    return payload.begin() + static_cast<ptrdiff_t>(index * kFrameBytes);
  };
  const auto tag = [](Bytes& header, size_t index) {
    return header.begin() + static_cast<ptrdiff_t>(kSealedTagsAt + index * kTagBytes);
  };
  Sealed swapped = sealed;
  std::swap_ranges(frame(swapped.payload, 1), frame(swapped.payload, 2), frame(swapped.payload, 2));
  EXPECT_FALSE(open(swapped).has_value());
  std::swap_ranges(tag(swapped.header, 1), tag(swapped.header, 2), tag(swapped.header, 2));
  fix_checksum(swapped.header);
  EXPECT_FALSE(open(swapped).has_value());

  Sealed doubled = sealed;
  std::copy_n(frame(doubled.payload, 0), kFrameBytes, frame(doubled.payload, 1));
  std::copy_n(tag(doubled.header, 0), kTagBytes, tag(doubled.header, 1));
  fix_checksum(doubled.header);
  EXPECT_FALSE(open(doubled).has_value());

  Sealed spliced = sealed;
  Sealed source = other;
  std::copy_n(frame(source.payload, 3), kFrameBytes, frame(spliced.payload, 3));
  std::copy_n(tag(source.header, 3), kTagBytes, tag(spliced.header, 3));
  fix_checksum(spliced.header);
  EXPECT_FALSE(open(spliced).has_value());
  EXPECT_TRUE(open(sealed).has_value());
}

TEST_F(Sealing, NoticesACutChunkAndATableTurnedIntoData) {
  const Sealed sealed = seal(3 * kFrameBytes, kFrameBytes);
  // Drops the table, or calls it data, with every length of the header made to agree.
  for (const uint64_t data_frames : {2, 3, 4}) {
    Sealed cut = sealed;
    cut.binding.plaintext_bytes = data_frames * kFrameBytes;
    cut.binding.table_bytes = 0;
    Result<SealedFields> fields = parse_sealed_header(sealed.header);
    ASSERT_TRUE(fields.has_value());
    fields->plaintext_bytes = cut.binding.plaintext_bytes;
    fields->table_bytes = 0;
    cut.header = encode_sealed_header(
        *fields, BytesView(sealed.header).subspan(kSealedTagsAt, data_frames * kTagBytes));
    cut.payload.resize(data_frames * kFrameBytes);
    EXPECT_FALSE(open(cut).has_value()) << data_frames;
  }
  Bytes shorter = sealed.header;
  shorter.resize(shorter.size() - kTagBytes);
  fix_checksum(shorter);
  EXPECT_FALSE(ChunkOpener::create(ring_, kTenant, sealed.binding.id, shorter).has_value());
}

TEST_F(Sealing, RefusesAnotherTenantChunkOrKeyVersion) {
  const Sealed sealed = seal(100, 0);
  ChunkId other_id = sealed.binding.id;
  other_id.bytes[31] ^= 1;
  EXPECT_EQ(ChunkOpener::create(ring_, kTenant, other_id, sealed.header).error().code,
            Code::kCorruption);
  EXPECT_EQ(ChunkOpener::create(ring_, kRootTenant, sealed.binding.id, sealed.header).error().code,
            Code::kCorruption);

  ASSERT_TRUE(ring_.create_version(kTenant, random_).has_value());
  Sealed renamed = sealed;
  store_le<uint32_t>(&renamed.header[kSealedKeyVersionAt], 2);
  fix_checksum(renamed.header);
  EXPECT_EQ(opener(renamed).error().code, Code::kCorruption);  // The commitment differs.
  store_le<uint32_t>(&renamed.header[kSealedKeyVersionAt], 3);
  fix_checksum(renamed.header);
  EXPECT_EQ(opener(renamed).error().code, Code::kNotFound);

  Sealed foreign = sealed;
  store_le<uint64_t>(&foreign.header[kSealedTenantAt], kRootTenant.value);
  foreign.binding.tenant = kRootTenant;
  fix_checksum(foreign.header);
  EXPECT_EQ(opener(foreign).error().code, Code::kCorruption);
}

TEST_F(Sealing, EveryEngineSealsTheSameBytesFromTheSameRandomness) {
  for (const uint64_t size : {uint64_t{1}, uint64_t{65536}, uint64_t{200001}}) {
    Bytes plaintext(size + 48);
    random_.fill(plaintext);
    const ChunkBinding binding{
        .tenant = kTenant, .id = {}, .plaintext_bytes = size, .table_bytes = 48};
    std::set<std::string> headers;
    std::set<Bytes> payloads;
    for (const AeadEngine& engine : aead_engines()) {
      SeededRandom same(99);
      Bytes payload = plaintext;
      const Result<Bytes> header =
          seal_chunk(*ring_.current(kTenant), binding, same, payload, engine);
      ASSERT_TRUE(header.has_value());
      headers.insert(to_hex(*header));
      payloads.insert(payload);
    }
    EXPECT_EQ(headers.size(), 1U);
    EXPECT_EQ(payloads.size(), 1U);
  }
}

TEST_F(Sealing, NeverUsesASaltTwice) {
  std::set<std::string> salts;
  constexpr size_t kSeals = 5000;
  for (size_t i = 0; i < kSeals; ++i) {
    Bytes payload(1);
    ChunkBinding binding{.tenant = kTenant, .id = {}, .plaintext_bytes = 1, .table_bytes = 0};
    const Result<Bytes> header =
        seal_chunk(*ring_.current(kTenant), binding, system_random(), payload);
    ASSERT_TRUE(header.has_value());
    salts.insert(to_hex(BytesView(*header).subspan(kSealedSaltAt, kSealedSaltBytes)));
  }
  EXPECT_EQ(salts.size(), kSeals);
}

TEST_F(Sealing, KeepsTheBytesOfTheFormat) {
  // Golden bytes: a change here is a new format version.
  const Bytes root(32, 0x11);
  KeyRing ring{SecretKey(root)};
  SeededRandom random(5);
  ASSERT_TRUE(ring.create_version(kTenant, random).has_value());
  Bytes payload = {'c', 'a', 'i', 'r', 'n', 't'};
  const ChunkBinding binding{.tenant = kTenant, .id = {}, .plaintext_bytes = 5, .table_bytes = 1};
  const Result<Bytes> header = seal_chunk(*ring.current(kTenant), binding, random, payload);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(to_hex(BytesView(*header).first(kSealedAadBytes)),
            "435343480100b0000700000000000000010000000100000005000000000000000000000000000000"
            "000000000000000000000000000000000000000000000000");
  EXPECT_EQ(to_hex(digest_of(DigestKind::kSha256, *header).view()),
            "8cef1bd3e90400e7b7af2a10c1735c9482f54a43c163de295e824748a4189fac");
  EXPECT_EQ(to_hex(payload), "4db7f76a3431");
  const Result<std::string> value =
      seal_value(*ring.current(kTenant), "context", random, as_bytes("value"));
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(to_hex(digest_of(DigestKind::kSha256, as_bytes(*value)).view()),
            "1c3e2a3cc196af9983d83628e340f490921d7592bc1efe15811292e2369f1f03");
}

TEST_F(Sealing, ChunkIdsDependOnTheTenantAndTheContent) {
  const Sha256Value content = sha256(as_bytes("content"));
  const ChunkId id = make_chunk_id(*ring_.current(kTenant), content);
  EXPECT_EQ(id, make_chunk_id(*ring_.current(kTenant), content));
  EXPECT_NE(id, make_chunk_id(*ring_.current(kRootTenant), content));
  EXPECT_NE(id, make_chunk_id(*ring_.current(kTenant), sha256(as_bytes("other"))));
  EXPECT_EQ(id.to_hex().size(), 64U);
}

TEST_F(Sealing, ValuesComeBackAndEveryChangeIsNoticed) {
  for (const size_t size : {0UL, 1UL, 100UL, 16384UL}) {
    Bytes plaintext(size);
    random_.fill(plaintext);
    const Result<std::string> sealed =
        seal_value(*ring_.current(kTenant), "bucket/key", random_, plaintext);
    ASSERT_TRUE(sealed.has_value());
    EXPECT_EQ(sealed->size(), size + kSealedValueOverheadBytes);
    const Result<Bytes> opened = open_value(ring_, kTenant, "bucket/key", as_bytes(*sealed));
    ASSERT_TRUE(opened.has_value());
    EXPECT_TRUE(*opened == plaintext);
    EXPECT_FALSE(open_value(ring_, kTenant, "bucket/kez", as_bytes(*sealed)).has_value());
    EXPECT_FALSE(open_value(ring_, kTenant, "bucket/key2", as_bytes(*sealed)).has_value());
    EXPECT_FALSE(open_value(ring_, kRootTenant, "bucket/key", as_bytes(*sealed)).has_value());
    EXPECT_EQ(open_value(ring_, TenantId{99}, "bucket/key", as_bytes(*sealed)).error().code,
              Code::kNotFound);
    for (size_t at = 0; at < sealed->size(); at += size > 1000 ? 97 : 1) {
      std::string damaged = *sealed;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << random_.below(8)));
      EXPECT_FALSE(open_value(ring_, kTenant, "bucket/key", as_bytes(damaged)).has_value()) << at;
    }
    for (size_t cut = 0; cut < sealed->size(); cut += size > 1000 ? 97 : 1) {
      const std::string_view shorter = std::string_view(*sealed).substr(0, cut);
      EXPECT_FALSE(open_value(ring_, kTenant, "bucket/key", as_bytes(shorter)).has_value()) << cut;
    }
  }
}

}  // namespace
}  // namespace cairn::crypto
