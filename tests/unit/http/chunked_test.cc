// Property: the decoder gives back what was encoded, for any split of input and output, takes
// nothing behind the end, and refuses whatever RFC 9112 7.1 does not allow. Method: seeded round
// trips against the encoder, and a table of malformed bodies.
#include "http/chunked.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/random.h"

namespace cairn::http {
namespace {

struct Decoded {
  bool failed = false;
  bool complete = false;
  std::string data;
  size_t consumed_bytes = 0;
  std::string trailers;
};

// Gives at most `input_step` bytes and room for at most `output_step` bytes at a time.
Decoded decode(std::string_view text, size_t input_step, size_t output_step) {
  ChunkedDecoder decoder;
  Decoded decoded;
  std::string piece(output_step, '\0');
  while (decoded.consumed_bytes < text.size() && !decoder.is_complete()) {
    const std::string_view input = text.substr(decoded.consumed_bytes, input_step);
    const MutableBytes output(reinterpret_cast<uint8_t*>(piece.data()), piece.size());
    const Result<ChunkedDecoder::Step> step = decoder.decode(as_bytes(input), output);
    if (!step.has_value()) {
      EXPECT_EQ(step.error().code, Code::kInvalidArgument);
      return {.failed = true, .complete = false, .data = "", .consumed_bytes = 0, .trailers = ""};
    }
    decoded.consumed_bytes += step->consumed_bytes;
    decoded.data.append(piece, 0, step->produced_bytes);
  }
  decoded.complete = decoder.is_complete();
  for (const Field field : decoder.trailers()) {
    decoded.trailers.append(field.name).append("=").append(field.value).append(";");
  }
  return decoded;
}

std::string encode(std::string_view data, SeededRandom& random) {
  std::string text;
  while (!data.empty()) {
    const size_t size_bytes = 1 + random.below(std::min<size_t>(data.size(), 5000));
    text.append(ChunkPrefix(size_bytes).text()).append(data.substr(0, size_bytes));
    text.append(kChunkSuffix);
    data.remove_prefix(size_bytes);
  }
  return text.append(kLastChunk);
}

TEST(Chunked, RoundTripForAnySplit) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    SeededRandom random(seed);
    std::string data(random.below(20000), '\0');
    random.fill({reinterpret_cast<uint8_t*>(data.data()), data.size()});
    const std::string text = encode(data, random);
    const std::string followed = text + "GET / HTTP/1.1\r\n";
    const Decoded decoded = decode(followed, 1 + random.below(5000), 1 + random.below(5000));
    EXPECT_TRUE(decoded.complete);
    EXPECT_EQ(decoded.data, data);
    EXPECT_EQ(decoded.consumed_bytes, text.size());
  }
}

TEST(Chunked, PrefixIsPlainHex) {
  EXPECT_EQ(ChunkPrefix(1).text(), "1\r\n");
  EXPECT_EQ(ChunkPrefix(0x1a2b).text(), "1a2b\r\n");
  EXPECT_EQ(ChunkPrefix(UINT64_MAX).text(), "ffffffffffffffff\r\n");
}

TEST(Chunked, KeepsTrailersAndIgnoresExtensions) {
  const std::string text =
      "3;name=\"v\"\r\nabc\r\n0000;x\r\nX-Amz-Checksum-Crc32:  AAAA \r\nb: c\r\n\r\nrest";
  for (const size_t step : {1, 2, 7, 1000}) {
    const Decoded decoded = decode(text, step, 100);
    EXPECT_TRUE(decoded.complete);
    EXPECT_EQ(decoded.data, "abc");
    EXPECT_EQ(decoded.trailers, "X-Amz-Checksum-Crc32=AAAA;b=c;");
    EXPECT_EQ(decoded.consumed_bytes, text.size() - 4);
  }
}

TEST(Chunked, RefusesMalformedBodies) {
  const std::string long_extension(kChunkExtensionBytesMax + 1, 'x');
  std::string many_trailers = "0\r\n";
  for (size_t i = 0; i <= kFieldsMax; ++i) many_trailers += "a: b\r\n";
  std::string costly_extensions;
  for (int i = 0; i < 40; ++i) costly_extensions += "1;" + std::string(1000, 'x') + "\r\na\r\n";
  for (const std::string& text : {std::string("\r\n"),
                                  std::string("g\r\n"),
                                  std::string(" 3\r\nabc\r\n"),
                                  std::string("3 \r\nabc\r\n"),
                                  std::string("+3\r\nabc\r\n"),
                                  std::string("-1\r\n"),
                                  std::string("0x3\r\nabc\r\n"),
                                  std::string("3\nabc\r\n"),
                                  std::string("3\rabc\r\n"),
                                  std::string("3\r\nabcd\r\n"),
                                  std::string("3\r\nabc\n0\r\n\r\n"),
                                  std::string("3\r\nabc\rX"),
                                  std::string("3\r\nabc0\r\n\r\n"),
                                  std::string("00000000000000003\r\nabc\r\n"),
                                  std::string("8000000000000000\r\n"),
                                  std::string("ffffffffffffffff\r\n"),
                                  std::string("3;a\x01=b\r\nabc\r\n"),
                                  std::string("3;a\nb\r\nabc\r\n"),
                                  "3;" + long_extension + "\r\nabc\r\n",
                                  std::string("0\r\n\n"),
                                  std::string("0\r\nA : b\r\n\r\n"),
                                  std::string("0\r\n folded\r\n\r\n"),
                                  std::string("0\r\nA: b\n\r\n"),
                                  "0\r\nA: " + std::string(kTrailerBytesMax, 'x') + "\r\n\r\n",
                                  many_trailers + "\r\n",
                                  costly_extensions}) {
    SCOPED_TRACE(text.substr(0, 60));
    EXPECT_TRUE(decode(text, text.size(), 100).failed);
    EXPECT_TRUE(decode(text, 1, 1).failed);
  }
}

TEST(Chunked, BoundsAreExact) {
  EXPECT_FALSE(decode("0000000000000003\r\nabc\r\n", 99, 99).failed);
  EXPECT_FALSE(decode("7fffffffffffffff\r\n", 99, 99).failed);
  const std::string extension(kChunkExtensionBytesMax, 'x');
  EXPECT_FALSE(decode("3;" + extension + "\r\nabc\r\n", 9999, 99).failed);
}

TEST(Chunked, LetsTheCallerReceiveDataItself) {
  ChunkedDecoder decoder;
  ASSERT_TRUE(decoder.decode(as_bytes("a\r\n"), {}).has_value());
  EXPECT_EQ(decoder.data_remaining(), 10U);
  decoder.data_received(10);
  EXPECT_EQ(decoder.data_remaining(), 0U);
  const auto step = decoder.decode(as_bytes("\r\n0\r\n\r\nX"), {});
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->consumed_bytes, 7U);
  EXPECT_TRUE(decoder.is_complete());
}

TEST(Chunked, AFailedDecoderStaysFailed) {
  ChunkedDecoder decoder;
  EXPECT_FALSE(decoder.decode(as_bytes("x"), {}).has_value());
  EXPECT_FALSE(decoder.decode(as_bytes("0\r\n\r\n"), {}).has_value());
}

}  // namespace
}  // namespace cairn::http
