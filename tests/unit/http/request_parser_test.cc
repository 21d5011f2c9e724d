// Property: a request head is accepted exactly when RFC 9112 allows it unambiguously, with the
// right status otherwise, and the verdict does not depend on how the bytes arrive. Method: a table
// of heads, each parsed whole, byte by byte, and at random splits at new addresses.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "http/head_parser.h"

namespace cairn::http {
namespace {

struct Verdict {
  Progress progress = Progress::kIncomplete;
  int status = 0;
  size_t head_size_bytes = 0;
  std::string dump;  // Everything the head says.
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

std::string dump_of(const RequestHead& head) {
  std::string text;
  for (const std::string_view part : {head.method, head.target, head.path, head.query, head.host}) {
    text.append(part).append("|");
  }
  text += head.has_query ? "?" : "-";
  text += head.is_chunked ? "T" : "-";
  text += head.keep_alive ? "K" : "-";
  text += head.expect_continue ? "E" : "-";
  text += head.version == Version::kHttp11 ? "1" : "0";
  text += head.content_length ? std::to_string(*head.content_length) : "none";
  for (const Field field : head.fields) {
    text.append("|").append(field.name).append("=").append(field.value);
  }
  return text;
}

// Gives the bytes up to each of `splits` in turn, each time in fresh memory of the exact size, so
// that a read beyond the end is a fault under ASan and stale positions show.
Verdict parse_in_steps(std::string_view text, const std::vector<size_t>& splits) {
  RequestParser parser;
  auto head = std::make_unique<RequestHead>();
  Verdict verdict;
  for (const size_t size_bytes : splits) {
    std::unique_ptr<uint8_t[]> copy(new uint8_t[size_bytes]);
    std::memcpy(copy.get(), text.data(), size_bytes);
    verdict.progress = parser.parse({copy.get(), size_bytes}, *head);
    if (verdict.progress == Progress::kComplete) {
      verdict.head_size_bytes = parser.head_size_bytes();
      verdict.dump = dump_of(*head);
    }
    if (verdict.progress != Progress::kIncomplete) break;
  }
  verdict.status = parser.rejection().status;
  return verdict;
}

Verdict parse_whole(std::string_view text) {
  return parse_in_steps(text, {text.size()});
}

std::string with_field(std::string_view line) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n";
}

struct Case {
  std::string text;
  int status;  // 0 = accepted.
};

std::string fields_of(size_t fields_count) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (size_t i = 1; i < fields_count; ++i) text += "a: b\r\n";
  return text + "\r\n";
}

using namespace std::string_literals;

const std::vector<Case> kCases = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /b/k%20x?a=b&c?d HTTP/1.1\r\nHost: a:9000\r\nA:\r\nB:  \t x \t\r\n\r\n", 0},
    {"GET http://h:1/p?q HTTP/1.1\r\nHost: H:1\r\n\r\n", 0},
    {"GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n", 0},
    {"GET http://h/p HTTP/1.1\r\nHost: other\r\n\r\n", 400},
    {"GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET ftp://h/p HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 400},
    {"GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    // Request line.
    {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
    {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
    {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/+1.1\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
    {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
    {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
    {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {std::string(kMethodBytesMax, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {std::string(kMethodBytesMax + 1, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
    {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\n"s, 400},
    // Bounds.
    {"GET /" + std::string(kTargetBytesMax - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"GET /" + std::string(kTargetBytesMax, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
    {"GET /" + std::string(kHeadBytesMax, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
    {"GET /" + std::string(kHeadBytesMax, 'a'), 414},
    {with_field("A: " + std::string(kHeadBytesMax - 32, 'x')), 0},
    {with_field("A: " + std::string(kHeadBytesMax - 31, 'x')), 431},
    {with_field("A: " + std::string(kHeadBytesMax, 'x')), 431},
    {with_field(std::string(kHeadBytesMax, 'x')), 431},
    {fields_of(kFieldsMax), 0},
    {fields_of(kFieldsMax + 1), 431},
    // Field lines.
    {with_field("A : b"), 400},
    {with_field("A\t: b"), 400},
    {with_field(" A: b"), 400},
    {with_field("A: b\r\n folded"), 400},
    {with_field("A: b\r\n\tfolded"), 400},
    {with_field("A"), 400},
    {with_field(": b"), 400},
    {with_field("A(: b"), 400},
    {with_field("\xc3\xa4: b"), 400},
    {with_field("A: b\nB: c"), 400},
    {with_field("A: b\rB: c"), 400},
    {with_field("A: b\r\r\nB: c"), 400},
    {with_field("A: b\0c"s), 400},
    {with_field("A: b\x1b[c"), 400},
    {with_field("A: b\x7f"), 400},
    {with_field("A: b\tc \xc3\xa4"), 0},
    {with_field("A: seventeen bytes!\x01"), 400},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\n\n", 400},
    // Host.
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.0\r\n\r\n", 0},
    {with_field("host: a"), 400},
    {"GET / HTTP/1.0\r\nHost: a\r\nHOST: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0},
    // Content-Length.
    {with_field("Content-Length: 0"), 0},
    {with_field("Content-Length: 9223372036854775807"), 0},
    {with_field("Content-Length: 9223372036854775808"), 400},
    {with_field("Content-Length: 18446744073709551616"), 400},
    {with_field("Content-Length: 18446744073709551621"), 400},
    {with_field("Content-Length: 99999999999999999999999"), 400},
    {with_field("Content-Length: 007"), 0},
    {with_field("Content-Length: +5"), 400},
    {with_field("Content-Length: -5"), 400},
    {with_field("Content-Length: 0x5"), 400},
    {with_field("Content-Length: 5_0"), 400},
    {with_field("Content-Length: 5 0"), 400},
    {with_field("Content-Length: 5.0"), 400},
    {with_field("Content-Length:"), 400},
    {with_field("Content-Length: 5, 5"), 400},
    {with_field("Content-Length: 5\r\nContent-Length: 5"), 400},
    {with_field("Content-Length: 5\r\ncontent-length: 6"), 400},
    // Transfer-Encoding.
    {with_field("Transfer-Encoding: chunked"), 0},
    {with_field("transfer-encoding:chunked"), 0},
    {with_field("Transfer-Encoding: Chunked"), 400},
    {with_field("Transfer-Encoding: gzip"), 400},
    {with_field("Transfer-Encoding: gzip, chunked"), 400},
    {with_field("Transfer-Encoding: chunked, chunked"), 400},
    {with_field("Transfer-Encoding: chunked, identity"), 400},
    {with_field("Transfer-Encoding: xchunked"), 400},
    {with_field("Transfer-Encoding: \"chunked\""), 400},
    {with_field("Transfer-Encoding: chunked;a=b"), 400},
    {with_field("Transfer-Encoding: identity"), 400},
    {with_field("Transfer-Encoding:"), 400},
    {with_field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
    {with_field("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400},
    {with_field("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400},
    {"GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    // Connection and Expect.
    {with_field("Connection: close"), 0},
    {with_field("Connection: x, CLOSE ,y"), 0},
    {with_field("Expect: 100-Continue"), 0},
    {with_field("Expect: 200-maybe"), 0},
};

TEST(RequestParser, VerdictOfEachRule) {
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.text.substr(0, 120));
    const Verdict verdict = parse_whole(test.text);
    EXPECT_EQ(verdict.progress, test.status == 0 ? Progress::kComplete : Progress::kRejected);
    EXPECT_EQ(verdict.status, test.status);
    if (test.status == 0) {
      EXPECT_EQ(verdict.head_size_bytes, test.text.size());
    }
  }
}

TEST(RequestParser, VerdictDoesNotDependOnSplits) {
  SeededRandom random(1);
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.text.substr(0, 120));
    const Verdict whole = parse_whole(test.text);
    std::vector<size_t> steps;
    // Long heads in large steps, so that the test stays quick.
    const size_t step = test.text.size() / 600 + 1;
    for (size_t size = 0; size < test.text.size(); size += step) steps.push_back(size);
    steps.push_back(test.text.size());
    EXPECT_EQ(parse_in_steps(test.text, steps), whole);
    for (int round = 0; round < 5; ++round) {
      const size_t first = random.below(test.text.size() + 1);
      const size_t second = first + random.below(test.text.size() - first + 1);
      EXPECT_EQ(parse_in_steps(test.text, {first, second, test.text.size()}), whole)
          << first << " " << second;
    }
  }
}

TEST(RequestParser, BytesBehindTheHeadDoNotMatter) {
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.text.substr(0, 120));
    // An incomplete line would simply go on, so only accepted heads are extended.
    if (test.status != 0) continue;
    EXPECT_EQ(parse_whole(test.text + "GET /2 HTTP/1.1\r\n\r\n\x01\n"), parse_whole(test.text));
  }
}

TEST(RequestParser, GivesRawViews) {
  const std::string text =
      "PUT /b//k%2f?list-type=2&x=%20 HTTP/1.1\r\nHost: B.example:9000\r\n"
      "X-Amz-Meta-A:  one  two \r\nx-amz-meta-a: three\r\nContent-Length: 12\r\n"
      "Expect: 100-CONTINUE\r\nConnection: Close\r\n\r\n";
  RequestParser parser;
  RequestHead head;
  ASSERT_EQ(parser.parse(as_bytes(text), head), Progress::kComplete);
  EXPECT_EQ(head.method, "PUT");
  EXPECT_EQ(head.target, "/b//k%2f?list-type=2&x=%20");
  EXPECT_EQ(head.path, "/b//k%2f");
  EXPECT_EQ(head.query, "list-type=2&x=%20");
  EXPECT_TRUE(head.has_query);
  EXPECT_EQ(head.host, "B.example:9000");
  EXPECT_EQ(head.get("X-AMZ-meta-a"), "one  two");
  EXPECT_EQ(head.fields.count("x-amz-meta-A"), 2U);
  EXPECT_EQ(head.fields[2].value, "three");
  EXPECT_EQ(head.fields[2].name, "x-amz-meta-a");
  EXPECT_EQ(head.get("absent"), std::nullopt);
  EXPECT_EQ(head.content_length, 12U);
  EXPECT_TRUE(head.expect_continue);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_TRUE(head.has_body());
}

TEST(RequestParser, KeepAliveByVersionAndOption) {
  const auto keeps = [](std::string_view version, std::string_view option) {
    const std::string text = "GET / HTTP/" + std::string(version) +
                             "\r\nHost: a\r\nConnection: " + std::string(option) + "\r\n\r\n";
    RequestParser parser;
    RequestHead head;
    EXPECT_EQ(parser.parse(as_bytes(text), head), Progress::kComplete);
    return head.keep_alive;
  };
  EXPECT_TRUE(keeps("1.1", "x"));
  EXPECT_FALSE(keeps("1.1", "keep-alive, close"));
  EXPECT_FALSE(keeps("1.0", "x"));
  EXPECT_TRUE(keeps("1.0", "Keep-Alive"));
  EXPECT_FALSE(keeps("1.0", "keep-alive, close"));
}

TEST(RequestParser, AsteriskAndEmptyPath) {
  RequestHead head;
  RequestParser parser;
  const std::string text = "GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n";
  ASSERT_EQ(parser.parse(as_bytes(text), head), Progress::kComplete);
  EXPECT_EQ(head.path, "/");
  EXPECT_EQ(head.query, "q");
}

TEST(ResponseParser, AcceptsAndRefuses) {
  const auto verdict = [](std::string_view text) {
    ResponseParser parser;
    ReceivedHead head;
    return parser.parse(as_bytes(text), head);
  };
  EXPECT_EQ(verdict("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), Progress::kComplete);
  EXPECT_EQ(verdict("HTTP/1.1 200 \r\n\r\n"), Progress::kComplete);
  EXPECT_EQ(verdict("HTTP/1.1 200\r\n\r\n"), Progress::kComplete);
  EXPECT_EQ(verdict("HTTP/1.1 200 OK\r\nContent-Len"), Progress::kIncomplete);
  EXPECT_EQ(verdict("HTTP/1.1 2000 OK\r\n\r\n"), Progress::kRejected);
  EXPECT_EQ(verdict("HTTP/1.1 099 OK\r\n\r\n"), Progress::kRejected);
  EXPECT_EQ(verdict("HTTP/2.0 200 OK\r\n\r\n"), Progress::kRejected);
  EXPECT_EQ(verdict("HTTP/1.1 200 O\rK\r\n\r\n"), Progress::kRejected);
  EXPECT_EQ(verdict("HTTP/1.1 200 OK\nA: b\r\n\r\n"), Progress::kRejected);
  EXPECT_EQ(verdict("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"),
            Progress::kRejected);
  EXPECT_EQ(verdict("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Progress::kRejected);
  EXPECT_EQ(verdict("HTTP/1.1 200 OK\r\nA: " + std::string(kHeadBytesMax, 'x')),
            Progress::kRejected);
  EXPECT_EQ(verdict(std::string(kHeadBytesMax, 'x')), Progress::kRejected);
}

}  // namespace
}  // namespace cairn::http
