// Property: any split of the input decodes to the same bytes, and no change of the framing is
// accepted where it is signed.
#include "s3/aws_chunked.h"

#include "base/random.h"
#include "s3/checksum_headers.h"
#include "test_request.h"

namespace cairn::s3 {
namespace {

struct Case {
  PayloadKind kind;
  uint64_t decoded_bytes;
  std::optional<ChunkSigning> signing;
  std::optional<std::string> trailer;
};

struct Decoded {
  std::string outcome;
  std::string data;
  std::vector<Trailer> trailers;
};

// Feeds `body` in pieces of 1..piece_max bytes (0 = all at once).
Decoded decode(const Case& one, std::string_view body, size_t piece_max, SeededRandom& random) {
  Decoded out;
  S3Result<AwsChunkedDecoder> decoder =
      AwsChunkedDecoder::create({one.kind, {}}, one.decoded_bytes, one.signing, one.trailer);
  if (!decoder) return {outcome(decoder), {}, {}};
  while (!body.empty()) {
    const size_t size =
        piece_max == 0 ? body.size() : std::min<size_t>(body.size(), 1 + random.below(piece_max));
    BytesView piece = as_bytes(body.substr(0, size));
    body.remove_prefix(size);
    while (!piece.empty()) {
      S3Result<AwsChunkedDecoder::Step> step = decoder->next(piece);
      if (!step) return {outcome(step), out.data, {}};
      EXPECT_GT(step->consumed_bytes, 0U);
      out.data += as_text(step->data);
      piece = piece.subspan(step->consumed_bytes);
    }
  }
  const S3Status finished = decoder->finish();
  out.outcome = outcome(finished);
  if (finished) out.trailers = decoder->trailers();
  return out;
}

Decoded decode_whole(const Case& one, std::string_view body) {
  SeededRandom random(1);
  return decode(one, body, 0, random);
}

ChunkSigning aws_seed(std::string seed) {
  ChunkSigning signing;
  signing.signing_key = derive_signing_key(kAwsSecret, "20130524", "us-east-1");
  signing.date = "20130524T000000Z";
  signing.scope = "20130524/us-east-1/s3/aws4_request";
  signing.seed_signature = std::move(seed);
  return signing;
}

// The example of AWS's documentation: 65 KiB of 'a' in two chunks.
Case aws_case() {
  return {PayloadKind::kStreamingSigned,
          66560,
          aws_seed("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"),
          {}};
}
std::string aws_body() {
  return "10000;chunk-signature="
         "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
         std::string(65536, 'a') +
         "\r\n400;chunk-signature="
         "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
         std::string(1024, 'a') +
         "\r\n0;chunk-signature="
         "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
}

TEST(AwsChunked, AwsExampleVerifiesFromItsHead) {
  FixedCredentials credentials;
  credentials.add(kAwsAccessKey, kAwsSecret);
  const StillClock clock(WallTime{1369353600000});
  Authenticator authenticator(credentials, clock, {});
  TestRequest request(
      "PUT", "/examplebucket/chunkObject.txt",
      {{"Host", "s3.amazonaws.com"},
       {"x-amz-date", "20130524T000000Z"},
       {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
       {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
       {"Content-Encoding", "aws-chunked"},
       {"x-amz-decoded-content-length", "66560"},
       {"Content-Length", "66824"},
       {"Authorization",
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
        "x-amz-decoded-content-length;x-amz-storage-class,"
        "Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"}});
  const S3Result<AuthResult> result = authenticate(authenticator, request);
  ASSERT_TRUE(result) << field_of(result.error(), "CanonicalRequest");
  const Case one{
      result->payload.kind, *decoded_content_length(request.view()), result->chunk_signing, {}};
  const std::string body = aws_body();
  EXPECT_EQ(body.size(), 66824U);
  const Decoded decoded = decode_whole(one, body);
  EXPECT_EQ(decoded.outcome, "ok");
  EXPECT_EQ(decoded.data, std::string(66560, 'a'));
}

TEST(AwsChunked, AnySplitDecodesTheSame) {
  const std::string signed_body = aws_body();
  const Case unsigned_case{PayloadKind::kStreamingUnsignedTrailer, 11, {}, "x-amz-checksum-crc32"};
  const std::string unsigned_body =
      "5\r\nhello\r\n6;ignored=1\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    const Decoded small = decode(unsigned_case, unsigned_body, 1 + seed % 9, random);
    EXPECT_EQ(small.outcome, "ok");
    EXPECT_EQ(small.data, "hello world");
    ASSERT_EQ(small.trailers.size(), 1U);
    EXPECT_EQ(small.trailers[0].value, "DUoRhQ==");
    const Decoded large = decode(aws_case(), signed_body, seed % 2 == 0 ? 97 : 40000, random);
    EXPECT_EQ(large.outcome, "ok");
    EXPECT_EQ(large.data.size(), 66560U);
  }
}

TEST(AwsChunked, NoByteOfASignedBodyMayChange) {
  const std::string good = aws_body();
  // Framing bytes exhaustively, data bytes sampled.
  for (size_t i = 0; i < good.size(); ++i) {
    if (good[i] == 'a' && i > 100 && i < good.size() - 100 && i % 1009 != 0) continue;
    // The blank line after the final chunk may be missing, so its change need not be noticed.
    if (i >= good.size() - 2) continue;
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_NE(decode_whole(aws_case(), bad).outcome, "ok") << "byte " << i;
  }
  for (const size_t cut : {size_t{3}, size_t{86}, size_t{87}, size_t{1000}, size_t{65624},
                           good.size() - 88, good.size() - 4}) {
    EXPECT_NE(decode_whole(aws_case(), good.substr(0, cut)).outcome, "ok") << "cut at " << cut;
  }
  EXPECT_EQ(decode_whole(aws_case(), good.substr(0, good.size() - 2)).outcome, "ok");
  EXPECT_EQ(decode_whole(aws_case(), "").outcome, "IncompleteBody");
}

TEST(AwsChunked, ChunksMayNotBeLeftOutSwappedOrAppended) {
  const std::string good = aws_body();
  const size_t second = good.find("\r\n400;") + 2;
  const size_t last = good.find("\r\n0;") + 2;
  Case shorter = aws_case();
  shorter.decoded_bytes = 65536;
  EXPECT_EQ(decode_whole(shorter, good.substr(0, second) + good.substr(last)).outcome,
            "SignatureDoesNotMatch");
  EXPECT_EQ(decode_whole(aws_case(), good.substr(second, last - second) + good.substr(0, second) +
                                         good.substr(last))
                .outcome,
            "SignatureDoesNotMatch");
  EXPECT_EQ(decode_whole(aws_case(), good + "x-amz-checksum-crc32:AAAAAA==\r\n").outcome,
            "IncompleteBody");
  // No signature at all, and the framing of the unsigned kind.
  EXPECT_EQ(decode_whole(aws_case(), "5\r\nhello\r\n0\r\n\r\n").outcome, "IncompleteBody");
}

TEST(AwsChunked, LengthsAndFramingOfUnsignedBodies) {
  struct Row {
    const char* body;
    uint64_t decoded_bytes;
    const char* outcome;
  };
  const Row rows[] = {
      {"5\r\nhello\r\n0\r\n\r\n", 5, "ok"},
      {"5\r\nhello\r\n0\r\n", 5, "ok"},
      {"5\r\nhello\r\n0", 5, "IncompleteBody"},
      {"5\r\nhello\r\n", 5, "IncompleteBody"},
      {"5\r\nhello\r\n0\r\n\r\n", 6, "IncompleteBody"},
      {"5\r\nhello\r\n0\r\n\r\n", 4, "IncompleteBody"},
      {"5\r\nhello0\r\n\r\n", 5, "IncompleteBody"},
      {"5\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"},
      {"\r\n", 0, "IncompleteBody"},
      {"0\r\n\r\n", 0, "ok"},
      {"-5\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"},
      {"0x5\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"},
      {"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"},
      {"00000000000000005\r\nhello\r\n0\r\n\r\n", 5, "IncompleteBody"},
      {"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", 0, "MalformedTrailerError"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.body);
    const Case one{PayloadKind::kStreamingUnsignedTrailer, row.decoded_bytes, {}, {}};
    EXPECT_EQ(decode_whole(one, row.body).outcome, row.outcome);
  }
  const Case bounded{PayloadKind::kStreamingUnsignedTrailer, 5, {}, {}};
  EXPECT_EQ(decode_whole(bounded, "5;" + std::string(2000, 'x') + "\r\nhello").outcome,
            "IncompleteBody");
  EXPECT_EQ(decode_whole(bounded, "5\r\nhello\r\n0\r\n" + std::string(5000, '\n')).outcome,
            "MalformedTrailerError");
}

TEST(AwsChunked, TrailerLineEnds) {
  const Case one{PayloadKind::kStreamingUnsignedTrailer, 0, {}, "x-amz-checksum-crc32"};
  for (const char* tail :
       {"x-amz-checksum-crc32:AAAAAA==\r\n\r\n", "x-amz-checksum-crc32:AAAAAA==\n\r\n",
        "x-amz-checksum-crc32:AAAAAA==", "\r\nX-Amz-Checksum-CRC32 : AAAAAA==\n"}) {
    const Decoded decoded = decode_whole(one, std::string("0\r\n") + tail);
    EXPECT_EQ(decoded.outcome, "ok") << tail;
    ASSERT_EQ(decoded.trailers.size(), 1U);
    EXPECT_EQ(decoded.trailers[0].name, "x-amz-checksum-crc32");
    EXPECT_EQ(decoded.trailers[0].value, "AAAAAA==");
  }
  for (const char* tail : {"", "\r\n", "x-amz-checksum-crc32\r\n", ":AAAAAA==\r\n",
                           "x-amz-checksum-crc32c:AAAAAA==\r\n", "x-amz-trailer-signature:00\r\n",
                           "x-amz-checksum-crc32:AAAAAA==\r\nx-amz-checksum-crc32:AAAAAA==\r\n",
                           "x-amz-checksum-crc32:AAAAAA==\r\nx-amz-meta-a:1\r\n"}) {
    EXPECT_EQ(decode_whole(one, std::string("0\r\n") + tail).outcome, "MalformedTrailerError")
        << tail;
  }
}

// A signed body with a trailer, built from the algorithm's text; the seed stands in the AWS
// example.
TEST(AwsChunked, SignedTrailer) {
  const ChunkSigning seed =
      aws_seed("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
  const Case one{PayloadKind::kStreamingSignedTrailer, 66560, seed, "x-amz-checksum-crc32c"};
  const std::string body =
      "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" +
      std::string(65536, 'a') +
      "\r\n400;chunk-signature="
      "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" +
      std::string(1024, 'a') +
      "\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
      "x-amz-checksum-crc32c:sOO8/Q==\n\r\n"
      "x-amz-trailer-signature:"
      "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
  EXPECT_EQ(decode_whole(one, body).outcome, "ok");
  std::string bad = body;
  bad[bad.find("sOO8")] = 't';
  EXPECT_EQ(decode_whole(one, bad).outcome, "SignatureDoesNotMatch");
  bad = body;
  bad[bad.find("d81f")] = 'e';
  EXPECT_EQ(decode_whole(one, bad).outcome, "SignatureDoesNotMatch");
  bad = body.substr(0, body.find("x-amz-trailer-signature"));
  EXPECT_EQ(decode_whole(one, bad).outcome, "MalformedTrailerError");
  bad = body.substr(0, body.find("x-amz-checksum"));
  EXPECT_EQ(decode_whole(one, bad).outcome, "MalformedTrailerError");
}

TEST(AwsChunked, EcdsaIsNotImplemented) {
  for (const char* name : {"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
                           "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"}) {
    const Payload payload = *parse_payload(name);
    EXPECT_EQ(outcome(AwsChunkedDecoder::create(payload, 0, {}, {})), "NotImplemented");
  }
}

TEST(AwsChunked, ContentEncodingAndDecodedLength) {
  EXPECT_EQ(without_aws_chunked("aws-chunked"), "");
  EXPECT_EQ(without_aws_chunked("gzip,aws-chunked"), "gzip");
  EXPECT_EQ(without_aws_chunked("aws-chunked, gzip , br"), "gzip, br");
  for (const char* text : {"", "abc", "-1", "+1", "1 ", "99999999999999999999"}) {
    TestRequest request("PUT", "/", {{"x-amz-decoded-content-length", text}});
    EXPECT_EQ(outcome(decoded_content_length(request.view())), "MissingContentLength") << text;
  }
  TestRequest none("PUT", "/", {});
  EXPECT_EQ(outcome(decoded_content_length(none.view())), "MissingContentLength");
}

}  // namespace
}  // namespace cairn::s3
