// Property: a table of resources answers as its patterns do one by one, however long the text in
// front of the wildcard is and whatever follows it, and a network contains exactly the addresses
// that share its first bits. Method: all lengths around the words that are compared first, against
// Pattern itself; all prefix lengths, against a comparison bit by bit.
#include "iam/resource_match.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>

#include "base/random.h"
#include "iam/values.h"
#include "test_keys.h"

namespace cairn::iam {
namespace {

TEST(ResourceTable, AnswersAsThePatternsDoAtEveryLength) {
  constexpr size_t kLengthMax = 40;
  const TableKeys keys({{"aws:username", {"b"}}});
  std::string text;
  for (size_t i = 0; i < kLengthMax; ++i) text += static_cast<char>('a' + i % 7);
  for (size_t length = 0; length <= kLengthMax; ++length) {
    for (const char* const end : {"", "*", "?", "*x", "${aws:username}", "${aws:userid2}", "/*"}) {
      const std::string written = std::string(kS3Arn) + text.substr(0, length) + end;
      const Pattern pattern = Pattern::compile(written, {}).value();
      ResourceTable table;
      ResourceRange others;
      ResourceRange range;
      table.add(Pattern::compile("*", {}).value(), others);
      table.add(pattern, range);
      for (size_t given = 0; given <= kLengthMax; ++given) {
        for (const char* const more : {"", "a", "b", "x", "/x", "\x01"}) {
          const std::string resource = std::string(kS3Arn) + text.substr(0, given) + more;
          const Request request{.action = "s3:GetObject", .resource = resource, .keys = &keys};
          EXPECT_EQ(table.match(range, request), pattern.match(resource, keys))
              << written << " and " << resource;
        }
      }
      const Request other{.action = "s3:ListAllMyBuckets", .resource = "*", .keys = &keys};
      EXPECT_EQ(table.match(range, other), pattern.match("*", keys)) << written;
    }
  }
}

TEST(ResourceTable, AsksEveryPatternOfAStatementAndNoneOfItsNeighbours) {
  const TableKeys keys({});
  ResourceTable table;
  ResourceRange first;
  ResourceRange second;
  table.add(Pattern::compile("arn:aws:s3:::one/*", {}).value(), first);
  table.add(Pattern::compile("arn:aws:s3:::two", {}).value(), first);
  table.add(Pattern::compile("arn:aws:s3:::three/${aws:username}", {}).value(), second);
  const auto match = [&](ResourceRange range, std::string_view resource) {
    return table.match(range, {.action = "s3:GetObject", .resource = resource, .keys = &keys});
  };
  EXPECT_EQ(match(first, "arn:aws:s3:::one/a"), Pattern::Match::kYes);
  EXPECT_EQ(match(first, "arn:aws:s3:::two"), Pattern::Match::kYes);
  EXPECT_EQ(match(first, "arn:aws:s3:::three/x"), Pattern::Match::kNo);
  EXPECT_EQ(match(second, "arn:aws:s3:::one/a"), Pattern::Match::kUnresolved);
  EXPECT_EQ(match({}, "arn:aws:s3:::one/a"), Pattern::Match::kNo);
}

std::string text_of(const std::array<uint8_t, 16>& address) {
  char text[INET6_ADDRSTRLEN];
  return ::inet_ntop(AF_INET6, address.data(), text, sizeof(text));
}

TEST(IpNetwork, ContainsWhatSharesItsFirstBits) {
  SeededRandom random(7);
  for (unsigned bits = 0; bits <= 128; ++bits) {
    for (unsigned flipped = 0; flipped < 128; ++flipped) {
      std::array<uint8_t, 16> address;
      for (uint8_t& byte : address) byte = static_cast<uint8_t>(random.below(256));
      address[0] = 0x20;  // Global unicast: never an IPv4-mapped address.
      const IpNetwork network =
          parse_ip_network(fmt::format("{}/{}", text_of(address), bits)).value();
      address[flipped / 8] ^= static_cast<uint8_t>(0x80U >> flipped % 8);
      const IpNetwork other = parse_ip_network(text_of(address)).value();
      EXPECT_EQ(network.contains(other), flipped >= bits) << bits << " " << flipped;
    }
  }
}

TEST(IpNetwork, ContainsV4WhateverWayItIsWritten) {
  for (unsigned bits = 0; bits <= 32; ++bits) {
    const IpNetwork network = parse_ip_network(fmt::format("192.168.1.77/{}", bits)).value();
    for (unsigned flipped = 0; flipped < 32; ++flipped) {
      const uint32_t number = 0xC0A8014DU ^ (0x80000000U >> flipped);
      const std::string text = fmt::format("{}.{}.{}.{}", number >> 24, number >> 16 & 255,
                                           number >> 8 & 255, number & 255);
      EXPECT_EQ(network.contains(parse_ip_network(text).value()), flipped >= bits) << text;
      EXPECT_EQ(network.contains(parse_ip_network("::ffff:" + text).value()), flipped >= bits);
    }
  }
  EXPECT_FALSE(parse_ip_network("::/0")->contains(*parse_ip_network("10.0.0.1")));
  EXPECT_FALSE(parse_ip_network("0.0.0.0/0")->contains(*parse_ip_network("2001:db8::1")));
}

}  // namespace
}  // namespace cairn::iam
