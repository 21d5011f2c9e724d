// Property: a message within the bounds comes back as it was written; anything else is refused with
// a sentence. Method: messages made of proto/native.proto by hand, at and beyond every bound.
#include "native/messages.h"

#include <gtest/gtest.h>

#include "proto/native.pb.h"

namespace cairn::native {
namespace {

namespace wire = proto::native;

std::string names(size_t count, uint32_t size_bytes = 100) {
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    std::string name(kNameBytes, 'h');
    store_le(reinterpret_cast<uint8_t*>(name.data()) + 32, size_bytes);
    out += name;
  }
  return out;
}

template <typename Parsed>
void expect_refused(const Result<Parsed>& parsed, std::string_view word) {
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
  EXPECT_NE(parsed.error().message.find(word), std::string::npos) << parsed.error().message;
}

TEST(NativeMessages, Offer) {
  wire::OfferRequest offer;
  const auto parse = [&] { return parse_offer(as_bytes(offer.SerializeAsString())); };
  offer.set_chunks(names(object::kNativeOfferNamesMax));
  EXPECT_EQ(parse().value().size(), object::kNativeOfferNamesMax);
  EXPECT_EQ(parse().value()[7].size_bytes, 100U);
  EXPECT_LE(offer.SerializeAsString().size(), kOfferBytesMax);
  offer.set_chunks(names(object::kNativeOfferNamesMax + 1));
  expect_refused(parse(), "at once");
  offer.set_chunks(names(1) + "x");
  expect_refused(parse(), "36 bytes");
  offer.set_chunks(names(1, 0));
  expect_refused(parse(), "a chunk has 1 to");
  offer.set_chunks(names(1, object::kBodyChunkBytesMax + 1));
  expect_refused(parse(), "a chunk has 1 to");
}

TEST(NativeMessages, FillHead) {
  wire::FillHead head;
  const auto parse = [&] { return parse_fill_head(as_bytes(head.SerializeAsString())); };
  head.set_segments(names(3));
  EXPECT_EQ(parse().value().sent_bytes(), 300U);
  head.set_sent(std::string("\1\0\1", 3));
  EXPECT_EQ(parse().value().sent_bytes(), 200U);
  head.set_sent("\1");
  expect_refused(parse(), "`sent`");
  head.clear_sent();
  head.set_segments({});
  expect_refused(parse(), "no segments");
  head.set_segments(names(object::kSegmentsPerChunkMax + 1));
  expect_refused(parse(), "segments");
  head.set_segments(names(33, 256 * KiB));
  expect_refused(parse(), "bytes");
}

TEST(NativeMessages, CommitTakesAWholeUpload) {
  wire::CommitRequest commit;
  commit.set_chunks(names(object::kNativeChunksMax));
  const std::string body = commit.SerializeAsString();
  EXPECT_LE(body.size(), kCommitBytesMax);
  EXPECT_EQ(parse_commit(as_bytes(body)).value().size(), object::kNativeChunksMax);
  commit.set_chunks(names(object::kNativeChunksMax + 1));
  expect_refused(parse_commit(as_bytes(commit.SerializeAsString())), "at once");
}

TEST(NativeMessages, SegmentsAreCountedThroughAllChunks) {
  wire::SegmentsRequest request;
  for (size_t i = 0; i < 8; ++i) request.add_chunks(names(512));
  EXPECT_EQ(parse_segments(as_bytes(request.SerializeAsString())).value().size(), 8U);
  request.add_chunks(names(1));
  expect_refused(parse_segments(as_bytes(request.SerializeAsString())), "at once");
}

TEST(NativeMessages, Begin) {
  wire::BeginRequest begin;
  begin.set_size_bytes(77);
  EXPECT_EQ(parse_begin(as_bytes(begin.SerializeAsString())).value().size_bytes, 77U);
  begin.set_sha256(std::string(32, 'x'));
  EXPECT_EQ(parse_begin(as_bytes(begin.SerializeAsString())).value().sha256->front(), 'x');
  begin.set_sha256("short");
  expect_refused(parse_begin(as_bytes(begin.SerializeAsString())), "32 bytes");
}

TEST(NativeMessages, Proofs) {
  wire::ProveRequest prove;
  auto* const proof = prove.add_proofs();
  proof->set_chunk(names(1));
  proof->set_nonce(std::string(32, 'n'));
  proof->set_answer(std::string(32, 'a'));
  EXPECT_EQ(parse_prove(as_bytes(prove.SerializeAsString())).value().front().answer[0], 'a');
  proof->set_nonce("n");
  expect_refused(parse_prove(as_bytes(prove.SerializeAsString())), "a nonce");
  prove.Clear();
  for (size_t i = 0; i <= kProofsMax; ++i) prove.add_proofs();
  expect_refused(parse_prove(as_bytes(prove.SerializeAsString())), "at once");
}

}  // namespace
}  // namespace cairn::native
