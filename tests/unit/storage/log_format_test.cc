// Properties: what is encoded is decoded; any flipped bit of a block is noticed; the layout is the
// one of docs/format.md (golden offsets and checksum).
#include "storage/log_format.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/support/chunk_samples.h"

namespace cairn::storage {
namespace {

using testing_support::sample_bytes;
using testing_support::sample_id;

RandomId id_of(uint8_t value) {
  RandomId id;
  id.fill(value);
  return id;
}

RecordHeader sample_record() {
  return {.log_id = id_of(7),
          .sequence = 42,
          .chunk = sample_id(1),
          .payload_bytes = 123456,
          .payload_xxh3 = 0x1122334455667788,
          .sealed_header = sample_bytes(1, 3584)};
}

template <typename T>
Bytes encoded(const T& value) {
  Bytes block(kBlockBytes, 0xee);
  encode(value, block);
  return block;
}

TEST(LogFormat, EveryBlockIsDecodedToWhatWasEncoded) {
  const VolumeFormat format{id_of(1), id_of(2), 3};
  EXPECT_EQ(decode_volume_format(encoded(format)).value(), format);
  const LogHeader log{id_of(3), id_of(4), 77};
  EXPECT_EQ(decode_log_header(encoded(log)).value(), log);
  RecordHeader record = sample_record();
  EXPECT_EQ(decode_record_header(encoded(record)).value(), record);
  record.sealed_header.clear();
  EXPECT_EQ(decode_record_header(encoded(record)).value(), record);
}

TEST(LogFormat, EveryFlippedBitIsNoticed) {
  const std::vector<Bytes> blocks = {encoded(VolumeFormat{id_of(1), id_of(2), 3}),
                                     encoded(LogHeader{id_of(3), id_of(4), 77}),
                                     encoded(sample_record())};
  for (size_t kind = 0; kind < blocks.size(); ++kind) {
    for (size_t bit = 0; bit < kBlockBytes * 8; ++bit) {
      Bytes block = blocks[kind];
      block[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
      const bool accepted = (kind == 0 && decode_volume_format(block).has_value()) ||
                            (kind == 1 && decode_log_header(block).has_value()) ||
                            (kind == 2 && decode_record_header(block).has_value());
      ASSERT_FALSE(accepted) << "kind " << kind << " bit " << bit;
    }
  }
}

TEST(LogFormat, TheFooterListsItsRecordsAndNoticesDamage) {
  std::vector<FooterEntry> entries;
  uint64_t offset = kBlockBytes;
  for (uint64_t i = 0; i < 100; ++i) {
    entries.push_back({sample_id(i), offset, 1000 * i, static_cast<uint32_t>(i)});
    offset += record_bytes(1000 * i);
  }
  Bytes footer(footer_bytes(entries.size()));
  encode_footer(id_of(9), offset, entries, footer);
  const FooterTrailer trailer = decode_footer_trailer(BytesView(footer).last(kBlockBytes)).value();
  EXPECT_EQ(trailer.log_id, id_of(9));
  EXPECT_EQ(trailer.entries_offset_bytes, offset);
  EXPECT_EQ(decode_footer_entries(trailer, footer).value(), entries);
  footer[70] ^= 1;
  EXPECT_EQ(decode_footer_entries(trailer, footer).error().code, Code::kCorruption);
  footer[70] ^= 1;
  EXPECT_FALSE(decode_footer_entries(trailer, BytesView(footer).first(64)).has_value());
}

TEST(LogFormat, ANewerVersionIsUnsupportedNotCorrupt) {
  Bytes block = encoded(VolumeFormat{id_of(1), id_of(2), 3});
  store_le(block.data() + 16, kVolumeFormatVersion + 1);
  store_le(block.data() + 8, checksum_of(BytesView(block).subspan(16)));
  EXPECT_EQ(decode_volume_format(block).error().code, Code::kUnsupported);
}

TEST(LogFormat, ABucketOfChunkObjectsIsNoneOfPacks) {
  const VolumeFormat format{
      .store_id = id_of(1), .volume_id = id_of(1), .volumes_count = 1, .has_chunk_objects = true};
  const Bytes block = encoded(format);
  EXPECT_EQ(load_le<uint32_t>(&block[16]), 2U) << "older programs refuse it as newer than they are";
  EXPECT_EQ(decode_bucket_format(block).value(), format);
  EXPECT_EQ(decode_volume_format(block).error().code, Code::kUnsupported);
  EXPECT_EQ(decode_bucket_format(encoded(VolumeFormat{id_of(1), id_of(2), 3})).value().store_id,
            id_of(1));
}

TEST(LogFormat, TheLayoutIsGolden) {
  const Bytes block = encoded(sample_record());
  EXPECT_EQ(as_text(BytesView(block).first(8)), "CAIRNREC");
  EXPECT_EQ(block[16], 7);
  EXPECT_EQ(load_le<uint64_t>(&block[32]), 42U);
  EXPECT_EQ(load_le<uint64_t>(&block[40]), 123456U);
  EXPECT_EQ(load_le<uint64_t>(&block[48]), 0x1122334455667788U);
  EXPECT_EQ(load_le<uint32_t>(&block[56]), 3584U);
  EXPECT_EQ(block[64], sample_id(1).bytes[0]);
  EXPECT_EQ(block[512], sample_bytes(1, 1)[0]);
  Bytes volume = encoded(VolumeFormat{id_of(1), id_of(2), 3});
  volume.resize(60);
  EXPECT_EQ(to_hex(volume),
            "434149524e564f4c906916c026470b3e010000000300000001010101010101010101010101010101020202"
            "02020202"
            "02020202020202020200000000");
}

TEST(LogFormat, OnlyLogFileNamesAreLogFileNames) {
  const std::string name = log_file_name({id_of(0xab), id_of(0), 7});
  EXPECT_EQ(name, "0000000000000007-abababababababababababababababab.log");
  EXPECT_TRUE(is_log_file_name(name));
  EXPECT_FALSE(is_log_file_name(name + "x"));
  EXPECT_FALSE(is_log_file_name("0000000000000007_abababababababababababababababab.log"));
  EXPECT_FALSE(is_log_file_name("G000000000000007-abababababababababababababababab.log"));
  EXPECT_FALSE(is_log_file_name(""));
}

}  // namespace
}  // namespace cairn::storage
