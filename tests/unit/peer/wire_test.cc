// Property: what one node encodes another one decodes to the same, and nothing else is taken for a
// question or an answer.
#include "peer/wire.h"

#include <gtest/gtest.h>

#include <string>

namespace cairn::peer {
namespace {

Question question() {
  Question question;
  for (size_t i = 0; i < question.chunk.bytes.size(); ++i) {
    question.chunk.bytes[i] = static_cast<uint8_t>(i * 7);
  }
  question.range = {65536, MiB};
  return question;
}

std::optional<Question> parse(const std::string& target) {
  const size_t mark = std::min(target.find('?'), target.size());
  return parse_question(target.substr(0, mark), target.substr(std::min(mark + 1, target.size())));
}

TEST(PeerWireTest, AQuestionComesAsItWent) {
  Question one = question();
  EXPECT_EQ(parse(target_of(one)), one);
  one.is_copy = one.pin = one.warm = true;
  one.urgency = storage::Urgency::kBackground;
  EXPECT_EQ(parse(target_of(one)), one);
  // A newer node may say more.
  EXPECT_EQ(parse(target_of(one) + "&later=thing"), one);
}

TEST(PeerWireTest, WhatIsNoQuestionIsRefused) {
  const std::string good = target_of(question());
  ASSERT_TRUE(parse(good));
  const std::string path = good.substr(0, good.find('?'));
  for (const std::string& bad :
       {path, path + "?from=0", path + "?size=1&from=-1", path + "?size=0&from=0",
        path + "?from=0&size=99999999999", path + "?from=8454144&size=1",
        path + "?from=0&size=1&urgency=3", path + "?from=0&size=1&copy=2",
        path + "?from=0x1&size=1", path.substr(0, path.size() - 1) + "?from=0&size=1",
        path + "0?from=0&size=1", "/v1/chunks/" + std::string(64, 'g') + "?from=0&size=1",
        path + "?from=0&size=1&" + std::string(300, 'a')}) {
    EXPECT_FALSE(parse(bad)) << bad;
  }
}

TEST(PeerWireTest, AnAnswerHeadComesAsItWent) {
  AnswerHead head;
  head.outcome = AnswerHead::Outcome::kBytes;
  head.owners_count = 3;
  head.header_bytes = 1234;
  head.data_bytes = MiB;
  head.payload_bytes = 4 * MiB + 1;
  head.checksum = 0x0123456789ABCDEF;
  const auto bytes = encode(head);
  EXPECT_EQ(bytes[0], kAnswerMark);
  EXPECT_EQ(decode_answer(BytesView(bytes).subspan(1)), head);
}

TEST(PeerWireTest, SizesThatNoAnswerHasAreRefused) {
  const AnswerHead good{.outcome = AnswerHead::Outcome::kBytes,
                        .owners_count = 1,
                        .header_bytes = 100,
                        .data_bytes = 10,
                        .payload_bytes = 10,
                        .checksum = 0};
  const auto decodes = [](const AnswerHead& head) {
    const auto bytes = encode(head);
    return decode_answer(BytesView(bytes).subspan(1)).has_value();
  };
  ASSERT_TRUE(decodes(good));
  AnswerHead bad = good;
  bad.header_bytes = crypto::kSealedHeaderBytesMax + 1;
  EXPECT_FALSE(decodes(bad));
  bad = good;
  bad.data_bytes = 11;
  EXPECT_FALSE(decodes(bad));
  bad = good;
  bad.payload_bytes = kPayloadBytesMax + 1;
  EXPECT_FALSE(decodes(bad));
  bad = good;
  bad.owners_count = 0;
  EXPECT_FALSE(decodes(bad));
  bad.owners_count = kOwnersMax + 1;
  EXPECT_FALSE(decodes(bad));
  bad = good;
  bad.outcome = static_cast<AnswerHead::Outcome>(3);
  EXPECT_FALSE(decodes(bad));
  EXPECT_FALSE(decode_answer(Bytes(kAnswerHeadBytes - 1)));
  EXPECT_FALSE(decode_answer(Bytes(kAnswerHeadBytes + 1)));
}

}  // namespace
}  // namespace cairn::peer
